"""`flowrun export`: writes a recipe or a run as one plain Python script."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

import flowrun  # and not its names: each start of flowrun loads this file, and they load the core

if TYPE_CHECKING:
    from flowrun_tensors.exporting.exported import Exported


@click.command("export")
@click.argument("run_or_recipe", metavar="RUN_OR_RECIPE", type=click.Path(readable=False))
@click.option(
    "-o",
    "--out",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the script to this file, in place of standard output.",
)
@flowrun.recipe_options
def export_command(run_or_recipe: str, output: Path | None, options: flowrun.RecipeOptions) -> None:
    """Write a recipe as the Python script that a person would write, without flowrun.

    With -o, the data and the modules of plugins that it reads are written beside it. Its training
    gives the values of a run with `engine: autograd`, to the last bit. RUN_OR_RECIPE is a recipe
    file, or the id of a run.
    """
    from flowrun_tensors.exporting.exported import export_plan

    made = export_plan(_plan(run_or_recipe, options), standin=options.standin)
    if output is None:
        click.echo(made.text, nl=False)
        return
    try:
        for path in _write(made, output):
            click.echo(f"wrote {path}")
    except OSError as error:
        raise flowrun.FlowrunError(f"cannot write {output}: {error.strerror}") from None


def _write(made: Exported, output: Path) -> Iterator[Path]:
    """Write the files that are not beside the script yet, and the script last; gives their paths.

    Raises FlowrunError before anything is written if another file is in the place of one.
    """
    missing = {}
    for where, source in made.files.items():
        target = output.parent / where
        if not target.exists():
            missing[flowrun.place_to_write(target, output.parent)] = source
        elif not filecmp.cmp(source, target, shallow=False):
            raise flowrun.FlowrunError(
                f"{target} is another file than the script needs there ({source})\n"
                "    move it away, or write the script to another folder"
            )
    for target, source in missing.items():
        with flowrun.replacing(target, output.parent) as temporary:
            shutil.copyfile(source, temporary)
        yield target
    with flowrun.replacing(output) as temporary:
        temporary.write_text(made.text, encoding="utf-8")
    yield output


def _plan(run_or_recipe: str, options: flowrun.RecipeOptions) -> flowrun.Plan:
    """The plan of a recipe file, or of a run."""
    path = Path(run_or_recipe)
    if path.is_file():
        return flowrun.plan(path, **options.keywords)
    if path.suffix in (".yaml", ".yml"):
        raise flowrun.FlowrunError(f"there is no file `{run_or_recipe}`")
    changes = {"set": options.set, "device": options.device, "seed": options.seed}
    given = [f"--{name}" for name, value in changes.items() if value not in (None, ())]
    given += dict.fromkeys(options.part.arguments[::2])
    if given:
        raise flowrun.FlowrunError(
            f"{', '.join(given)} cannot change a past run; export its recipe instead"
        )
    return flowrun.plan_of_run(run_or_recipe, plugins=options.plugins)
