"""Prevents side effects in a check: written files, started processes, opened connections."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowrun.errors import NeedsDataError, shown_path
from flowrun.plugins.observation.ownership import temporary_folder

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
_CHANGES = {  # audit events that change files, and the verb for their first argument
    "os.remove": "removes", "os.rename": "renames", "os.rmdir": "removes", "os.mkdir": "makes",
    "os.truncate": "truncates", "os.link": "links", "os.symlink": "links", "os.chmod": "changes",
    "shutil.rmtree": "removes", "shutil.copyfile": "copies", "shutil.move": "moves",
}  # fmt: skip
_BEGINNINGS = {
    "subprocess.Popen": "starts a process", "os.system": "starts a process",
    "os.exec": "starts a process", "os.posix_spawn": "starts a process",
    "os.fork": "starts a process", "os.forkpty": "starts a process",
    "socket.connect": "opens a connection", "socket.getaddrinfo": "opens a connection",
}  # fmt: skip


class _Guard:
    """The state of Python's audit hook, which cannot be removed, only switched off."""

    def __init__(self) -> None:
        self.is_installed = False
        self.is_on = False
        self.folders: tuple[str, ...] = ()
        self.caches: tuple[str, ...] = ()


_guard = _Guard()


@contextmanager
def no_side_effects(folder: Path) -> Iterator[None]:
    """Raise NeedsDataError if the code inside would have an effect outside this process.

    It is noticed by Python's audit events (sys.audit), so a file written by a library in another
    language is not. Python's caches and temporary files may be written, unless the recipe's folder
    or the current one is itself in the folder of temporary files.
    """
    if not _guard.is_installed:
        sys.addaudithook(_watch)
        _guard.is_installed = True
    _guard.folders = (os.path.realpath(folder), os.path.realpath(Path.cwd()))
    # Called before the hook is on: the first call writes to try the folder, under a lock.
    temporary = os.path.realpath(temporary_folder())
    bytecode = sys.pycache_prefix
    _guard.caches = (temporary, *([] if bytecode is None else [os.path.realpath(bytecode)]))
    _guard.is_on = True
    try:
        yield
    finally:
        _guard.is_on = False


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if not _guard.is_on:
        return
    if event == "open":
        path, mode, flags = (*arguments, None, None, None)[:3]
        writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        by_flags = mode is None and isinstance(flags, int) and bool(flags & _WRITING)
        if (writes or by_flags) and not _is_allowed(path):
            raise _OutsideError(f"it writes the file {_shown(path)}")
    elif event in _CHANGES and not _is_allowed(arguments[0] if arguments else None):
        raise _OutsideError(f"it {_CHANGES[event]} {_shown(arguments[0])}")
    elif event in _BEGINNINGS:
        raise _OutsideError(f"it {_BEGINNINGS[event]}")


class _OutsideError(NeedsDataError, OSError):
    """An OSError as well: libraries expect one if a file (a cache, say) cannot be written."""


def _is_allowed(path: object) -> bool:
    if not isinstance(path, (str, bytes, os.PathLike)):
        return True  # a file descriptor: opening it was an event of its own
    text = os.path.realpath(os.fsdecode(path))
    if "__pycache__" in text or text == os.devnull:
        return True
    is_cache = any(_is_in(text, folder) for folder in _guard.caches)
    return is_cache and not any(_is_in(text, folder) for folder in _guard.folders)


def _is_in(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def _shown(path: object) -> str:
    if not isinstance(path, (str, bytes, os.PathLike)):
        return "a file"
    return shown_path(Path(os.fsdecode(path)))
