"""The definitions that may keep values between two calls: caches, filled variables, objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from flowrun.plugins.process_memory import Lines
from flowrun.store.syntax import ACTING, Definition, Syntax
from flowrun.values.files import read_bytes


def lines_that_keep(
    reached: Mapping[Path, Mapping[str, Definition]], *, with_objects: bool = True
) -> list[Lines]:
    """The lines of those definitions, of several modules, that may keep values between calls.

    with_objects: whether the classes and functions count of which the modules hold objects.
    """
    found = [
        (str(path), name, one)
        for path, own in reached.items()
        for name, one in own.items()
        if name != ACTING
    ]
    handed = {name for _, name, one in found if one.keeping in ("items", "value")}
    values = {name for _, name, one in found if one.keeping == "value"}
    held = {name for _, name, one in found if one.keeping == "container"}
    objects = [one for _, _, one in found if with_objects and one.keeping == "object"]
    made_by = {part for one in objects for use in one.uses for part in use.split(".")}
    filled = {name for _, name, one in found if with_objects and one.keeping == "object"}
    kept = {"function", "container"} | ({"methods", "object"} if objects else set())
    return [
        (path, first, last)
        for path, name, one in found
        if one.keeping in kept
        or name in made_by
        or _has_any(one.uses, held)
        or _has_any(one.given, handed)
        or _has_any(one.lent, values)
        or any(_may_fill(use, filled) for use in one.uses)
        for first, last in one.lines
    ]


def _has_any(uses: Iterable[str], names: set[str]) -> bool:
    """Whether one of the uses is, or begins with, one of these variables."""
    return any(names.intersection(use.split(".")) for use in uses)


def _may_fill(use: str, objects: set[str]) -> bool:
    """Whether the use of a name may store values in one of these objects."""
    name, _, attribute = use.partition(".")
    return name in objects and attribute not in _OF_LOGGERS


_OF_LOGGERS = frozenset("debug info warning error exception critical log".split())


def lines_that_keep_in(
    files: Iterable[str], syntax: Callable[[bytes], Syntax], *, with_objects: bool
) -> list[Lines]:
    """The lines of all such definitions in some files. syntax: gives that of a text."""
    found = {}
    for path in map(Path, files):
        try:
            found[path] = syntax(read_bytes(path)).definitions
        except OSError:
            continue  # it has gone since it was imported
    return lines_that_keep(found, with_objects=with_objects)
