"""`flowrun new`: a step, a plugin or a recipe to begin with, working and tested."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from flowrun.cli.new.names import plugin_name, recipe_name, step_name
from flowrun.cli.new.writing import write_new
from flowrun.cli.printing import echo
from flowrun.errors import shown_path
from flowrun.plugins.compatibility import requirement
from flowrun.plugins.distributions import OWN, version_of
from flowrun.plugins.registry import Registry


@click.command("new")
@click.argument("kind", type=click.Choice(["step", "plugin", "recipe"]))
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    metavar="FOLDER",
    help="Write into this folder, in place of the current one; it is made if needed.",
)
@click.pass_obj
def new_command(registry: Registry, kind: str, name: str, into: Path) -> None:
    """Write a step, a plugin or a recipe to begin with; it works, and is tested.

    \b
    flowrun new step clip_rows      a file with the step, its test, a recipe that uses it
    flowrun new plugin grapes       a package to install: flowrun-grapes
    flowrun new recipe wine         one YAML file

    Nothing that is there already is replaced.
    """
    folder = into
    if kind == "step":
        fields = {"name": step_name(name, registry)}
    elif kind == "recipe":
        fields = {"name": recipe_name(name)}
    else:
        short = plugin_name(name, registry)
        distribution = f"flowrun-{short.replace('_', '-')}"
        fields = {
            "name": short,
            "module": f"flowrun_{short}",
            "distribution": distribution,
            "needs": requirement(version_of(OWN) or "0.1"),
        }
        folder = into / distribution
    for path in write_new(kind, folder, fields):
        echo(f"wrote {shown_path(path)}")
    echo("next:")
    for line in _next(kind, fields["name"], folder):
        echo(f"    {line}")


def _next(kind: str, name: str, folder: Path) -> list[str]:
    """The commands that come next."""
    beside = folder / name
    if kind == "recipe":
        return [f"flowrun {beside}.yaml", f"flowrun watch {beside}.yaml      # while you edit it"]
    has_pytest = importlib.util.find_spec("pytest") is not None
    if kind == "step":
        lines = [] if has_pytest else ["python -m pip install pytest"]
        test = folder / f"test_{name}.py"
        return [*lines, f"python -m pytest {test}", f"flowrun {beside}.yaml"]
    return [
        f"cd {folder}",
        "python -m pip install --editable '.[test]'",
        "python -m pytest",
        f"flowrun recipes/{name}.yaml",
    ]
