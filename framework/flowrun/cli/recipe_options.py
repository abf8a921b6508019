"""The options by which a command changes a recipe before it plans it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowrun.cli.completing import (
    complete_device,
    complete_setting,
    complete_step_id,
    complete_value,
)
from flowrun.cli.plugin_option import plugin_option
from flowrun.cli.printing import HintedError, echo
from flowrun.errors import PluginError, did_you_mean
from flowrun.errors.escaping import command_line, on_one_line
from flowrun.recipes.overrides import RecipeOptions
from flowrun.recipes.part import Part
from flowrun.recipes.sources import address_problem, near_recipe

if TYPE_CHECKING:
    from flowrun.planning.plan import Plan
    from flowrun.plugins.registry import Registry

_EXAMPLES = "`flowrun examples` lists recipes to start from"
_LARGEST_DRAWN = 2**31  # short enough to be typed again


def _seed(ctx: click.Context, option: click.Parameter, text: str | None) -> tuple[int | None, bool]:
    """The seed, and whether it was drawn."""
    if text != "random":
        return None if text is None else int(click.INT(text, option, ctx)), False
    import secrets  # only this needs it

    drawn = secrets.randbelow(_LARGEST_DRAWN)
    echo(f"seed {drawn}, drawn at random; --seed {drawn} repeats the run", err=True)
    return drawn, True


_OPTIONS = (
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="PATH=VALUE",
        shell_complete=complete_setting,
        help="Change one value: gd_train.lr=0.1, vars.train_rows=500. May be repeated.",
    ),
    click.option(
        "--device",
        shell_complete=complete_device,
        help="auto, cpu, cuda, cuda:N, mps or xpu, in place of the recipe's.",
    ),
    click.option(
        "--seed",
        callback=_seed,
        metavar="INTEGER|random",
        help="The seed, in place of the recipe's; `random` draws one and prints it.",
    ),
    click.option(
        "--show",
        multiple=True,
        metavar="EXPRESSION",
        shell_complete=complete_value,
        help="Print a value, or an expression over values, after the last step: c, c.mean(0).",
    ),
    click.option(
        "--from",
        "start",
        metavar="STEP",
        shell_complete=complete_step_id,
        help="Run the steps from this one on; of those above, take the values that are needed.",
    ),
    click.option(
        "--until",
        metavar="STEP",
        shell_complete=complete_step_id,
        help="Run the steps up to this one.",
    ),
    click.option(
        "--only",
        multiple=True,
        metavar="STEP",
        shell_complete=complete_step_id,
        help="Run this step alone, with the values of those above. May be repeated.",
    ),
    click.option(
        "--skip",
        multiple=True,
        metavar="STEP",
        shell_complete=complete_step_id,
        help="Leave this step out, as if the recipe did not have it. May be repeated.",
    ),
    plugin_option,
    click.option(
        "--no-standin",
        is_flag=True,
        help="Fail if data is not available, instead of using the simulated stand-in.",
    ),
)


def recipe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that change a recipe, or choose a part of it.

    They are `--set`, `--device`, `--seed`, `--show`, `--from`, `--until`, `--only`, `--skip`, `-p`
    and `--no-standin`. The command takes them as one keyword, `options`, a `RecipeOptions`.
    """

    @functools.wraps(command)
    def with_options(
        *arguments: Any,
        settings: tuple[str, ...],
        device: str | None,
        seed: tuple[int | None, bool],
        show: tuple[str, ...],
        start: str | None,
        until: str | None,
        only: tuple[str, ...],
        skip: tuple[str, ...],
        plugins: tuple[str, ...],
        no_standin: bool,
        **others: Any,
    ) -> Any:
        _refuse_settings(others)
        number, is_drawn = seed
        options = RecipeOptions(
            set=settings,
            device=device,
            seed=number,
            is_drawn=is_drawn,
            show=show,
            plugins=plugins,
            standin=not no_standin,
            part=Part(start, until, only, skip),
        )
        return command(*arguments, options=options, **others)

    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options


def _refuse_settings(arguments: dict[str, Any]) -> None:
    """Raise UsageError, before anything runs, if a recipe is a setting without its `--set`."""
    for given in (arguments.get(name) for name in ("recipe", "recipes", "run_or_recipe")):
        for text in (given,) if isinstance(given, str) else given or ():
            if is_setting(text):
                raise HintedError(f"`{on_one_line(text)}` is no recipe\n    {set_hint(text)}")


def refuse_command(recipes: Sequence[str]) -> None:
    """Raise UsageError, before anything runs, if the first argument is a misspelt command."""
    hint = _command_hint(recipes[0]) if len(recipes) > 1 and not Path(recipes[0]).exists() else None
    if hint is not None:
        name = on_one_line(recipes[0])
        raise HintedError(f"there is no command and no file `{name}`\n    {hint}")


def _command_hint(text: str) -> str | None:
    """The question for the nearest command."""
    parent = click.get_current_context().parent
    return did_you_mean(text, getattr(parent.command if parent else None, "commands", {}))


def is_setting(text: str) -> bool:
    """Whether an argument is meant for `--set`: it has a `=`, and is no file, and no address."""
    is_named = "=" in text and "://" not in text.partition("=")[0]
    return is_named and not Path(text).exists()


def set_hint(text: str) -> str:
    """How to give a setting that stands alone."""
    return f"to change the recipe, write `--set` before it: `--set {command_line([text])}`"


def planned(registry: Registry, recipe: str, options: RecipeOptions) -> Plan:
    """The plan of a recipe file; raises PluginError, with the nearest name, if there is none."""
    from flowrun.api import plan  # a plugin's command needs the options alone, at each start

    return plan(recipe_path(recipe), **options.keywords, registry=registry.copy())


def recipe_path(recipe: str) -> Path:
    """The path of a recipe; raises PluginError, with the nearest name, if there is no file."""
    path = Path(recipe)
    if not path.exists():
        if problem := address_problem(recipe):
            raise PluginError(str(problem))
        hint = _command_hint(recipe) or near_recipe(path) or _EXAMPLES
        raise PluginError(f"there is no file `{on_one_line(recipe)}`\n    {hint}")
    return path
