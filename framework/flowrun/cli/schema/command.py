"""`flowrun schema`: the recipe language as a JSON Schema, and editors told of it."""

from __future__ import annotations

from pathlib import Path

import click

from flowrun.cli.plugin_option import plugin_option
from flowrun.cli.schema.installing import add_line, keep_schema, schema_text, tell_vscode
from flowrun.cli.schema.recipe_schema import recipe_schema
from flowrun.errors import shown_path
from flowrun.planning.plan import load_plugins
from flowrun.plugins.registry import Registry
from flowrun.recipes.recipe import load_recipe


@click.command("schema")
@click.argument("recipes", nargs=-1, metavar="[RECIPE]...", type=click.Path(path_type=Path))
@plugin_option
@click.option(
    "--install",
    "folder",
    is_flag=False,
    flag_value=".",
    metavar="[FOLDER]",
    type=click.Path(path_type=Path),
    help="Write it into .flowrun, and name it in VS Code's settings for this folder.",
)
@click.option(
    "--line",
    "in_recipes",
    is_flag=True,
    help="Write it into .flowrun, and name it in the first line of each RECIPE.",
)
@click.pass_obj
def schema_command(
    registry: Registry,
    recipes: tuple[Path, ...],
    plugins: tuple[str, ...],
    folder: Path | None,
    in_recipes: bool,
) -> None:
    """Print the JSON Schema of recipes, or put it where editors find it.

    It has the steps of every installed plugin, of those of -p, and of those that each RECIPE
    names. Editors with a YAML language server complete and check recipes by it.
    """
    if in_recipes and not recipes:
        raise click.UsageError("--line needs the recipes to write the line into")
    if folder is not None and not folder.is_dir():
        hint = "; give recipes before --install" if folder.is_file() else ""
        raise click.UsageError(f"--install takes a folder, and {folder} is none{hint}")
    load_plugins(registry, plugins)
    for recipe in recipes:
        for name in load_recipe(recipe).plugins:
            registry.load_named(name.text, name.mark.source.folder)
    for failure in registry.failures:
        click.echo(f"warning: {failure}", err=True)
    schema = recipe_schema(registry)
    if folder is None and not in_recipes:
        click.echo(schema_text(schema), nl=False)
        return
    path = keep_schema(schema, folder or Path())
    click.echo(f"{shown_path(path)}: {len(registry.steps)} steps")
    if folder is not None:
        settings, is_changed = tell_vscode(path, folder)
        click.echo(f"{shown_path(settings)}: {'written' if is_changed else 'as it should be'}")
    for recipe in recipes if in_recipes else ():
        is_changed = add_line(path, recipe)
        click.echo(f"{shown_path(recipe)}: {'line added' if is_changed else 'as it should be'}")
