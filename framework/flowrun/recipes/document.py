"""A recipe before its references are replaced: top-level keys and steps, after `extends`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from flowrun.errors import Mark, Problem, Source, did_you_mean, listed, nearest, shown_path
from flowrun.errors.escaping import on_one_line
from flowrun.recipes.extending import merged_steps, refuse_places
from flowrun.recipes.keys import STEP_KEYS, TOP_KEYS
from flowrun.recipes.reading import (
    MOST_BYTES,
    MOST_IN_CHAIN,
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    described,
    parse,
)
from flowrun.recipes.sources import read_source
from flowrun.recipes.step_entry import StepEntry
from flowrun.values.files import real_path

_SMALLEST = "the smallest one: `recipe: name` and, below it, `steps:` with `- load: {source: ...}`"


class Draft(msgspec.Struct, frozen=True):
    """The content of a recipe, merged with the recipes it extends.

    parents: the texts of the recipes it extends.
    """

    source: Source
    top: dict[str, Entry]
    steps: tuple[StepEntry, ...]
    parents: tuple[Source, ...] = ()

    def key_mark(self, key: str) -> Mark:
        """The place of a top-level key; the beginning of the recipe if the key is absent."""
        return self.top[key].key.mark if key in self.top else Mark(self.source, 0, 0)


def read_draft(
    source: Source, problems: list[Problem], parents: tuple[Source, ...] = ()
) -> Draft | None:
    """Read a recipe and the ones it extends; None if nothing can be read."""
    root = parse(source, problems)
    if root is None and not problems:
        problems.append(Problem(f"{source.name}: the recipe is empty", hint=_SMALLEST))
    if root is None:
        return None
    if not isinstance(root, Mapping):
        problems.append(
            Problem(
                "a recipe is a mapping",
                root.mark,
                described(root),
                "`recipe: name` and, below it, `steps:` with the list of steps",
            )
        )
        return None
    for key, entry in root:
        if key not in TOP_KEYS:
            problems.append(
                Problem(
                    f"`{key}` is not a key of a recipe",
                    entry.key.mark,
                    expected=f"one of: {listed(TOP_KEYS, limit=len(TOP_KEYS))}",
                    hint=did_you_mean(key, TOP_KEYS),
                )
            )
    top = {key: entry for key, entry in root if key in TOP_KEYS and key != "steps"}
    steps = _step_entries(root.entries.get("steps"), problems)
    draft = Draft(source, top, tuple(steps))
    if "extends" in top:
        return _extended(draft, problems, (*parents, source))
    refuse_places(draft.steps, top.pop("remove", None), problems)
    return draft


def _extended(draft: Draft, problems: list[Problem], chain: tuple[Source, ...]) -> Draft:
    """The draft merged with the recipe it extends: steps by `id`, other keys by their tables."""
    node = draft.top["extends"].value
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        problems.append(Problem("`extends` names one recipe", node.mark, described(node), "a path"))
        return draft
    try:
        path = real_path(draft.source.folder / node.value)
        is_there = path.is_file()
    except OSError as error:  # a name that is too long, a folder that may not be read
        message = f"`extends` names a file that cannot be read: {error.strerror}"
        problems.append(Problem(message, node.mark, described(node)))
        return draft
    if not is_there:
        message = "`extends` names a file that is not there"
        round_trip = [path, *(source.path for source in chain)]
        beside = (one for one in path.parent.glob("*.y*ml") if real_path(one) not in round_trip)
        near = nearest(path.name, (found.name for found in beside))
        hint = f"did you mean `{Path(node.value).with_name(near)}`?" if near else None
        problems.append(Problem(message, node.mark, f"{path}", hint=hint))
        return draft
    if path in [source.path for source in chain]:
        names = " -> ".join([*(source.name for source in chain), shown_path(path)])
        problems.append(Problem(f"`extends` leads in a circle: {names}", node.mark))
        return draft
    if len(chain) >= MOST_IN_CHAIN:
        message = f"a chain of more than {MOST_IN_CHAIN} recipes, each of which extends the next"
        hint = "write what they change into fewer files"
        problems.append(Problem(message, node.mark, hint=hint))
        return draft
    source = read_source(path)
    source.asked = draft.source.folder / node.value
    if sum(len(one.text) for one in (*chain, source)) > MOST_BYTES:
        message = "the recipes that extend each other have more than 1 MiB together"
        problems.append(Problem(message, node.mark, hint="move data into a file of its own"))
        return draft
    parent = read_draft(source, problems, chain)
    if parent is None:
        return draft
    top = {**parent.top, **draft.top}
    for key in parent.top.keys() & draft.top.keys():
        top[key] = TOP_KEYS[key].merge(parent.top[key], draft.top[key])
    removed = TOP_KEYS["remove"].value(top, problems)
    top.pop("remove", None)
    steps = merged_steps(parent.steps, draft.steps, removed, problems)
    return Draft(draft.source, top, tuple(steps), (parent.source, *parent.parents))


def _step_entries(entry: Entry | None, problems: list[Problem]) -> Iterator[StepEntry]:
    if entry is None:
        return
    if not isinstance(entry.value, Sequence):
        problems.append(
            Problem(
                "`steps` is a list",
                entry.value.mark,
                described(entry.value),
                "a line `- name: {option: value}` for each step",
                _dash_hint(entry.value),
            )
        )
        return
    taken: dict[str, Mark] = {}
    ids = _FreeIds(entry.value.items)
    for item in entry.value.items:
        step = _step_entry(item, ids, problems)
        if step is None:
            continue
        if step.id in taken:
            message = f"the id `{step.id}` is taken by the step on line {taken[step.id].line + 1}"
            hint = "give one of the two another id"
            problems.append(Problem(message, step.beside["id"].value.mark, hint=hint))
        taken[step.id] = step.mark
        yield step


class _FreeIds:
    """Ids for steps without one: their own names, numbered from 2 if the name is taken."""

    def __init__(self, items: tuple[Node, ...]) -> None:
        self._taken = {given for item in items if (given := _given_id(item)) is not None}
        self._numbers: dict[str, int] = {}  # the last number tried for a name

    def take(self, name: str) -> str:
        """The first id for a step of this name that no other step has."""
        number, candidate = self._numbers.get(name, 1), name
        while candidate in self._taken:
            number += 1
            candidate = f"{name}_{number}"
        self._numbers[name] = number
        self._taken.add(candidate)
        return candidate


def _given_id(item: Node) -> str | None:
    if isinstance(item, Mapping) and "id" in item.entries:
        value = item.entries["id"].value
        return value.text if isinstance(value, Scalar) else None
    return None


def _step_entry(item: Node, ids: _FreeIds, problems: list[Problem]) -> StepEntry | None:
    if isinstance(item, Scalar) and isinstance(item.value, str):
        return StepEntry(item.mark, item.value, ids.take(_own(item.value)), None)
    if not isinstance(item, Mapping):
        problems.append(
            Problem("a step is a name, or a mapping with one name", item.mark, described(item))
        )
        return None
    names = {key: entry for key, entry in item if key not in STEP_KEYS}
    beside = {key: entry for key, entry in item if key in STEP_KEYS}
    if len(names) != 1:
        found = f"{len(names)} names: {listed(names)}" if names else "no step name"
        expected = f"one step name, and beside it only {listed(STEP_KEYS)}"
        mark = list(names.values())[1].key.mark if names else item.mark
        hint = _names_hint(names)
        problems.append(Problem("a step's entry names one step", mark, found, expected, hint))
        return None
    ((name, entry),) = names.items()
    step_id = _given_id(item)
    if step_id is None:
        step_id = ids.take(_own(name))
    return StepEntry(entry.key.mark, name, step_id, entry.value, beside)


def _own(name: str) -> str:
    """A step's name without that of its plugin before it."""
    return name.rpartition(".")[2] or name


def _dash_hint(node: Node) -> str | None:
    """What to do if `-load: ...` was meant as an item of a list."""
    names = node.entries if isinstance(node, Mapping) else {}
    near = next((name for name in names if name.startswith("-")), None)
    return f"write a space after the dash: `- {near[1:]}: ...`" if near else None


def _names_hint(names: dict[str, Entry]) -> str:
    """What to do with several names under one dash: a second step, or misplaced options."""
    if not names:
        return "for example `- split: {train: 1000}`"
    first, second = map(on_one_line, list(names)[:2])
    node = list(names.values())[1].value
    if isinstance(node, Mapping) or (isinstance(node, Scalar) and node.value is None):
        return f"a step of its own needs a dash of its own: `- {second}: ...`"
    value = on_one_line(node.text) if isinstance(node, Scalar) else "..."
    return f"options go inside the step's own braces: `- {first}: {{{second}: {value}}}`"
