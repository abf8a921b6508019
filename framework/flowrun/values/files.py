"""Files of folders from elsewhere: plain names, regular files, and links that stay in a folder.

Such a folder may have a link, a named pipe or a device in the place of any file, and a file in it
may name any path. So a name that was read from a file is used only if it is that of a regular file
directly in one known folder; a file is opened only if it is a regular one; and nothing is written
through a link that leads out of the folder at hand. A plain name has one component, so O_NOFOLLOW
at the opening is enough; no folder above it needs to be opened on its own.

Everyone who reads a file that somebody else may have made uses these functions. The memo of a
command does too, before anything else is loaded: this module imports next to nothing.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_NAME = 255  # characters of a plain name; no common file system takes more bytes
_SHOWN = 40  # characters of a refused name
# Of paths; on Windows also of drives and streams.
_SEPARATORS = frozenset("/\\:" if os.name == "nt" else "/")
_CONTROLS = frozenset(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
# A pipe is then opened at once, though nobody writes to it; a terminal does not become one's own.
_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # Windows has none: there the check before it has to do
_KINDS = {
    stat.S_IFIFO: "a named pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket", stat.S_IFLNK: "a link",
}  # fmt: skip
# The system's own, also while a step's calls of them are observed.
_stat, _lstat, _getcwd = os.stat, os.lstat, os.getcwd

AnyPath = str | os.PathLike[str]


class UnsafeFileError(OSError):
    """A name or a file that is not used because of what it is; the text says what was found."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(errno.EINVAL, reason, str(path))

    def __str__(self) -> str:
        return str(self.strerror)


def plain_name(name: object, *, may_be_hidden: bool = False) -> str:
    """A name that was read from a file, if it names something directly in a folder.

    may_be_hidden: whether it may begin with a dot. Raises UnsafeFileError.
    """
    if not isinstance(name, str):
        raise UnsafeFileError(name, "the name of a file is expected, and this is no text")
    is_plain = (_SEPARATORS | _CONTROLS).isdisjoint(name) and name not in ("", ".", "..")
    if not is_plain or (name.startswith(".") and not may_be_hidden):
        raise UnsafeFileError(name, f"{_shown(name)} is no plain name of a file")
    if len(name) > LONGEST_NAME:
        reason = f"{_shown(name)} is longer than the {LONGEST_NAME} characters of a name"
        raise UnsafeFileError(name, reason)
    return name


def file_below(folder: Path, name: object, *, may_be_hidden: bool = False) -> Path:
    """The regular file, no link, of this name directly in a folder.

    name: one that was read from a file. Raises UnsafeFileError, and FileNotFoundError.
    """
    path = folder / plain_name(name, may_be_hidden=may_be_hidden)
    require_file(path, follow=False)
    if not is_file(path):
        raise UnsafeFileError(path, "it is a folder, and a file is expected")
    return path


def remove_file(path: Path) -> None:
    """Remove a regular file; anything else of that name, such as a link, stays.

    Raises OSError for a file that cannot be removed.
    """
    if is_file(path):
        path.unlink(missing_ok=True)


def is_file(path: AnyPath) -> bool:
    """Whether there is a regular file, and not a link to one."""
    try:
        return stat.S_ISREG(_lstat(path).st_mode)
    except (OSError, ValueError):
        return False


def is_folder(path: AnyPath) -> bool:
    """Whether there is a folder, and not a link to one."""
    try:
        return stat.S_ISDIR(_lstat(path).st_mode)
    except (OSError, ValueError):
        return False


def is_link(path: AnyPath) -> bool:
    """Whether there is a link, to whatever it leads."""
    try:
        return stat.S_ISLNK(_lstat(path).st_mode)
    except (OSError, ValueError):
        return False


def real_path(path: Path) -> Path:
    """The absolute path behind all links.

    Path.resolve raises RuntimeError for links that lead in a circle: here one of them remains, and
    whoever uses it finds no file.
    """
    return type(path)(os.path.realpath(path))


def require_file(path: AnyPath, *, follow: bool = True) -> None:
    """Raise UnsafeFileError for a path that is a pipe, a device or a socket; a folder is none.

    follow: whether a link to a file is accepted. Raises FileNotFoundError if there is nothing.
    """
    try:
        _require_kind(path, _stat(path) if follow else _lstat(path))
    except ValueError:  # a NUL, or half of a pair of surrogates
        reason = f"{_shown(os.fspath(path))} can be no name of a file"
        raise UnsafeFileError(path, reason) from None


def opened(path: AnyPath, *, follow: bool = True) -> BinaryIO:
    """A regular file, opened to be read; raises OSError.

    Nothing else is opened, since to open a device may already do something.
    """
    require_file(path, follow=follow)
    return open(path, "rb", opener=_opened if follow else _opened_without_link)


def read_bytes(path: AnyPath, *, follow: bool = True, most: int = -1) -> bytes:
    """The bytes of a regular file, or the first of them; raises OSError."""
    with opened(path, follow=follow) as file:
        return file.read(most)


def read_whole(path: AnyPath, most: int) -> bytes:
    """The bytes of a regular file, no link, of at most so many bytes.

    Raises UnsafeFileError for anything else, FileNotFoundError, and other OSError.
    """
    with opened(path, follow=False) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise UnsafeFileError(path, f"it has more than {most:,} bytes")
        return file.read(size)


def read_text(path: AnyPath, *, errors: str = "strict") -> str:
    """The text of a regular file in UTF-8, its lines ended by a line feed alone.

    Raises OSError and UnicodeDecodeError.
    """
    text = read_bytes(path).decode("utf-8", errors)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def place_to_write(path: Path, within: Path | None = None) -> Path:
    """The path to write to, for a file at `path`: a link is replaced by what it leads to.

    A link in the place of the file, or of a folder above it, is followed only if the file is then
    still in the folder in which the link lies: so a link of a folder from elsewhere leads to no
    file outside, from wherever a command is started. Looked at are the folders below the current
    one, or below `within` if `path` is elsewhere; what lies above them is the system's. `..`
    undoes the name before it, even that of a link, in the path returned as well. Raises
    UnsafeFileError for a link that leads out, and for a pipe, a device or a socket.
    """
    path = type(path)(os.path.normpath(path))
    start = _absolute(path)
    base = _base_of(start, within)
    reached = base
    for name in start[len(base) :].split(os.sep):
        folder, reached = reached, os.path.join(reached, name)
        try:
            found = _lstat(reached)
        except OSError:
            return path  # it does not exist yet
        if stat.S_ISLNK(found.st_mode):
            return _behind_links(path, start, folder)
    _require_kind(path, found)
    return path


def _behind_links(path: Path, start: str, folder: str) -> Path:
    """The place to which links lead from a path; raises UnsafeFileError if it is outside."""
    real = os.path.realpath(start)
    if not _is_below(real, os.path.realpath(folder)):
        shown = folder.rstrip(os.sep)
        raise UnsafeFileError(path, f"a link leads out of {shown}, to {real}; remove the link")
    target = type(path)(real)
    if os.path.lexists(real):
        _require_kind(path, _lstat(real))
    return target


def _base_of(start: str, within: Path | None) -> str:
    """The folder below which the way to a path is looked at."""
    for folder in (".", within):
        if folder is not None:
            try:
                base = _absolute(folder)
            except OSError:  # the current folder has been removed
                continue
            if _is_below(start, base):
                return base
    return os.path.dirname(start)


def _absolute(path: AnyPath) -> str:
    text = os.fspath(path)
    return os.path.normpath(text if os.path.isabs(text) else os.path.join(_getcwd(), text))


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)


def _shown(name: str) -> str:
    """The beginning of a name, with what is not printable escaped."""
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}...")


def _require_kind(path: object, found: os.stat_result) -> None:
    kind = _KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is not None:
        raise UnsafeFileError(path, f"it is {kind}, and a file is expected")


def _opened(path: str, flags: int) -> int:
    number = os.open(path, flags | _AT_ONCE)
    try:
        _require_kind(path, os.fstat(number))  # what was opened, whatever was there before
    except BaseException:
        os.close(number)
        raise
    return number


def _opened_without_link(path: str, flags: int) -> int:
    return _opened(path, flags | NO_LINK)
