"""The command line on a terminal: what it writes there, and what one sees of it at the end."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import Python

_CONTROL = re.compile(r"\x1b\[\??([\d;]*)([A-Za-z])")
_OF_COLOURS = ("NO_COLOR", "FORCE_COLOR", "COLUMNS")


def on_terminal(
    folder: Path,
    *arguments: str,
    columns: int = 80,
    during: Callable[[subprocess.Popen[str], str], None] | None = None,
    **environment: str,
) -> tuple[int, str]:
    """The exit code of a command on a terminal of this width, and all that it wrote there.

    during: called with the process and the text so far, each time it has written something.
    """
    pty, fcntl, termios = map(pytest.importorskip, ("pty", "fcntl", "termios"))
    ours, theirs = pty.openpty()
    size = (24).to_bytes(2, "little") + columns.to_bytes(2, "little") + bytes(4)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
    inherited = {name: value for name, value in os.environ.items() if name not in _OF_COLOURS}
    process = Python(
        ["-m", "flowrun", *arguments],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
        env={**inherited, "TERM": "xterm", **environment},
    )  # fmt: skip
    os.close(theirs)
    written = b""
    while True:
        try:
            read = os.read(ours, 65536)
        except OSError:  # the end, on Linux
            break
        if not read:
            break
        written += read
        if during is not None:
            during(process, written.decode(errors="replace"))
    os.close(ours)
    return process.wait(60), written.decode().replace("\r\n", "\n")


def lines_seen(written: str, columns: int) -> list[str]:
    """The lines that a terminal of this width shows in the end."""
    lines, row, column, at = [""], 0, 0, 0
    while at < len(written):
        control = _CONTROL.match(written, at)
        if control is not None:
            at = control.end()
            numbers, letter = control.groups()
            if letter == "A":
                row = max(0, row - int(numbers or 1))
            elif letter == "K":
                lines[row] = "" if numbers == "2" else lines[row][:column]
            continue
        character, at = written[at], at + 1
        if character == "\r":
            column = 0
        elif character == "\n" or column == columns:
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        if character not in "\r\n":
            line = lines[row].ljust(column)
            lines[row] = line[:column] + character + line[column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]
