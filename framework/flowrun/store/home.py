"""The folder in which flowrun keeps its records and its store; the ids of the runs in it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from flowrun.values.files import is_link, real_path
from flowrun.values.surroundings import HOME, home

# Everything in it that is written to by name. A store from elsewhere could have a link there.
_OF_HOME = frozenset({"runs", "store"})
_OF_STORE = frozenset(
    ["aside", "checkpoints", "lock", "locks", "objects", "replays"]
    + [f"records.sqlite{end}" for end in ("", "-wal", "-shm", "-journal")]
)


def home_folder() -> Path:
    """The folder `FLOWRUN_HOME`, behind the links that the user has set there, or `.flowrun`."""
    name = home()
    if os.environ.get(HOME):
        real = os.path.realpath(name)
        name = name if real == os.path.abspath(name) else real  # noqa: PTH100 - without `..`
    return Path(name)


def runs_folder() -> Path:
    """The folder of the records of runs."""
    return home_folder() / "runs"


def link_in(folder: Path) -> Path | None:
    """The first link in the place of a folder or file of flowrun's own; None if there is none.

    `.flowrun` itself may be a link if it stays in the current folder; FLOWRUN_HOME may name one
    that leads anywhere, because the user has set it.
    """
    if is_link(folder) and not os.environ.get(HOME):
        real, here = real_path(folder), real_path(folder.parent)
        if here not in real.parents or is_link(real):  # one that leads to itself
            return folder
    return _link_of(folder, _OF_HOME) or link_in_store(folder / "store")


def link_in_store(folder: Path) -> Path | None:
    """The first link in the place of a folder or file of a store; None if there is none."""
    return _link_of(folder, _OF_STORE)


def _link_of(folder: Path, names: frozenset[str]) -> Path | None:
    """The first entry of a folder that has one of the names, and is a link.

    The folder is listed, which is one look at the disk; each name would be another.
    """
    try:
        with os.scandir(folder) as entries:
            found = [one.name for one in entries if one.name in names and one.is_symlink()]
    except OSError:
        return None
    return folder / found[0] if found else None


def require_no_link(folder: Path) -> None:
    """Raise FlowrunError if a link stands in flowrun's folder, through which it would write."""
    link = link_in(folder)
    if link is None:
        return
    from flowrun.errors import FlowrunError

    raise FlowrunError(
        f"{link} is a link, and flowrun writes through none\n"
        f"    found     a link to {link.readlink()}\n"
        "    expected  a folder or file that flowrun has made\n"
        f"    remove the link; {HOME}=FOLDER names another folder for the store and the runs"
    )


def new_run_id(moment: float) -> str:
    """An id that sorts by time (UTC) and that no other run has: `20261124-061708-4ef4ff`.

    Its end is three digits of the second's fraction and three random ones, hexadecimal.
    """
    end = f"{int(moment % 1 * 0x1000):03x}{os.urandom(2).hex()[:3]}"
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(moment))}-{end}"


def iso_moment(moment: float) -> str:
    """A moment as ISO 8601 in UTC, to the millisecond."""
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
    return f"{seconds}.{int(moment % 1 * 1000):03d}+00:00"
