"""The environment variables and options of Python that it and the C library read for themselves.

What any code gives may depend on them, though it does not ask for them. Beside them, flowrun's own
variable of its folder. This module is imported before any other, so it imports next to nothing.
"""

from __future__ import annotations

import os
import sys

HOME = "FLOWRUN_HOME"  # the variable that names the folder of the store and the runs
KEY = "FLOWRUN_STORE_KEY"  # a secret in place of the user's key: for CI, or the store of a team

_NAMES = (
    "LANG LANGUAGE LC_ALL LC_COLLATE LC_CTYPE LC_MESSAGES LC_MONETARY LC_NUMERIC LC_TIME "
    "PYTHONHASHSEED PYTHONIOENCODING PYTHONUTF8 TZ"
).split()


def home() -> str:
    """The folder of the store and the runs, as `FLOWRUN_HOME` names it: `.flowrun` by default."""
    return os.environ.get(HOME) or ".flowrun"


def _present() -> dict[str, str]:
    return {name: value for name in _NAMES if (value := os.environ.get(name))}


def _modes() -> dict[str, str]:
    """The modes in which Python was started by `-X`, or by a variable."""
    modes = {"-X utf8": sys.flags.utf8_mode, "-X dev": sys.flags.dev_mode}
    return {name: "1" for name, is_on in modes.items() if is_on}


_MODES = _modes()
_FIRST = _present()  # most are read once, when the process starts


def surroundings() -> dict[str, str]:
    """Those that were set when the process began, and those that were changed since."""
    now = _present()
    if now == _FIRST:
        return _FIRST | _MODES
    changed = {name for name in _NAMES if now.get(name) != _FIRST.get(name)}
    return _FIRST | _MODES | {f"{name}, changed": now.get(name, "") for name in changed}
