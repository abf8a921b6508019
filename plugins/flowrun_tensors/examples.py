"""`flowrun examples`: the shipped recipes, and one of them written into the current folder."""

from __future__ import annotations

from pathlib import Path

import click

from flowrun import FlowrunError, did_you_mean, load_recipe, replacing

_FIRST = "red_linear"  # the recipe to begin with
_FOLDERS = {  # folders of recipes, each written whole
    "article": "Each code block of the article",
    "checks": "The built-in steps compared with the same computed by other means",
}


@click.command("examples")
@click.argument("name", required=False)
@click.option("--force", is_flag=True, help="Replace files that are here already.")
def examples_command(name: str | None, force: bool) -> None:
    """List the shipped recipes, or write the recipe NAME into the current folder.

    NAME is a recipe, a folder of recipes (article), or one of these (article/01_tensors_create).
    """
    recipes = {path.stem: path for path in sorted(_folder().glob("*.yaml"), key=_order)}
    if name is None:
        _print_examples(recipes)
        return
    stem = Path(name).stem
    inner = {path.stem: path for folder in _FOLDERS for path in _recipes_in(folder)}
    recipes = {**inner, **recipes}
    if stem not in (*recipes, *_FOLDERS):
        hint = did_you_mean(stem, (*recipes, *_FOLDERS)) or "`flowrun examples` lists all"
        raise FlowrunError(f"there is no example `{name}`; {hint}")
    chosen = [recipes[stem]] if stem in recipes else _recipes_in(stem)
    wanted = _with_companions(chosen)
    existing = [str(_here(path)) for path in wanted if _differs(path)]
    if existing and not force:
        raise FlowrunError(f"{', '.join(existing)} is here already; --force replaces it")
    for path in wanted:
        try:
            with replacing(_here(path)) as temporary:
                temporary.write_bytes(path.read_bytes())
        except OSError as error:
            raise FlowrunError(f"{_here(path)} cannot be written: {error.strerror}") from None
        click.echo(f"wrote {_here(path)}")
    click.echo(f"run it: flowrun {_here(chosen[0]) if stem in recipes else f'{stem}/*.yaml'}")


def _print_examples(recipes: dict[str, Path]) -> None:
    width = max(map(len, (*recipes, *_FOLDERS)))
    for stem, path in recipes.items():
        click.echo(f"{stem:<{width}}  {load_recipe(path).about}")
    for folder, about in _FOLDERS.items():
        click.echo(f"{folder:<{width}}  {about}: {len(_recipes_in(folder))} recipes.")


def _folder() -> Path:
    from importlib.resources import files  # would slow down the start of every command

    return Path(str(files("flowrun_recipes")))


def _order(path: Path) -> tuple[bool, str]:
    return path.stem != _FIRST, path.stem


def _recipes_in(folder: str) -> list[Path]:
    return sorted((_folder() / folder).glob("*.yaml"))


def _here(shipped: Path) -> Path:
    """The path, from the current folder, to which a shipped file is written."""
    return shipped.relative_to(_folder())


def _differs(shipped: Path) -> bool:
    here = _here(shipped)
    return here.exists() and not (here.is_file() and here.read_bytes() == shipped.read_bytes())


def _with_companions(recipes: list[Path]) -> list[Path]:
    """Shipped recipes, and the shipped files they name: their parents, their data."""
    beside = sorted(path for path in _folder().iterdir() if path.is_file())
    wanted = list(recipes)
    for path in wanted:
        text = path.read_text(encoding="utf-8")
        named = [other for other in beside if _is_named(other.name, path, text)]
        wanted += [other for other in named if other not in wanted]
    return wanted


def _is_named(name: str, recipe: Path, text: str) -> bool:
    return f" {name}" in text or (recipe.parent != _folder() and f" ../{name}" in text)
