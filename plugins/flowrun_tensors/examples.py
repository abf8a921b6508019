"""`flowrun examples`: the shipped recipes, and one of them written into the current folder."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from flowrun import FlowrunError, load_recipe, replacing


@click.command("examples")
@click.argument("name", required=False)
@click.option("--force", is_flag=True, help="Replace files that are here already.")
def examples_command(name: str | None, force: bool) -> None:
    """List the shipped recipes, or write the recipe NAME into the current folder."""
    recipes = {path.stem: path for path in sorted(_folder().glob("*.yaml"))}
    if name is None:
        width = max(map(len, recipes))
        for stem, path in recipes.items():
            click.echo(f"{stem:<{width}}  {load_recipe(path).about}")
        return
    stem = Path(name).stem
    if stem not in recipes:
        raise FlowrunError(f"there is no example `{name}`; there are: {', '.join(recipes)}")
    wanted = _with_companions(recipes[stem])
    taken = [path.name for path in wanted if _differs(Path(path.name), path)]
    if taken and not force:
        raise FlowrunError(f"{', '.join(taken)} is here already; --force replaces it")
    for path in wanted:
        with replacing(Path(path.name)) as temporary:
            temporary.write_bytes(path.read_bytes())
        click.echo(f"wrote {path.name}")
    click.echo(f"run it: flowrun {stem}.yaml")


def _differs(here: Path, shipped: Path) -> bool:
    return here.exists() and here.read_bytes() != shipped.read_bytes()


def _folder() -> Path:
    return Path(str(files("flowrun_recipes")))


def _with_companions(recipe: Path) -> list[Path]:
    """A shipped recipe, and the shipped files it names: its parent, its data."""
    wanted = [recipe]
    for path in wanted:
        text = path.read_text(encoding="utf-8")
        files = sorted(other for other in _folder().iterdir() if other.is_file())
        named = [other for other in files if f" {other.name}" in text]
        wanted += [other for other in named if other not in wanted]
    return wanted
