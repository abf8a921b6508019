"""`flowrun schema`: the recipe language as a JSON Schema, for editors."""

from __future__ import annotations

from pathlib import Path

import click

from flowrun.cli.plugin_option import plugin_option
from flowrun.cli.printing import echo, warn
from flowrun.cli.schema.installing import add_line, keep_schema, schema_text, vscode_settings
from flowrun.cli.schema.recipe_schema import recipe_schema
from flowrun.errors import shown_path
from flowrun.errors.escaping import in_json
from flowrun.planning.plan import load_plugins
from flowrun.plugins.registry import Registry
from flowrun.recipes.recipe import load_recipe


@click.command("schema")
@click.argument("recipes", nargs=-1, metavar="[RECIPE]...", type=click.Path(path_type=Path))
@plugin_option
@click.option(
    "--install",
    is_flag=True,
    help="Write it into .flowrun, name it in the first line of each RECIPE, and print what to "
    "paste into the settings of VS Code.",
)
@click.pass_obj
def schema_command(
    registry: Registry, recipes: tuple[Path, ...], plugins: tuple[str, ...], install: bool
) -> None:
    """Print the JSON Schema of recipes, or put it in a place where editors find it.

    It has the steps of every installed plugin, of those of -p, and of those that each RECIPE
    names. Editors with a YAML language server complete and check recipes by it.
    """
    load_plugins(registry, plugins)
    for recipe in recipes:
        for name in load_recipe(recipe).plugins:
            registry.load_named(name.text, name.mark.source.folder)
    for failure in registry.failures:
        warn(failure)
    schema = recipe_schema(registry)
    if not install:
        click.echo(schema_text(schema), nl=False)
        return
    folder = Path()
    path = keep_schema(schema, folder)
    echo(f"{shown_path(path)}: {len(registry.steps)} steps")
    for recipe in recipes:
        is_changed = add_line(path, recipe)
        echo(f"{shown_path(recipe)}: {'line added' if is_changed else 'unchanged'}")
    echo("For VS Code, paste this into .vscode/settings.json:")
    click.echo(in_json(vscode_settings(path, folder)))
