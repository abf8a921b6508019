"""A recipe read from a file or a mapping: settings applied, references replaced, keys checked."""

from __future__ import annotations

import os
from collections.abc import Mapping as AnyMapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from flowrun.errors import Mark, Problem, RecipeError, Source, listed, suggestions_bounded
from flowrun.recipes.devices import Needs
from flowrun.recipes.document import Draft, read_draft
from flowrun.recipes.environment import Environment
from flowrun.recipes.json_texts import as_json
from flowrun.recipes.keys import STEP_KEYS, TOP_KEYS
from flowrun.recipes.overrides import Settings, apply_overrides
from flowrun.recipes.reading import Entry, Node, Scalar
from flowrun.recipes.sources import read_source
from flowrun.recipes.step_entry import StepEntry
from flowrun.recipes.variables import Variables


class Recipe(msgspec.Struct, frozen=True):
    """A recipe as it was written, with every `${...}` replaced; its steps are not looked up yet.

    environment: the digest of each environment variable that it reads; None if that is not set.
    """

    name: str
    about: str
    seed: int
    device: str
    dtype: str
    vars: dict[str, Node]
    plugins: tuple[Scalar, ...]
    section: str
    needs: Needs
    tags: tuple[str, ...]
    steps: tuple[StepEntry, ...]
    expect: dict[str, Entry]
    source: Source
    parents: tuple[Source, ...] = ()
    device_mark: Mark | None = None  # None if it is not in the recipe
    environment: dict[str, str | None] = {}

    def __repr__(self) -> str:
        return f"Recipe({self.name}: {listed(entry.id for entry in self.steps)})"

    @property
    def path(self) -> Path | None:
        """The file the recipe was read from; None if it was given as a mapping."""
        return self.source.path


def load_recipe(recipe: str | Path | AnyMapping[str, object], set: Settings = ()) -> Recipe:
    """Read a recipe from a path or a mapping.

    set: settings that change it, as `--set` does: `PATH=VALUE` texts, or a mapping of paths.

    Raises RecipeError with everything that is wrong with its form. The steps' names, options and
    wiring are checked by `plan`.
    """
    problems: list[Problem] = []
    read = read_recipe(recipe, set, problems)
    if problems or read is None:
        raise RecipeError(problems)
    return read


@suggestions_bounded()
def read_recipe(
    given: str | Path | AnyMapping[str, object] | Source,
    settings: Settings,
    problems: list[Problem],
    environment: AnyMapping[str, str] = os.environ,
) -> Recipe | None:
    """The recipe as far as it can be read; everything wrong with it is added to `problems`."""
    try:
        source = _source(given)
        draft = read_draft(source, problems)
        if draft is not None:
            draft = apply_overrides(draft, settings, problems)
    except RecipeError as error:
        problems.extend(error.problems)
        return None
    return None if draft is None else _filled(draft, Environment(environment), problems)


def _source(given: str | Path | AnyMapping[str, object] | Source) -> Source:
    if isinstance(given, Source):
        return given
    if not isinstance(given, AnyMapping):
        return read_source(Path(given), is_given=True)
    try:
        text = as_json(given, indent=2)  # one line a value, for the messages
    except (TypeError, ValueError) as error:
        raise RecipeError([Problem(f"the recipe's mapping cannot be read: {error}")]) from None
    return Source("<mapping>", text)


def _filled(draft: Draft, environment: Environment, problems: list[Problem]) -> Recipe:
    given = TOP_KEYS["vars"].value(draft.top, problems)
    variables = Variables(given, environment, problems)
    resolved = variables.resolve_all()
    top = {
        key: replace(entry, value=variables.fill(entry.value))
        for key, entry in draft.top.items()
        if TOP_KEYS[key].has_references
    }
    steps = tuple(_filled_step(entry, variables, problems) for entry in draft.steps)
    if not steps and not problems:
        expected = "`steps:` with a line `- name: {option: value}` for each step"
        mark = draft.key_mark("recipe")
        problems.append(Problem("the recipe has no steps", mark, expected=expected))
    if "recipe" not in top:
        stem = draft.source.path.stem if draft.source.path is not None else "name"
        hint = f"begin the file with `recipe: {stem}`"
        problems.append(Problem("the recipe has no name", Mark(draft.source, 0, 0), hint=hint))
    read = {name: key.value(top, problems) for name, key in TOP_KEYS.items()}
    fields = ("about", "seed", "device", "dtype", "plugins", "section", "needs", "tags")
    return Recipe(
        name=read["recipe"],
        vars=resolved,
        steps=steps,
        expect=read["expect"].entries if read["expect"] is not None else {},
        **{name: read[name] for name in fields},
        source=draft.source,
        parents=draft.parents,
        device_mark=top["device"].value.mark if "device" in top else None,
        environment=environment.used,
    )


def _filled_step(entry: StepEntry, variables: Variables, problems: list[Problem]) -> StepEntry:
    beside = {
        key: replace(item, value=variables.fill(item.value)) for key, item in entry.beside.items()
    }
    for key in STEP_KEYS.values():
        key.value(beside, problems)
    options = None if entry.options is None else variables.fill(entry.options)
    return replace(entry, options=options, beside=beside)
