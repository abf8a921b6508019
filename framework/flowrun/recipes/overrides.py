"""What changes a recipe from outside: the options of commands, and `--set PATH=VALUE`."""

from __future__ import annotations

import re
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence as AnySequence
from typing import Any

import msgspec
from msgspec.structs import replace

from flowrun.errors import Problem, RecipeError, did_you_mean, listed, nearest
from flowrun.recipes.document import Draft
from flowrun.recipes.json_texts import as_json
from flowrun.recipes.keys import PLACING_KEYS, STEP_KEYS, TOP_KEYS
from flowrun.recipes.part import Part
from flowrun.recipes.reading import (
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    described,
)
from flowrun.recipes.settings import RefusedError, Setting, edited, missing, read_setting
from flowrun.recipes.step_entry import StepEntry
from flowrun.values.paths import parse_path

Settings = AnyMapping[str, object] | AnySequence[str]

_SETTABLE = tuple(name for name, key in TOP_KEYS.items() if key.is_settable)


def apply_overrides(draft: Draft, settings: Settings, problems: list[Problem]) -> Draft:
    """The draft with each setting applied.

    `settings` has texts, or paths with their values. A text is `PATH=VALUE`, `PATH+=VALUE` to
    append to a list, `+PATH=VALUE` to add what the recipe does not have, or `~PATH` to delete. A
    path is `seed`, `device`, `dtype`, `about`, `vars.NAME`, `expect.VALUE.CHECK`, `STEP.OPTION`, or
    `STEP.KEY` for a key beside a step. A path that does not exist is a problem, with the nearest
    known one.
    """
    if isinstance(settings, str):
        settings = [settings]
    if isinstance(settings, AnyMapping):
        settings = [_as_text(path, value) for path, value in settings.items()]
    for text in settings:
        setting = read_setting(text, problems)
        if setting is not None:
            try:
                draft = _applied(draft, setting)
            except RefusedError as error:
                problems.append(error.problem)
    return draft


def _as_text(path: str, value: object) -> str:
    """A setting from Python as text; raises RecipeError for a value that no recipe can hold.

    JSON on one line is YAML that gives the value unchanged. A deletion has the value None.
    """
    if path.startswith("~") and value is None:
        return path
    try:
        return f"{path}={as_json(value)}"
    except (TypeError, ValueError) as error:
        raise RecipeError([Problem(f"`{path}` cannot be set: {error}")]) from None


def _applied(draft: Draft, setting: Setting) -> Draft:
    path = setting.path
    head, _, rest = path.partition(".")
    if path in _SETTABLE:
        if setting.verb == "append":
            hint = f"`--set {path}=...` sets it"
            raise RefusedError(Problem(f"`{path}` is no list", setting.mark, hint=hint))
        return replace(draft, top=_with_entry(draft.top, path, setting))
    if head == "vars" and rest:
        return _with_variable(draft, rest, setting)
    if head == "expect" and (rest or setting.verb == "delete"):
        return _with_expectation(draft, rest, setting)
    positions = {entry.id: position for position, entry in enumerate(draft.steps)}
    if head not in positions:
        head, rest = _after_a_plugin(setting.path, draft) or (head, rest)
    if head in positions and rest:
        position = positions[head]
        changed = _with_option(draft.steps[position], rest, setting)
        steps = (*draft.steps[:position], changed, *draft.steps[position + 1 :])
        return replace(draft, steps=steps)
    raise RefusedError(_unknown_path(draft, setting))


def _unknown_path(draft: Draft, setting: Setting) -> Problem:
    path = setting.path
    head, _, rest = path.partition(".")
    steps = [entry.id for entry in draft.steps]
    known = [
        *_SETTABLE,
        *(f"vars.{name}" for name in _keys(draft.top.get("vars"))),
        *(f"expect.{name}" for name in _keys(draft.top.get("expect"))),
        *(f"{entry.id}.{name}" for entry in draft.steps for name in _option_names(entry)),
    ]
    hint = did_you_mean(path, known)
    if path in steps:
        hint = f"`--skip {path}` leaves the step out" if setting.verb == "delete" else None
    elif not rest and (ending := [one for one in known if one.endswith(f".{path}")]):
        hint = f"did you mean {' or '.join(f'`{one}`' for one in ending)}?"
    elif hint is None and rest:
        hint = did_you_mean(head, [*steps, "vars", "expect"])
    elif hint is None and (near := nearest(path, steps)):
        hint = f"did you mean an option of `{near}`: `{near}.OPTION=VALUE`?"
    expected = f"seed, device, dtype, vars.NAME or STEP.OPTION with a step of: {listed(steps)}"
    return replace(missing(setting), expected=expected, hint=hint)


def _after_a_plugin(path: str, draft: Draft) -> tuple[str, str] | None:
    """The id and the rest of a path that begins with a step's name as the recipe qualifies it."""
    for entry in draft.steps:
        if "." in entry.name and path.startswith(f"{entry.name}."):
            return entry.id, path.removeprefix(f"{entry.name}.")
    return None


def _with_entry(entries: dict[str, Entry], name: str, setting: Setting) -> dict[str, Entry]:
    """The entries of a mapping with the value of one key edited, added or deleted."""
    old = entries.get(name)
    value = edited(setting, None if old is None else old.value)
    if value is None:
        return {key: entry for key, entry in entries.items() if key != name}
    key = Scalar(setting.mark, name, name)
    return {**entries, name: Entry(key, value)}


def _with_variable(draft: Draft, path: str, setting: Setting) -> Draft:
    entry = draft.top.get("vars")
    name = path.partition(".")[0].partition("[")[0]
    known = _keys(entry)
    if name not in known and not (setting.verb == "add" and name == path):
        hint = did_you_mean(name, known)
        if hint is None and setting.verb == "set" and name == path:
            hint = f"`--set +vars.{name}=...` adds it"
        message = f"the recipe has no variable `{name}` to {setting.in_words}"
        expected = f"one of: {listed(known)}"
        raise RefusedError(Problem(message, setting.mark, expected=expected, hint=hint))
    if entry is None or not isinstance(entry.value, Mapping):
        mark = setting.mark
        entry = Entry(Scalar(mark, "vars", "vars"), Mapping(mark, {}))
    changed = _reached(entry.value, path, setting)
    return replace(draft, top={**draft.top, "vars": replace(entry, value=changed)})


def _with_expectation(draft: Draft, path: str, setting: Setting) -> Draft:
    """`expect.metrics.mae.below=0.5`: the value's path, then the check."""
    entry = draft.top.get("expect")
    if not path:
        if entry is None:
            raise RefusedError(missing(setting))
        return replace(draft, top={key: one for key, one in draft.top.items() if key != "expect"})
    mark = setting.mark
    if entry is None or not isinstance(entry.value, Mapping):
        entry = Entry(Scalar(mark, "expect", "expect"), Mapping(mark, {}))
    expected = entry.value
    assert isinstance(expected, Mapping)
    name, _, check = path.rpartition(".")
    if path in expected.entries:
        changed = _with_entry(expected.entries, path, setting)
    elif name in expected.entries:
        changed = _with_check(expected.entries, name, check, setting)
    elif setting.verb == "add":
        is_whole = isinstance(setting.value, Mapping) or not name
        value = setting.value if is_whole else Mapping(mark, {check: _entry(check, setting)})
        key = path if is_whole else name
        changed = {**expected.entries, key: Entry(Scalar(mark, key, key), value)}
    else:
        raise RefusedError(_unexpected(name or path, list(expected.entries), setting))
    value = replace(expected, entries=changed)
    return replace(draft, top={**draft.top, "expect": replace(entry, value=value)})


def _with_check(
    entries: dict[str, Entry], name: str, check: str, setting: Setting
) -> dict[str, Entry]:
    """What is expected, with one check of a value edited; without any check nothing is."""
    checks = entries[name].value
    if not isinstance(checks, Mapping):
        raise RefusedError(missing(setting))
    changed = _with_entry(checks.entries, check, setting)
    if not changed:
        return {key: entry for key, entry in entries.items() if key != name}
    return {**entries, name: replace(entries[name], value=replace(checks, entries=changed))}


def _unexpected(name: str, known: list[str], setting: Setting) -> Problem:
    return Problem(
        f"the recipe expects nothing of `{name}`",
        setting.mark,
        expected=f"expect.VALUE.CHECK with a value of: {listed(known)}",
        hint=did_you_mean(name, known),
    )


def _entry(name: str, setting: Setting) -> Entry:
    return Entry(Scalar(setting.mark, name, name), setting.value)


def _with_option(entry: StepEntry, name: str, setting: Setting) -> StepEntry:
    """The step with one option, or one key beside it, changed.

    `device`, `dtype` and the like mean the key beside the step unless the recipe gives the step
    an option of that name.
    """
    options = entry.options
    if isinstance(options, Scalar) and options.value is None:
        options = None
    written = options.entries if isinstance(options, Mapping) else {}
    top = name.partition(".")[0].partition("[")[0]
    if name == "id":
        message = f"the id of `{entry.id}` identifies the step, and cannot be set"
        raise RefusedError(Problem(message, setting.mark))
    if name in PLACING_KEYS and name not in written:
        message = f"`{name}` places a step in its recipe, and cannot be set"
        raise RefusedError(Problem(message, setting.mark))
    if name in STEP_KEYS and name not in written:
        return replace(entry, beside=_with_entry(entry.beside, name, setting))
    if options is not None and not isinstance(options, Mapping):
        message = f"the options of `{entry.id}` are not a mapping"
        raise RefusedError(Problem(message, options.mark))
    mark = options.mark if options else entry.mark
    if name == top or top not in written:
        return replace(entry, options=Mapping(mark, _with_entry(written, name, setting)))
    try:
        return replace(entry, options=_reached(Mapping(mark, written), name, setting))
    except NoPathError as error:
        message = f"`{entry.id}` has no `{name}` to {setting.in_words}"
        found = described(written[top].value)
        raise RefusedError(Problem(message, setting.mark, found, hint=error.problem.hint)) from None


class NoPathError(RefusedError):
    """A path that leads to nothing in a mapping or list."""


def _reached(node: Node, path: str, setting: Setting) -> Node:
    """`node` with the value at a path like `layers[0]` edited; raises RefusedError."""
    try:
        parsed = parse_path(path)
    except ValueError:
        by_number = re.sub(r"\.(-?\d+)(?=[.\[]|$)", r"[\1]", setting.path)
        hint = f"an item of a list is `{by_number}`" if by_number != setting.path else None
        raise NoPathError(missing(setting, hint)) from None
    changed = _replaced(node, [parsed.root, *parsed.flat], setting)
    assert changed is not None  # a path has at least a name, so a part of `node` was edited
    return changed


def _replaced(node: Node | None, path: list[str | int], setting: Setting) -> Node | None:
    """`node` with the value at `path` edited; None if `node` itself is deleted."""
    if not path:
        return edited(setting, node)
    head, rest = path[0], path[1:]
    if isinstance(node, Mapping) and isinstance(head, str) and (head in node.entries or not rest):
        if not rest:
            return replace(node, entries=_with_entry(node.entries, head, setting))
        old = node.entries[head]
        inner = _replaced(old.value, rest, setting)
        entries = {key: entry for key, entry in node.entries.items() if key != head}
        return replace(
            node,
            entries=entries if inner is None else {**node.entries, head: Entry(old.key, inner)},
        )
    if isinstance(node, Sequence) and isinstance(head, int):
        count = len(node.items)
        if not 0 <= head < count:
            raise NoPathError(missing(setting, None if rest else _item_hint(setting, head, count)))
        item = _replaced(node.items[head], rest, setting)
        changed = () if item is None else (item,)
        return Sequence(node.mark, (*node.items[:head], *changed, *node.items[head + 1 :]))
    raise NoPathError(missing(setting))


def _item_hint(setting: Setting, position: int, count: int) -> str:
    """What to write for an item that a list does not have."""
    path = setting.path.rpartition("[")[0]
    if -count <= position < 0:
        return f"items are counted from 0: this one is `{path}[{position % count}]`"
    return f"the list has {count} items; `--set '{path}+=...'` appends one"


def _keys(entry: Entry | None) -> list[str]:
    return list(entry.value.entries) if entry and isinstance(entry.value, Mapping) else []


def _option_names(entry: StepEntry) -> list[str]:
    return list(entry.options.entries) if isinstance(entry.options, Mapping) else []


class RecipeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a command that takes a recipe, as `recipe_options` reads them.

    set: settings, `PATH=VALUE` each. device, seed: in place of the recipe's own. plugins: further
    ones, as `-p` names them. standin: whether stand-ins may replace data that is not available.
    show: what a last step prints. is_drawn: whether the seed was drawn for this command. part: the
    steps to run.
    """

    set: tuple[str, ...] = ()
    device: str | None = None
    seed: int | None = None
    is_drawn: bool = False
    show: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    standin: bool = True
    part: Part = Part()

    @property
    def keywords(self) -> dict[str, Any]:
        """The keywords for `flowrun.plan`; `standin` is one of running and checking."""
        return {
            "set": self.set,
            "device": self.device,
            "seed": self.seed,
            "plugins": self.plugins,
            "show": self.show,
            "from_": self.part.start,
            "until": self.part.until,
            "only": self.part.only,
            "skip": self.part.skip,
        }

    @property
    def arguments(self) -> list[str]:
        """The arguments that give another process these options; none for a default."""
        arguments = [part for setting in self.set for part in ("--set", setting)]
        arguments += [part for plugin in self.plugins for part in ("--plugin", plugin)]
        arguments += [part for text in self.show for part in ("--show", text)]
        arguments += [] if self.device is None else ["--device", self.device]
        arguments += [] if self.seed is None else ["--seed", str(self.seed)]
        arguments += self.part.arguments
        return arguments + ([] if self.standin else ["--no-standin"])
