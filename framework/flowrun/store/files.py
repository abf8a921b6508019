"""Files written whole or not at all, and their digests."""

from __future__ import annotations

import contextlib
import os
import re
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blake3 import blake3

from flowrun.values.files import is_file, place_to_write

_TEMPORARY = re.compile(r"\..+\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.tmp")
_ABANDONED = 86_400  # seconds after which a temporary file of an unknown machine is abandoned


@contextmanager
def replacing(path: Path, within: Path | None = None) -> Iterator[Path]:
    """A temporary path beside `path` to write to; at the end it takes the place of `path`.

    The file and its folder are synced before the old content goes, so that a crash leaves the old
    file or the new one. If the block raises, `path` is untouched and the temporary file is removed.
    Temporary files of killed processes beside `path` are removed by the next write there.

    A link is followed, and stays, if it leads to a place in the folder in which it lies; one that
    leads out of that raises OSError, as does a pipe or a device in the place of the file. Looked at
    is the way from the current folder, or from `within` for a path elsewhere.
    """
    path = place_to_write(path, within)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path.parent)
    temporary = path.with_name(f".{path.name}.{_owner()}-{os.urandom(4).hex()}.tmp")
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync(path.parent)


def write_text(path: Path, text: str, within: Path | None = None) -> None:
    """Write a small text file, whole or not at all. within: as for `replacing`."""
    with replacing(path, within) as temporary:
        temporary.write_text(text, encoding="utf-8")


def file_digest(path: Path) -> str:
    """The BLAKE3 digest of a file's bytes, in hexadecimal."""
    return blake3().update_mmap(path).hexdigest()


def digest_of(path: Path) -> str | None:
    """The digest of a file's bytes; None if there is no such file."""
    return file_digest(path) if path.is_file() else None


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files in a folder whose writers are no more."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _TEMPORARY.fullmatch(entry.name)
            if match is None:
                continue
            with contextlib.suppress(OSError):
                if not is_file(entry.path):
                    continue  # nobody's temporary file is a link
                is_old = time.time() - entry.stat().st_mtime > _ABANDONED
                if is_old or (match[1] == _machine() and not is_running(int(match[2]))):
                    Path(entry.path).unlink()


def is_running(process: int) -> bool:
    """Whether a process of this machine, by its number, is alive."""
    if process == os.getpid():
        return True
    if os.name == "nt":  # there, signal 0 would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _owner() -> str:
    """The machine and the process, as they stand in the name of a temporary file."""
    return f"{_machine()}-{os.getpid()}"


def _machine() -> str:
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return f"{zlib.crc32(name.encode()):08x}"


def _sync(path: Path) -> None:
    """Have the system write a file or folder to disk; a folder cannot be opened on Windows."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def paths_below(folder: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    """All files and folders below a folder, also those to which links lead.

    above: the real paths of the folders above it, into which a link is not followed.
    """
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except OSError:
        return
    for entry in entries:
        yield entry.path
        if entry.is_dir():
            yield from paths_below(entry.path, (*above, real))
