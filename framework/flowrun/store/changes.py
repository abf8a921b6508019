"""The differences between the parts of two keys, as sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Sources = Callable[[str], str | None]

_SHOWN = 40  # characters of an option's value that a line shows


def changes(
    old: Mapping[str, Any], new: Mapping[str, Any], sources: Sources, places: Mapping[str, str]
) -> Iterator[str]:
    """Each part that differs, the most telling first; inputs are left to the caller.

    old, new: parts of a key, as a record holds them. sources: the text of a module by its digest.
    places: the files of the modules, by name.
    """
    if old["step"] != new["step"]:
        yield f"step `{old['step']}` -> `{new['step']}`"
    for name, before, after in _differing(old["options"], new["options"]):
        yield f"option `{name}`: {_shown(before)} -> {_shown(after)}"
    for name, before, after in _differing(old["code"], new["code"]):
        yield code_change(places.get(name, name), before, after, sources)
    for what in ("seed", "dtype", "device"):
        if old[what] != new[what]:
            yield f"{what} {old[what]} -> {new[what]}"
    for what, label in (("plugin", "plugin"), ("version", "the step's `version`")):
        if old[what] != new[what]:
            yield f"{label} {old[what] or 'none'} -> {new[what] or 'none'}"
    for name, before, after in _differing(old["packages"], new["packages"]):
        yield f"package {name} {before or 'none'} -> {after or 'none'}"
    for name, _, _ in _differing(old["around"], new["around"]):
        yield f"what the plugin `{name}` does around each step"


def input_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """The parameters of the inputs whose content differs, or that only one of the two has."""
    for name, _, _ in _differing(old["inputs"], new["inputs"]):
        yield name


def code_change(place: str, before: str | None, after: str | None, sources: Sources) -> str:
    """The place of a change in a module's text: `file:line range`."""
    old = None if before is None else sources(before)
    new = None if after is None else sources(after)
    if before is None:
        return f"code came to it: {place}"
    if after is None:
        return f"code went from it: {place}"
    if old is None or new is None:
        return f"code changed in {place}"
    ranges = _changed_lines(old.splitlines(), new.splitlines())
    return f"code changed in {', '.join(f'{place}:{lines}' for lines in ranges) or place}"


def _changed_lines(old: list[str], new: list[str]) -> list[str]:
    """The ranges of lines of the new text that differ, counted from 1."""
    from difflib import SequenceMatcher

    ranges = []
    for tag, _, _, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            last = max(start + 1, end)
            ranges.append(f"{start + 1}" if last == start + 1 else f"{start + 1}-{last}")
    return ranges


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name) or (name in old) != (name in new):
            yield name, old.get(name), new.get(name)


def _shown(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
