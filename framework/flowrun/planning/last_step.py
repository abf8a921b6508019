"""The step `show` that `--show` adds below the last step that runs."""

from __future__ import annotations

from collections.abc import Sequence as AnySequence
from itertools import count

from msgspec.structs import replace

from flowrun.errors import Mark, Source
from flowrun.recipes.reading import Scalar, Sequence
from flowrun.recipes.recipe import Recipe
from flowrun.recipes.step_entry import StepEntry


def with_last_step(
    recipe: Recipe, show: AnySequence[str], members: list[str] | None
) -> tuple[Recipe, list[str] | None]:
    """The recipe with a step `show` below the last step that runs, and the part with that step."""
    last = _last_step(recipe, show)
    steps = recipe.steps
    if members is None:
        return replace(recipe, steps=(*steps, last)), None
    end = [entry.id for entry in steps].index(members[-1]) + 1
    return replace(recipe, steps=(*steps[:end], last, *steps[end:])), [*members, last.id]


def _last_step(recipe: Recipe, show: AnySequence[str]) -> StepEntry:
    """A step `show` after all others, of the texts given to `--show`."""
    taken = {entry.id for entry in recipe.steps}
    name = next(name for number in count(1) if (name := f"shown_{number}") not in taken)
    source = Source("expressions", "\n".join(show))
    items = (Scalar(Mark(source, line, 0), text, text) for line, text in enumerate(show))
    return StepEntry(
        Mark(source, 0, 0), "tensors.show", name, Sequence(Mark(source, 0, 0), tuple(items))
    )
