"""Installed packages: the entry points of plugins, and the versions of distributions.

importlib.metadata reads the metadata of all distributions on the path each time (8 ms for a
hundred), so a process keeps the result until a folder on the path changes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Any, NamedTuple, TypeVar

from flowrun.values.stamps import is_settled, stamp_of

_T = TypeVar("_T")


class InstalledPlugin(NamedTuple):
    """An entry point of the group, with its distribution's name (its value if it has none)."""

    point: EntryPoint
    owner: str
    version: str


def installed_plugins(group: str) -> list[InstalledPlugin]:
    """The entry points of a group, in the order of the path."""
    return _kept(f"entry points of {group}", lambda: list(map(_plugin, entry_points(group=group))))


def version_of(distribution: str) -> str | None:
    """The version of a distribution; None if it is not installed."""
    return _kept(f"version of {distribution}", lambda: _version(distribution))


def _plugin(point: EntryPoint) -> InstalledPlugin:
    found = point.dist
    if found is None:
        return InstalledPlugin(point, point.value, "")
    return InstalledPlugin(point, found.name, found.version)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


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
