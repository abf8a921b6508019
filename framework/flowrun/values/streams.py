"""The three streams of a command, of which any may be closed, full, or without a reader.

What cannot be printed ends no command: its results are kept, and at the end a line says why the
output is incomplete. A reader that has ended, as `head` does, is no failure: the command ends.

This module is imported before any other, so it imports next to nothing.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

UNREAD, WRONG = 1, 2  # exit codes: the reader of the output has ended; the output is incomplete
_NAMES = ("stdin", "stdout", "stderr")
_OUT = 1  # the descriptor of standard output
_ASCII = ("ascii", "us-ascii", "ansi_x3.4-1968", "646")
_CLOSED, _NO_READER = "standard output is closed", ""

_is_closed = False  # standard output, when the command began
_ends_with_reader = True  # whether BrokenPipeError is raised
_lost: str | None = None  # why something that was written to standard output is lost


def open_streams(*, ends_with_reader: bool = True) -> None:
    """Make every stream one that can be used, whatever the command was started with.

    A stream that was closed gets the null device, before any other file gets its number: what is
    printed would go into that file. An encoding that has ASCII alone is taken for a locale that is
    not set, as click does; a character that another one lacks is written escaped.

    ends_with_reader: whether a reader of standard output that has ended raises BrokenPipeError.
    """
    global _is_closed, _ends_with_reader
    _ends_with_reader = ends_with_reader
    for number, name in enumerate(_NAMES):
        if getattr(sys, name) is None:
            _is_closed |= number == _OUT
            _open_null(number)
            mode = "w" if number else "r"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for number, name in enumerate(_NAMES[1:], 1):
        text = getattr(sys, name)
        if _is_own(text, number):
            text.flush()
            setattr(sys, name, _guarded(text, number))


def lend_output() -> None:
    """Note that another process prints on our standard output, which is lost if that is closed."""
    global _lost
    if _is_closed:
        _lost = _CLOSED


def code_at_end(code: int) -> int:
    """The exit code of a command whose own is `code`; says it if its output is incomplete."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _open_null(_OUT)  # for what is still to be written, which Python does when it ends
        return max(code, UNREAD)
    if _lost is None:
        return code
    if _lost == _NO_READER:
        return max(code, UNREAD)
    sys.stderr.write(f"error: the output is incomplete: {_lost}\n")
    return max(code, WRONG)


class Output(io.FileIO):
    """Standard output or standard error as bytes: the first write that fails is the last.

    is_out: whether it is standard output, perhaps under another number.
    """

    def __init__(self, number: int, *, is_out: bool) -> None:
        super().__init__(number, "wb", closefd=False)
        self.name = f"<{_NAMES[1 if is_out else 2]}>"
        self._is_out = is_out
        self._has_failed = False

    def write(self, content: Any) -> int:
        """Write, or say that it was done though it cannot be."""
        size = memoryview(content).nbytes
        if not size or self._has_failed:  # (a full disk refuses no bytes at all, too)
            return size
        if self._is_out and _is_closed:
            return self._give_up(_CLOSED, size)
        try:
            written = super().write(content)
            while written is None:  # whoever opened it wants no program to wait for the reader
                _wait_for(self.fileno())
                written = super().write(content)
        except BrokenPipeError:
            if self._is_out and _ends_with_reader:
                raise
            return self._give_up(_NO_READER, size)
        except OSError as error:
            return self._give_up(f"writing to standard output: {error.strerror}", size)
        return written

    def _give_up(self, reason: str, size: int) -> int:
        global _lost
        self._has_failed = True
        if self._is_out and _lost is None:
            _lost = reason
        return size


def _wait_for(number: int) -> None:
    import select

    select.select([], [number], [])


def _open_null(number: int) -> None:
    found = os.open(os.devnull, os.O_RDWR)
    if found == number:
        os.set_inheritable(number, True)
    else:
        os.dup2(found, number)
        os.close(found)


def _is_own(text: Any, number: int) -> bool:
    """Whether a stream is one that Python opened; not if whoever calls us has replaced it."""
    if type(text) is not io.TextIOWrapper:
        return False
    raw = getattr(text.buffer, "raw", text.buffer)
    return type(raw) is io.FileIO and raw.fileno() == number


def _guarded(text: io.TextIOWrapper, number: int) -> io.TextIOWrapper:
    raw = Output(number, is_out=number == _OUT)
    encoding = "utf-8" if text.encoding.lower() in _ASCII else text.encoding
    return io.TextIOWrapper(
        raw if text.write_through else io.BufferedWriter(raw),
        encoding=encoding, errors="backslashreplace",
        line_buffering=text.line_buffering, write_through=text.write_through,
    )  # fmt: skip
