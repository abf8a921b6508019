"""`flowrun export`: a recipe, or what a run did, as one plain Python script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import flowrun  # and not its names: each start of flowrun loads this file, and they load the core


@click.command("export")
@click.argument("run_or_recipe", metavar="RUN_OR_RECIPE")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the script to this file, in place of standard output.",
)
@click.option(
    "--set",
    "set",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change one value: gd_train.lr=0.1, vars.train_rows=500. May be repeated.",
)
@click.option("--device", help="auto, cpu, cuda, cuda:N, mps or xpu, in place of the recipe's.")
@click.option("--seed", type=int, help="The seed, in place of the recipe's.")
@click.option(
    "-p",
    "--plugin",
    "plugins",
    multiple=True,
    metavar="PLUGIN",
    help="Load a plugin: a .py file or a module. May be repeated.",
)
def export_command(run_or_recipe: str, output: Path | None, **arguments: Any) -> None:
    """Write a recipe as one Python script that needs torch, and no flowrun.

    The script holds the steps' own code and ends in a `main` that calls them. It gives the same
    values as the run, to the last bit. RUN_OR_RECIPE is a recipe file, or the id of a run.
    """
    from flowrun_tensors.exporting.exported import export_script

    script = export_script(_plan(run_or_recipe, arguments))
    if output is None:
        click.echo(script, nl=False)
        return
    with flowrun.replacing(output) as temporary:
        temporary.write_text(script, encoding="utf-8")
    click.echo(f"wrote {output}")


def _plan(run_or_recipe: str, arguments: dict[str, Any]) -> flowrun.Plan:
    """The plan of a recipe file, or of a run."""
    path = Path(run_or_recipe)
    if path.is_file():
        return flowrun.plan(path, **arguments)
    if path.suffix in (".yaml", ".yml"):
        raise flowrun.FlowrunError(f"there is no file `{run_or_recipe}`")
    plugins = arguments.pop("plugins")
    given = [name for name, value in arguments.items() if value not in (None, ())]
    if given:
        options = ", ".join(f"--{name.removesuffix('s')}" for name in given)
        raise flowrun.FlowrunError(
            f"{options} cannot change what a run did; export its recipe instead"
        )
    return flowrun.plan_of_run(run_or_recipe, plugins=plugins)
