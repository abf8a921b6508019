"""The options by which a command changes a recipe before it plans it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowrun.cli.plugin_option import plugin_option
from flowrun.errors import PluginError, did_you_mean, shown_path
from flowrun.recipes.overrides import RecipeOptions

if TYPE_CHECKING:
    from flowrun.planning.plan import Plan
    from flowrun.plugins.registry import Registry

_OPTIONS = (
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="PATH=VALUE",
        help="Change one value: gd_train.lr=0.1, vars.train_rows=500. May be repeated.",
    ),
    click.option("--device", help="auto, cpu, cuda, cuda:N, mps or xpu, in place of the recipe's."),
    click.option("--seed", type=int, help="The seed, in place of the recipe's."),
    plugin_option,
    click.option(
        "--no-standin",
        is_flag=True,
        help="Fail if data is not available, instead of using the simulated stand-in.",
    ),
)


def recipe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options `--set`, `--device`, `--seed`, `-p` and `--no-standin`.

    The command takes them as one keyword, `options`, a `RecipeOptions`.
    """

    @functools.wraps(command)
    def with_options(
        *arguments: Any,
        settings: tuple[str, ...],
        device: str | None,
        seed: int | None,
        plugins: tuple[str, ...],
        no_standin: bool,
        **others: Any,
    ) -> Any:
        options = RecipeOptions(
            set=settings, device=device, seed=seed, plugins=plugins, standin=not no_standin
        )
        return command(*arguments, options=options, **others)

    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options


def planned(registry: Registry, recipe: str, options: RecipeOptions) -> Plan:
    """The plan of a recipe file; raises PluginError, with the nearest name, if there is none."""
    from flowrun.api import plan  # a plugin's command needs the options alone, at each start

    return plan(recipe_path(recipe), **options.keywords, registry=registry.copy())


def recipe_path(recipe: str) -> Path:
    """The path of a recipe; raises PluginError, with the nearest name, if there is no file."""
    path = Path(recipe)
    if not path.exists():
        parent = click.get_current_context().parent
        commands = getattr(parent.command if parent else None, "commands", {})
        hint = did_you_mean(recipe, commands) or _recipe_hint(path)
        raise PluginError(f"there is no file `{recipe}`\n    {hint}")
    return path


def _recipe_hint(path: Path) -> str:
    """The hint for a recipe file that does not exist."""
    folder = path.parent if path.parent.is_dir() else Path()
    names = [found.name for found in sorted(folder.glob("*.y*ml"))]
    near = did_you_mean(path.name, names)
    if near is not None:
        return f"{near} (in {shown_path(folder)})" if folder != Path() else near
    return "`flowrun examples` lists recipes to start from"
