"""The states of folders and paths that code asks for, each limited to the question.

A path's existence and size are asked for all the time, and its times seldom: so they are states of
their own, and a file that was touched differs only for code that looks at times.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator

from blake3 import blake3

from flowrun.plugins.ownership import entry_name

real_stat, real_lstat, real_readlink, real_access = os.stat, os.lstat, os.readlink, os.access

FILE, FOLDER = stat.S_IFREG, stat.S_IFDIR

_MADE = (".flowrun", "__pycache__")  # folders that come into being by the way
_OF_TIMES = ("", "stat", "lstat", "getmtime", "getctime", "getatime")


def names_state(path: str) -> str | None:
    """The digest of the names in a folder, and which of them are folders; None without one."""
    return _digest(path, _name)


def sizes_state(path: str) -> str | None:
    """The same, with the sizes and times of the files."""
    return _digest(path, lambda entry: f"{_name(entry)} {times_state(entry.path)}")


def stat_state(path: str) -> str | None:
    """What code usually asks of a path: whether it is a file, and its size, or a folder."""
    found = _found(path)
    if found is None:
        return None
    return "folder" if stat.S_ISDIR(found.st_mode) else f"{found.st_size} bytes"


def times_state(path: str) -> str | None:
    """A file's size, mode and modification time; a folder's mode."""
    found = _found(path)
    if found is None or stat.S_ISDIR(found.st_mode):
        return None if found is None else f"folder {found.st_mode:o}"
    return f"{found.st_size} bytes {found.st_mode:o} {found.st_mtime_ns}"


def mode_state(path: str) -> str | None:
    """A path's type and permissions."""
    found = _found(path)
    return None if found is None else f"{found.st_mode:o}"


def link_state(path: str) -> str | None:
    """The target of a link; the kind of any other path."""
    try:
        mode = real_lstat(path).st_mode
        return f"link to {real_readlink(path)}" if stat.S_ISLNK(mode) else stat_state(path)
    except (OSError, ValueError):
        return None


def kind_of(path: str) -> int:
    """The type of a file as the system has it; 0 if there is none."""
    found = _found(path)
    return 0 if found is None else stat.S_IFMT(found.st_mode)


def kind_of_stat() -> str:
    """What a call of `os.stat` asks for: `times` if the user's code gets all that it returns."""
    return "times" if entry_name() in _OF_TIMES else "stat"


def kind_of_lstat() -> str:
    """What a call of `os.lstat` asks for: the same, or whether the path is a link."""
    return "times" if entry_name() in ("", "lstat") else "link"


def _found(path: str) -> os.stat_result | None:
    try:
        return real_stat(path)
    except (OSError, ValueError):
        return None


def _name(entry: os.DirEntry[str]) -> str:
    return f"{entry.name}{os.sep}" if entry.is_dir() else entry.name


def _digest(path: str, describe: Callable[[os.DirEntry[str]], str]) -> str | None:
    try:
        found = sorted(os.fsencode(one) for one in _described(path, describe))
    except OSError:
        return None
    return blake3(b"\0".join(found)).hexdigest(length=16)


def _described(path: str, describe: Callable[[os.DirEntry[str]], str]) -> Iterator[str]:
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name not in _MADE:
                yield describe(entry)
