"""Installed packages: the entry points of plugins, and the versions of distributions.

importlib.metadata reads the metadata of all distributions on the path each time (8 ms for a
hundred), so a process keeps the result until a folder on the path changes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import (
    EntryPoint,
    PackageNotFoundError,
    distribution,
    entry_points,
    version,
)
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from flowrun.values.stamps import is_settled, stamp_of

OWN = "flowrun-recipes"  # flowrun's own distribution: on the index, `flowrun` is another project's

_T = TypeVar("_T")


class InstalledPlugin(NamedTuple):
    """An entry point of the group, with its distribution's name (its value if it has none).

    requires: the requirements of its distribution, as they are written in its metadata.
    """

    point: EntryPoint
    owner: str
    version: str
    requires: tuple[str, ...] = ()


def installed_plugins(group: str) -> list[InstalledPlugin]:
    """The entry points of a group, in the order of the path."""
    return _kept(f"entry points of {group}", lambda: list(map(_plugin, entry_points(group=group))))


def version_of(distribution: str) -> str | None:
    """The version of a distribution; None if it is not installed."""
    return _kept(f"version of {distribution}", lambda: _version(distribution))


def place_of(name: str) -> tuple[str, Path] | None:
    """The version of a distribution, and the folder it is in; None if it is not installed."""
    return _kept(f"place of {name}", lambda: _place(name))


def _plugin(point: EntryPoint) -> InstalledPlugin:
    found = point.dist
    if found is None:
        return InstalledPlugin(point, point.value, "")
    known = found.metadata  # parsed each time that it is asked for
    requires = tuple(known.get_all("Requires-Dist") or ())
    return InstalledPlugin(point, known["Name"], known["Version"], requires)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _place(name: str) -> tuple[str, Path] | None:
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    return found.version, Path(str(found.locate_file("")))


def _kept(what: str, find: Callable[[], _T]) -> _T:
    stamps = {folder: stamp_of(folder or ".") for folder in sys.path}
    if what in _found and _found[what][0] == stamps:
        known: _T = _found[what][1]
        return known
    found = find()
    if all(stamp is None or is_settled(stamp) for stamp in stamps.values()):
        _found[what] = (stamps, found)
    return found


_found: dict[str, tuple[object, Any]] = {}  # with the stamps of the path
