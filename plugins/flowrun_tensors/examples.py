"""`flowrun examples`: the shipped recipes, and one of them written into the current folder."""

from __future__ import annotations

from pathlib import Path

import click

from flowrun import FlowrunError, did_you_mean, load_recipe, replacing

_ARTICLE = "article"  # a folder of recipes, written whole


@click.command("examples")
@click.argument("name", required=False)
@click.option("--force", is_flag=True, help="Replace files that are here already.")
def examples_command(name: str | None, force: bool) -> None:
    """List the shipped recipes, or write the recipe NAME into the current folder."""
    recipes = {path.stem: path for path in sorted(_folder().glob("*.yaml"))}
    article = sorted((_folder() / _ARTICLE).glob("*.yaml"))
    if name is None:
        width = max(map(len, recipes))
        for stem, path in recipes.items():
            click.echo(f"{stem:<{width}}  {load_recipe(path).about}")
        click.echo(f"{_ARTICLE:<{width}}  Each code block of the article: {len(article)} recipes.")
        return
    stem = Path(name).stem
    if stem not in (*recipes, _ARTICLE):
        hint = did_you_mean(stem, (*recipes, _ARTICLE)) or "`flowrun examples` lists all"
        raise FlowrunError(f"there is no example `{name}`; {hint}")
    wanted = article if stem == _ARTICLE else _with_companions(recipes[stem])
    taken = [str(_here(path)) for path in wanted if _differs(path)]
    if taken and not force:
        raise FlowrunError(f"{', '.join(taken)} is here already; --force replaces it")
    for path in wanted:
        with replacing(_here(path)) as temporary:
            temporary.write_bytes(path.read_bytes())
        click.echo(f"wrote {_here(path)}")
    click.echo(f"run it: flowrun {f'{_ARTICLE}/*' if stem == _ARTICLE else stem}.yaml")


def _folder() -> Path:
    from importlib.resources import files  # would slow down the start of every command

    return Path(str(files("flowrun_recipes")))


def _here(shipped: Path) -> Path:
    """Where a shipped file is written to, seen from the current folder."""
    return shipped.relative_to(_folder())


def _differs(shipped: Path) -> bool:
    here = _here(shipped)
    return here.exists() and here.read_bytes() != shipped.read_bytes()


def _with_companions(recipe: Path) -> list[Path]:
    """A shipped recipe, and the shipped files it names: its parent, its data."""
    wanted = [recipe]
    for path in wanted:
        text = path.read_text(encoding="utf-8")
        beside = sorted(other for other in _folder().iterdir() if other.is_file())
        named = [other for other in beside if f" {other.name}" in text]
        wanted += [other for other in named if other not in wanted]
    return wanted
