"""The definitions that may keep values between two calls: caches, filled variables, objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from flowrun.plugins.process_memory import Lines
from flowrun.store.syntax import ACTING, Definition, Syntax


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
    held = {name for _, name, one in found if one.keeping == "container"}
    objects = [one for _, _, one in found if with_objects and one.keeping == "object"]
    made_by = {part for one in objects for use in one.uses for part in use.split(".")}
    kept = {"function", "container"} | ({"methods"} if objects else set())
    return [
        (path, first, last)
        for path, name, one in found
        if one.keeping in kept
        or name in made_by
        or any(held.intersection(use.split(".")) for use in one.uses)
        for first, last in one.lines
    ]


def lines_that_keep_in(
    files: Iterable[str], syntax: Callable[[bytes], Syntax], *, with_objects: bool
) -> list[Lines]:
    """The lines of all such definitions in some files. syntax: gives that of a text."""
    found = {}
    for path in map(Path, files):
        try:
            found[path] = syntax(path.read_bytes()).definitions
        except OSError:
            continue  # it has gone since it was imported
    return lines_that_keep(found, with_objects=with_objects)
