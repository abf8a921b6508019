"""The states of folders and paths that code asks for, each limited to the question.

A path's existence and size are asked for all the time, and its times seldom: so they are states of
their own, and a file that was touched differs only for code that looks at times.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator

from blake3 import blake3

from flowrun.plugins.observation.ownership import asker_name

real_stat, real_lstat, real_readlink, real_access = os.stat, os.lstat, os.readlink, os.access
real_fstat, real_open = os.fstat, os.open

FILE, FOLDER, LINK = stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK

_MADE = (".flowrun", "__pycache__")  # folders that come into being by the way

# What functions of Python's library ask for; any other, and the user's code, may look at times.
_ASKED = {
    **dict.fromkeys(
        "exists lexists _exists isfile isdir _isdir _lexists islink ismount getsize samefile "
        "realpath _joinrealpath resolve is_file is_dir is_symlink is_mount is_fifo is_socket "
        "is_block_device is_char_device fwalk _fwalk copyfile _samefile _fastcopy_sendfile "
        "rmtree _rmtree_safe_fd _rmtree_unsafe _access_check updatecache checkcache".split(),
        "stat",
    ),
    "copymode": "mode",
    "mtime": "list",  # `importlib.metadata` lists the folder again if its time has changed
}


def names_state(path: str) -> str | None:
    """The digest of the names in a folder, and which of them are folders; None without one."""
    return _digest(path, _name)


def sizes_state(path: str) -> str | None:
    """The same, with the sizes and times of all of these."""
    return _digest(path, lambda entry: f"{_name(entry)} {times_state(entry.path)}")


def stat_state(path: str) -> str | None:
    """What code usually asks of a path: whether it is a file, and its size, or a folder."""
    found = _found(path)
    if found is None:
        return None
    return "folder" if stat.S_ISDIR(found.st_mode) else f"{found.st_size} bytes"


def times_state(path: str) -> str | None:
    """All that code may ask of a path: size, mode, and times; those of a link as well."""
    try:
        found = real_lstat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISLNK(found.st_mode):
        return _times(found)
    return f"{link_state(path)} {found.st_mtime_ns}, {_times(_found(path))}"


def _times(found: os.stat_result | None) -> str:
    if found is None:
        return "none"
    size = "folder" if stat.S_ISDIR(found.st_mode) else f"{found.st_size} bytes"
    return f"{size} {found.st_mode:o} {found.st_mtime_ns}"


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


def kind_of_link(path: str) -> int:
    """The type of a path, which may be that of a link; 0 if there is nothing."""
    try:
        return stat.S_IFMT(real_lstat(path).st_mode)
    except (OSError, ValueError):
        return 0


def kind_of(path: str) -> int:
    """The type of a file as the system has it; 0 if there is none."""
    found = _found(path)
    return 0 if found is None else stat.S_IFMT(found.st_mode)


def kind_of_stat() -> str:
    """What a call of `os.stat` asks for."""
    return _ASKED.get(asker_name(), "times")


def kind_of_lstat() -> str:
    """What a call of `os.lstat` asks for: times, or whether the path is a link."""
    kind = kind_of_stat()
    return kind if kind == "times" else "link"


def _found(path: str) -> os.stat_result | None:
    try:
        return real_stat(path)
    except (OSError, ValueError):
        return None


def _name(entry: os.DirEntry[str]) -> str:
    link = "@" if entry.is_symlink() else ""
    return f"{entry.name}{link}{os.sep}" if entry.is_dir() else f"{entry.name}{link}"


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
