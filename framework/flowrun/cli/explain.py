"""`flowrun explain`: whether each step of a recipe would be kept or run, and why."""

from __future__ import annotations

import click

from flowrun.cli.recipe_options import planned, recipe_options
from flowrun.plugins.registry import Registry
from flowrun.recipes.overrides import RecipeOptions
from flowrun.running.explaining import StepStatus, explain
from flowrun.store.home import home_folder
from flowrun.store.store import Store

_WIDTH = 14


@click.command("explain")
@click.argument("recipe", metavar="RECIPE")
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
    store = Store(home_folder(), lambda text: click.echo(f"warning: {text}", err=True))
    found = explain(plan, store, standin=options.standin)
    store.close()
    click.echo(click.style(plan.recipe.name, bold=True))
    for step in found:
        click.echo(_line(step))
        for reason in step.reasons:
            click.echo(f"  {'':<{_WIDTH}}{reason}")
    kept = sum(step.is_kept for step in found)
    click.echo(click.style(f"  {kept} of {len(found)} steps would be kept", dim=True))


def _line(step: StepStatus) -> str:
    if step.is_kept:
        return f"  {step.id:<{_WIDTH}}kept, made by {step.run}"
    if not step.unless:
        return f"  {step.id:<{_WIDTH}}to run"
    givers = [f"`{name}`" for name in step.unless]
    verb = "gives" if len(givers) == 1 else "give"
    names = " and ".join([", ".join(givers[:-1]), givers[-1]] if len(givers) > 1 else givers)
    return f"  {step.id:<{_WIDTH}}to run, unless {names} {verb} the same again"
