"""The console script: answers a command from its note if that is valid, else runs it."""

from __future__ import annotations

import sys

from flowrun.store.memo import replay


def main() -> None:
    """Run the command line; the exit codes are those of `flowrun.cli.main`."""
    try:
        code = replay(sys.argv[1:])
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has ended; an error would reach nobody
        code = 1
    except KeyboardInterrupt:
        code = 130
    if code is None:
        from flowrun.cli.main import main as run_command_line

        run_command_line()
    sys.exit(code)
