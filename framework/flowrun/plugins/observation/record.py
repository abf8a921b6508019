"""What was seen of some code while it ran, and the paths in it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import CodeType
from typing import Any

import msgspec

from flowrun.plugins.observation.ownership import (
    IN_HOME,
    below,
    callers,
    is_cache,
    is_installed,
    is_metadata,
    is_of_system,
    places,
)
from flowrun.plugins.observation.paths import LINK, kind_of_link, real_readlink
from flowrun.values.surroundings import home

PROCESSES = "starts processes"
CONNECTIONS = "opens connections"

real_getcwd = os.getcwd


class Observation(msgspec.Struct):
    """The observed behaviour of some code.

    seen: how each thing was when it was first looked at, by kind and name: `file:PATH` its stamp,
        `list:PATH`, `stat:PATH`, `env:NAME` and `cwd:` their states, `module:NAME` None.
    written: `file` or `folder` for each path that was opened for writing, made or removed.
    links: the paths to which the links lead that the code made, by those of the links.
    unseen: things started that may read more than is seen: `PROCESSES`, `CONNECTIONS`.
    threads: the threads that the code has started, itself in the thread `starter`, each with the
        functions that started it.
    callers: the functions inside which each thing was first looked at, up to `bottom`, which
        observes. astray: things looked at in a thread that the code has not started.
    """

    seen: dict[str, Any] = {}
    written: dict[str, str] = {}
    links: dict[str, str] = {}
    unseen: dict[str, None] = {}
    threads: dict[threading.Thread, tuple[CodeType, ...]] = {}
    starter: int = 0
    bottom: CodeType | None = None
    callers: dict[str, tuple[CodeType, ...]] = {}
    astray: set[str] = set()

    def see(self, what: str, state: Any) -> None:
        """Add a thing that was looked at, and how it is."""
        if what not in self.seen:
            self.seen[what] = state
            self.callers[what] = callers(self.bottom)
            thread = threading.current_thread()
            if thread in self.threads:
                self.callers[what] += self.threads[thread]
            elif threading.get_ident() != self.starter:
                self.astray.add(what)

    def add(self, other: Observation) -> None:
        """Add everything that another observation saw."""
        for what, state in other.seen.items():  # in place: another thread may add to it meanwhile
            self.seen.setdefault(what, state)
        for what, found in other.callers.items():
            self.callers.setdefault(what, found)
        self.astray |= other.astray
        self.written |= other.written
        self.links |= other.links
        self.unseen |= other.unseen

    def caller_files(self, folder: str) -> set[str]:
        """The files below a folder from whose functions anything was looked at."""
        files = {code.co_filename for found in self.callers.values() for code in found}
        return {file for file in files if is_in(file, folder)}

    def files_written(self, projects: Iterable[str]) -> list[str]:
        """The files written that are to last.

        projects: folders of the user's; files written into temporary and cache folders outside
            these are ignored.
        """
        own = below(projects) if self.written else ()
        return [
            path
            for path, kind in self.written.items()
            if kind == "file" and (path.startswith(own) or not path.startswith(places().passing))
            if not is_of_system(path) and not is_cache(path)
        ]

    def through_links(self, name: str) -> str:
        """The path to which one leads through links that the code made."""
        links = list(self.links)  # another thread may make one meanwhile
        for _ in links:  # a link may lead to another
            link = next((one for one in links if name == one or is_in(name, one)), None)
            if link is None:
                break
            name = self.links[link] + name[len(link) :]
        return name

    def wrote_at(self, path: str) -> bool:
        """Whether the code wrote a path, or anything below it."""
        return any(one == path or is_in(one, path) for one in self.written)


class Present(msgspec.Struct):
    """The observation that is going on, in all threads of this process."""

    observation: Observation | None = None


present = Present()


@contextmanager
def unobserved() -> Iterator[None]:
    """Observe nothing inside, which is flowrun's own work in the middle of a step."""
    before, present.observation = present.observation, None
    try:
        yield
    finally:
        present.observation = before


def is_of(observation: Observation) -> bool:
    """Whether the present thread is that of the observed code, or one that it has started."""
    if threading.get_ident() == observation.starter:
        return True
    return threading.current_thread() in observation.threads


def is_in(path: str, folder: str) -> bool:
    """Whether a path lies below a folder, by its name."""
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def absolute(path: Any) -> str:
    """A path as it stands in an observation."""
    name = os.fsdecode(path)
    if not os.path.isabs(name):  # to ask for the current folder is a system call
        name = os.path.join(real_getcwd(), name)
    if ".." in name and _leaves_a_link(name):
        return name  # `link/..` is the folder above that to which the link leads
    return os.path.normpath(name)


def _leaves_a_link(name: str) -> bool:
    parts = name.split(os.sep)
    return any(
        part == ".." and kind_of_link(os.sep.join(parts[:index])) == LINK
        for index, part in enumerate(parts)
    )


def see_folder_of(observation: Observation, path: Any) -> None:
    """See the current folder if a path is relative, because it then depends on it."""
    if not os.path.isabs(os.fsdecode(path)):
        observation.see("cwd:", real_getcwd())


def _flowruns_own() -> tuple[str, ...]:
    """The folders of the store and of the runs, at whose files no step looks.

    Other files beside these are the user's: `FLOWRUN_HOME` may be a folder of theirs.
    """
    name = home()
    with suppress(OSError):  # the step may have removed the current folder
        name = os.path.normpath(os.path.join(real_getcwd(), name))
    return tuple(os.path.join(name, one, "") for one in ("runs", "store"))


def path_of_descriptor(number: int) -> str:
    """The path of an open file or folder, by its descriptor; raises OSError if it has none."""
    return real_readlink(f"/proc/self/fd/{number}")


def at(observation: Observation, path: Any, folder: int) -> str:
    """A path as it stands in an observation, which sees the current folder if it starts there.

    folder: the open folder from which it starts, by its descriptor; -1 if there is none.
    """
    if folder == -1:
        see_folder_of(observation, path)
    return located(observation, path, folder)


def located(observation: Observation, path: Any, folder: int) -> str:
    """The same, and sees nothing."""
    name = absolute(path)
    if folder != -1:
        name = os.path.join(path_of_descriptor(folder), os.fsdecode(path))
    if not observation.links:
        return name
    above, base = os.path.split(name)
    return os.path.join(observation.through_links(above), base)


def is_ones_own(observation: Observation, name: str) -> bool:
    """Whether a path is of Python, a package, the system or flowrun, or one the code wrote.

    Except for what a package says of itself, as its version: code may ask for that of any.
    """
    folder = name + os.sep
    if name in observation.written or folder.startswith(_flowruns_own()) or IN_HOME in folder:
        return True
    if is_installed(folder):
        return not is_metadata(folder)
    return is_of_system(name) or is_cache(folder)


def processes_started() -> str:
    """A mark that changes with each process of `multiprocessing`, which may call no hook."""
    module = sys.modules.get("multiprocessing.process")
    counter = getattr(module, "_process_counter", None)
    return "count(1)" if counter is None else repr(counter)  # that shows its next number
