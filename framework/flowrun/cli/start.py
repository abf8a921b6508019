"""The console script: answers a command from its note if that is valid, else runs it."""

from __future__ import annotations

import os
import sys

from flowrun.store.memo import replay
from flowrun.values.garbage import pause
from flowrun.values.streams import UNREAD, WRONG, code_at_end, open_streams

_SHOWN = 100  # characters of a name


def main() -> None:
    """Run the command line; the exit codes are those of `flowrun.cli.main`."""
    pause()  # nearly all that is made from here to the command itself stays
    open_streams()
    try:
        code = _answer()
    except BrokenPipeError:
        code = UNREAD  # an error would reach nobody either
    except (OSError, MemoryError) as error:  # the machine has no more files, memory, or disk
        sys.stderr.write(f"error: {str(error) or 'there is not enough memory'}\n")
        code = WRONG
    except UnicodeEncodeError as error:  # of a file's name: the locale is one of ASCII alone
        sys.stderr.write(
            f"error: the encoding of this locale, {error.encoding}, cannot write the name "
            f"{error.object[:_SHOWN]!r}\n    set PYTHONUTF8=1, or a locale of UTF-8\n"
        )
        code = WRONG
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        code = 130
    sys.exit(code_at_end(code))


def _answer() -> int:
    """Answer the command from its note, or run it; returns the exit code."""
    try:
        os.getcwd()  # noqa: PTH109  # pathlib is not loaded yet
    except OSError as error:
        sys.stderr.write(
            f"error: the current folder cannot be found: {error.strerror}\n"
            "    it was removed, or may not be read; change to another one\n"
        )
        return WRONG
    code = replay(sys.argv[1:])
    if code is not None:
        return code
    from flowrun.cli.main import main as run_command_line

    try:
        run_command_line()
    except SystemExit as end:
        return int(end.code or 0)
    return 0
