"""Checks the steps of a plugin against the rules, on inputs from recipes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from flowrun.api import plan
from flowrun.errors import PluginError, RecipeError, shown_path
from flowrun.plugins.registry import Registry
from flowrun.testing.steps.battery import examine_step
from flowrun.testing.steps.examination import Examination
from flowrun.testing.steps.examples import Example, examples_of
from flowrun.testing.steps.plugin_steps import Found
from flowrun.values.files import read_text

_IS_RECIPE = re.compile(r"^recipe\s*:", re.MULTILINE)
NO_RECIPE = "no recipe uses it: name one on the command line, or put one beside the plugin"
EFFECT = "it acts outside of the recipe, so lint does not call it: use check_step in a test"


class Linted(msgspec.Struct):
    """The result of one step. recipe: the recipe that its inputs come from, if any."""

    examination: Examination
    recipe: str | None

    def as_dict(self) -> dict[str, Any]:
        """The step for `--json`."""
        return {**self.examination.as_dict(), "recipe": self.recipe}


def lint(
    registry: Registry, found: Found, recipes: tuple[str, ...], warn: Callable[[str], None]
) -> list[Linted]:
    """Check every step of the plugins against the rules.

    recipes: each is run up to the last of the plugins' steps, to get inputs for these steps; by
    default the recipes beside the plugins. Raises RecipeError if one of `recipes` cannot be
    planned.
    warn: called with a message about each recipe that could not be used.
    """
    chosen = [Path(recipe) for recipe in recipes] or recipes_in(found.folders)
    uses: dict[str, tuple[Example, str]] = {}
    unused: dict[str, str] = {}  # why there is no example of a step that a recipe uses
    for path in chosen:
        wanted = [
            step for name, step in found.steps.items() if name not in uses and not step.effect
        ]
        try:
            planned = plan(path, registry=registry.copy())
        except (RecipeError, PluginError) as error:
            if recipes:
                raise
            warn(f"{shown_path(path)} cannot be used: {str(error).partition(chr(10))[0]}")
            continue
        examples, failure = examples_of(planned, wanted)
        uses |= {one.step.name: (one, shown_path(path)) for one in examples}
        if failure is not None:
            reason = failure.message.partition("\n")[0]
            warn(f"{shown_path(path)} ends at the step `{failure.step}`: {reason}")
            ends = f"{shown_path(path)}, which uses it, ends before it, at `{failure.step}`"
            unused |= {one.step.name: ends for one in planned.steps}
    return [_linted(step, uses.get(name), unused.get(name)) for name, step in found.steps.items()]


def recipes_in(folders: Iterable[Path]) -> list[Path]:
    """The recipes in folders, and in the folders `recipes` within them."""
    places = [place for folder in folders for place in (folder, folder / "recipes")]
    files = [path for place in places for path in sorted(place.glob("*.y*ml"))]
    return [path for path in dict.fromkeys(files) if _is_recipe(path)]


def _is_recipe(path: Path) -> bool:
    try:
        return _IS_RECIPE.search(read_text(path)) is not None
    except (OSError, ValueError):
        return False


def _linted(step: Any, use: tuple[Example, str] | None, unused: str | None) -> Linted:
    if use is None:
        why = EFFECT if step.effect else unused or NO_RECIPE
        return Linted(examine_step(step, None, uncalled=why), None)
    example, recipe = use
    examination = examine_step(
        example.step, example.inputs, example.options,
        seed=example.seed, dtype=example.dtype, folder=example.folder,
    )  # fmt: skip
    return Linted(examination, recipe)
