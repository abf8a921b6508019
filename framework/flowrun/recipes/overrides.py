"""What changes a recipe from outside: the options of commands, and `--set PATH=VALUE`."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence as AnySequence
from typing import Any

import msgspec
from msgspec.structs import replace

from flowrun.errors import Mark, Problem, RecipeError, Source, did_you_mean, listed
from flowrun.recipes.document import Draft, StepEntry
from flowrun.recipes.keys import STEP_KEYS, TOP_KEYS
from flowrun.recipes.reading import (
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    as_json,
    described,
    parse,
)
from flowrun.values.paths import parse_path

Settings = AnyMapping[str, object] | AnySequence[str]

_SETTABLE = tuple(name for name, key in TOP_KEYS.items() if key.is_settable)
_PREFIX = "--set "


def apply_overrides(draft: Draft, settings: Settings, problems: list[Problem]) -> Draft:
    """The draft with each setting applied.

    `settings` has `PATH=VALUE` texts, or paths with their values. A path is `seed`, `device`,
    `dtype`, `about`, `vars.NAME`, `expect.VALUE.CHECK`, `STEP.OPTION`, or `STEP.KEY` for a key
    beside a step. A path that does not exist is a problem, with the nearest known one.
    """
    if isinstance(settings, str):
        settings = [settings]
    if isinstance(settings, AnyMapping):
        settings = [f"{path}={_as_yaml(path, value)}" for path, value in settings.items()]
    for setting in settings:
        path, sign, _ = setting.partition("=")
        source = Source("--set", _PREFIX + setting)
        mark = Mark(source, 0, len(_PREFIX))
        if not sign:
            hint = f"without spaces: `--set {setting}=...`"
            message = "a setting is written PATH=VALUE"
            problems.append(Problem(message, mark, f"`{setting}`", hint=hint))
            continue
        blank = " " * (len(_PREFIX) + len(path) + 1)
        value = parse(source, problems, text=blank + setting[len(path) + 1 :])
        if value is None:
            value = Scalar(mark, None, "")
        draft = _applied(draft, path.strip(), value, mark, problems)
    return draft


def _as_yaml(path: str, value: object) -> str:
    """A Python value as one line of JSON, which YAML reads back unchanged; raises RecipeError."""
    try:
        return as_json(value)
    except (TypeError, ValueError) as error:
        raise RecipeError([Problem(f"`{path}` cannot be set: {error}")]) from None


def _applied(draft: Draft, path: str, value: Node, mark: Mark, problems: list[Problem]) -> Draft:
    head, _, rest = path.partition(".")
    key = Scalar(mark, path, path)
    if path in _SETTABLE:
        return replace(draft, top={**draft.top, path: Entry(key, value)})
    if head == "vars" and rest:
        return _with_variable(draft, rest, value, mark, problems)
    if head == "expect" and rest:
        return _with_expectation(draft, rest, value, mark, problems)
    steps = {entry.id: position for position, entry in enumerate(draft.steps)}
    if head in steps and rest:
        position = steps[head]
        changed = _with_option(draft.steps[position], rest, Entry(key, value), problems)
        return replace(
            draft, steps=(*draft.steps[:position], changed, *draft.steps[position + 1 :])
        )
    known = [
        *_SETTABLE,
        *(f"vars.{name}" for name in _keys(draft.top.get("vars"))),
        *(f"expect.{name}" for name in _keys(draft.top.get("expect"))),
        *(f"{entry.id}.{name}" for entry in draft.steps for name in _option_names(entry)),
    ]
    heads = [*steps, "vars", "expect"]
    hint = did_you_mean(path, known)
    if hint is None and rest and (near := did_you_mean(head, heads)):
        hint = near
    expected = f"seed, device, dtype, vars.NAME or STEP.OPTION with a step of: {listed(steps)}"
    problems.append(Problem(f"the recipe has no `{path}` to set", mark, None, expected, hint))
    return draft


def _with_variable(
    draft: Draft, path: str, value: Node, mark: Mark, problems: list[Problem]
) -> Draft:
    entry = draft.top.get("vars")
    name = path.partition(".")[0].partition("[")[0]
    if entry is None or not isinstance(entry.value, Mapping) or name not in entry.value.entries:
        known = _keys(entry)
        problems.append(
            Problem(
                f"the recipe has no variable `{name}` to set",
                mark,
                expected=f"one of: {listed(known)}",
                hint=did_you_mean(name, known),
            )
        )
        return draft
    changed = _reached(entry.value, path, value)
    if changed is None:
        problems.append(Problem(f"the recipe has no `vars.{path}` to set", mark))
        return draft
    return replace(draft, top={**draft.top, "vars": replace(entry, value=changed)})


def _with_expectation(
    draft: Draft, path: str, value: Node, mark: Mark, problems: list[Problem]
) -> Draft:
    """`expect.metrics.mae.below=0.5`: the value's path, then the check."""
    entry = draft.top.get("expect")
    expected = entry.value if entry is not None else None
    name, _, check = path.rpartition(".")
    if isinstance(expected, Mapping) and name in expected.entries:
        changed = _replaced(expected, [name, check], value)
    elif isinstance(expected, Mapping) and path in expected.entries:
        changed = _replaced(expected, [path], value)
    else:
        known = _keys(entry)
        problems.append(
            Problem(
                f"the recipe expects nothing of `{name or path}`",
                mark,
                expected=f"expect.VALUE.CHECK with a value of: {listed(known)}",
                hint=did_you_mean(name, known),
            )
        )
        return draft
    if entry is None or changed is None:
        problems.append(Problem(f"the recipe has no `expect.{path}` to set", mark))
        return draft
    return replace(draft, top={**draft.top, "expect": replace(entry, value=changed)})


def _with_option(entry: StepEntry, name: str, setting: Entry, problems: list[Problem]) -> StepEntry:
    """The step with one option, or one key beside it, replaced.

    `device`, `dtype` and the like mean the key beside the step unless the recipe gives the step
    an option of that name.
    """
    options = entry.options
    if isinstance(options, Scalar) and options.value is None:
        options = None
    written = options.entries if isinstance(options, Mapping) else {}
    top = name.partition(".")[0].partition("[")[0]
    key = Scalar(setting.key.mark, name, name)
    if name == "id":
        message = f"the id of `{entry.id}` identifies the step, and cannot be set"
        problems.append(Problem(message, setting.key.mark))
        return entry
    if name in STEP_KEYS and name not in written:
        return replace(entry, beside={**entry.beside, name: Entry(key, setting.value)})
    if options is not None and not isinstance(options, Mapping):
        problems.append(Problem(f"the options of `{entry.id}` are not a mapping", options.mark))
        return entry
    if name != top and top in written:
        changed = _reached(Mapping(entry.mark, written), name, setting.value)
        if changed is None:
            problems.append(
                Problem(
                    f"`{entry.id}` has no `{name}` to set",
                    setting.key.mark,
                    found=described(written[top].value),
                )
            )
            return entry
        return replace(entry, options=changed)
    new = {**written, name: Entry(key, setting.value)}
    return replace(entry, options=Mapping(options.mark if options else entry.mark, new))


def _reached(node: Node, path: str, value: Node) -> Node | None:
    """`node` with the value at a path like `layers[0]` replaced; None if there is no such path."""
    try:
        parsed = parse_path(path)
    except ValueError:
        return None
    return _replaced(node, [parsed.root, *parsed.flat], value)


def _replaced(node: Node, path: list[str | int], value: Node) -> Node | None:
    """`node` with the value at `path` replaced; None if there is no such path."""
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(node, Mapping) and isinstance(head, str):
        old = node.entries.get(head)
        inner = _replaced(old.value, rest, value) if old else (None if rest else value)
        if inner is None:
            return None
        key = old.key if old else Scalar(value.mark, head, head)
        return Mapping(node.mark, {**node.entries, head: Entry(key, inner)})
    if isinstance(node, Sequence) and isinstance(head, int) and -1 < head < len(node.items):
        item = _replaced(node.items[head], rest, value)
        if item is None:
            return None
        return Sequence(node.mark, (*node.items[:head], item, *node.items[head + 1 :]))
    return None


def _keys(entry: Entry | None) -> list[str]:
    return list(entry.value.entries) if entry and isinstance(entry.value, Mapping) else []


def _option_names(entry: StepEntry) -> list[str]:
    return list(entry.options.entries) if isinstance(entry.options, Mapping) else []


class RecipeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a command that takes a recipe, as `recipe_options` reads them.

    set: settings, `PATH=VALUE` each. device, seed: in place of the recipe's own. plugins: further
    ones, as `-p` names them. standin: whether stand-ins may replace data that is not available.
    """

    set: tuple[str, ...] = ()
    device: str | None = None
    seed: int | None = None
    plugins: tuple[str, ...] = ()
    standin: bool = True

    @property
    def keywords(self) -> dict[str, Any]:
        """The keywords for `flowrun.plan`; `standin` is one of running and checking."""
        return {
            "set": self.set,
            "device": self.device,
            "seed": self.seed,
            "plugins": self.plugins,
        }

    @property
    def arguments(self) -> list[str]:
        """The arguments that give another process these options; none for a default."""
        arguments = [part for setting in self.set for part in ("--set", setting)]
        arguments += [part for plugin in self.plugins for part in ("--plugin", plugin)]
        arguments += [] if self.device is None else ["--device", self.device]
        arguments += [] if self.seed is None else ["--seed", str(self.seed)]
        return arguments + ([] if self.standin else ["--no-standin"])
