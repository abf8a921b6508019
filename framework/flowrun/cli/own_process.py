"""The command line started again, in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path


def own_command(*arguments: str) -> list[str]:
    """The command that runs `flowrun` with these arguments in a new Python.

    `python -m` would import modules from the current folder, which may be a stranger's: it does so
    only if this process looks for modules there, too.
    """
    own = [] if str(Path.cwd()) in sys.path else ["-P"]
    return [sys.executable, *own, "-m", "flowrun", *arguments]
