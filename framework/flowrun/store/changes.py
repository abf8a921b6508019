"""How the parts of two keys differ, old beside new, as data and in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from flowrun.errors import shortened
from flowrun.values.digests import in_order

Sources = Callable[[str], str | None]

CODECS_OF = "codecs of "  # begins the names of what acts around a step by its values
_SHOWN = 40  # characters of an option's value that a line shows


class CodeChange(NamedTuple):
    """What differs in the code of a step. old, new: digests or versions; None if there is none."""

    kind: Literal["code", "plugin", "version", "package", "around"]
    name: str
    old: Any
    new: Any

    def text(self, sources: Sources, place: str) -> str:
        """The change as text. place: the file of the module."""
        if self.kind == "code":
            return _code_text(place, self.old, self.new, sources)
        if self.kind == "around" and self.name.startswith(CODECS_OF):
            return f"the code or version of the {self.name}"
        if self.kind == "around":
            return f"the code or settings of the plugin `{self.name}` around each step"
        what = {"plugin": "plugin", "version": "the step's `version`"}.get(self.kind)
        return f"{what or f'package {self.name}'}: {self.old or 'none'} -> {self.new or 'none'}"


def changes(
    old: Mapping[str, Any], new: Mapping[str, Any], sources: Sources, places: Mapping[str, str]
) -> Iterator[str]:
    """Each part that differs, the most telling first; inputs are left to the caller.

    old, new: parts of a key, as a record holds them. sources: the text of a module by its digest.
    places: the files of the modules, by name.
    """
    if old["step"] != new["step"]:
        yield f"step `{old['step']}` -> `{new['step']}`"
    for name, before, after in _items(old["options"], new["options"]):
        yield f"option `{name}`: {_shown(before)} -> {_shown(after)}"
    names = [list(options) for options in (old["options"], new["options"])]
    if names[0] != names[1] and sorted(names[0]) == sorted(names[1]):
        yield f"order of the options: {' -> '.join(', '.join(one) for one in names)}"
    for what in ("seed", "dtype", "device"):
        if old[what] != new[what]:
            yield f"{what} {old[what]} -> {new[what]}"
    for name, before, after in _items(old.get("settings", {}), new.get("settings", {})):
        shown = (_shown("as usual" if one is None else one) for one in (before, after))
        yield f"setting of the process, {name}: {' -> '.join(shown)}"
    for name, before, after in _items(old.get("variables", {}), new["variables"]):
        kind = "option of Python" if name.startswith("-X") else "environment variable"
        yield f"{kind} {name}: {_shown(before)} -> {_shown(after)}"
    for change in code_changes(old, new):
        yield change.text(sources, places.get(change.name, change.name))


def code_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[CodeChange]:
    """What differs in the code of two keys: modules, plugin, version, packages, wrappers."""
    for name, before, after in _items(old["code"], new["code"]):
        yield CodeChange("code", name, before, after)
    kinds: tuple[Literal["plugin", "version"], ...] = ("plugin", "version")
    for kind in kinds:
        if old[kind] != new[kind]:
            yield CodeChange(kind, kind, old[kind], new[kind])
    for name, before, after in _items(old["packages"], new["packages"]):
        yield CodeChange("package", name, before, after)
    for name, _, _ in _items(old["around"], new["around"]):
        yield CodeChange("around", name, None, None)


def input_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """The parameters of the inputs whose content differs, or that only one of the two has."""
    for name, _, _ in _items(old["inputs"], new["inputs"]):
        yield name


def _items(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """The items of two mappings that differ; None if there is none."""
    for name in dict.fromkeys([*old, *new]):
        is_same = in_order(old.get(name)) == in_order(new.get(name))
        if not is_same or (name in old) != (name in new):
            yield name, old.get(name), new.get(name)


def _code_text(place: str, before: str | None, after: str | None, sources: Sources) -> str:
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
    for tag, before, until, start, end in SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        is_shown = any(old[before:until]) or any(new[start:end])
        if tag != "equal" and is_shown:  # lines that the step does not reach are empty
            last = max(start + 1, end)
            ranges.append(f"{start + 1}" if last == start + 1 else f"{start + 1}-{last}")
    return ranges


def _shown(value: object) -> str:
    return shortened("none" if value is None else str(value), _SHOWN)
