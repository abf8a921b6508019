"""`flowrun explain`: whether each step of a recipe would be kept or run, and why."""

from __future__ import annotations

import click

from flowrun.cli.completing import FILE
from flowrun.cli.printing import echo, warn
from flowrun.cli.recipe_options import planned, recipe_options
from flowrun.cli.reports import head
from flowrun.errors.escaping import on_one_line
from flowrun.plugins.registry import Registry
from flowrun.recipes.overrides import RecipeOptions
from flowrun.running.explaining import StepStatus, explain
from flowrun.store.home import home_folder
from flowrun.store.store import Store

_WIDTH = 14


@click.command("explain")
@click.argument("recipe", metavar="RECIPE", type=FILE)
@recipe_options
@click.pass_obj
def explain_command(
    registry: Registry,
    /,
    recipe: str,
    options: RecipeOptions,
) -> None:
    """Show for each step of RECIPE whether it would be kept or run, and why. Runs nothing."""
    plan = planned(registry, recipe, options)
    store = Store(home_folder(), warn, sets_aside=False)
    found = explain(plan, store, standin=options.standin)
    store.close()
    echo(head(plan))
    for step in found:
        echo(_line(step))
        for reason in step.reasons:
            echo(f"  {'':<{_WIDTH}}{on_one_line(reason)}")
    kept = sum(step.is_kept for step in found)
    echo(click.style(f"  {kept} of {len(found)} steps would be kept", dim=True))


def _line(step: StepStatus) -> str:
    if step.is_kept:
        return f"  {step.id:<{_WIDTH}}kept, made by {on_one_line(step.run or '')}"
    if not step.unless:
        return f"  {step.id:<{_WIDTH}}to run"
    givers = [f"`{name}`" for name in step.unless]
    verb = "gives" if len(givers) == 1 else "give"
    names = " and ".join([", ".join(givers[:-1]), givers[-1]] if len(givers) > 1 else givers)
    return f"  {step.id:<{_WIDTH}}to run, unless {names} {verb} the same again"
