"""What a shell completes: steps, recipes, runs, paths of `--set`, and names of values.

While a person types, no more is loaded than a completion needs, and no mistake is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from flowrun.errors import FlowrunError
from flowrun.errors.escaping import on_one_line
from flowrun.plugins.step_names import usable_names
from flowrun.values.files import real_path

if TYPE_CHECKING:
    from flowrun.planning.plan import Plan
    from flowrun.plugins.registry import Registry
    from flowrun.running.record import RunRecord
    from flowrun.store.run_index import RunIndex, RunRow

_LAST_NAME = re.compile(r"[A-Za-z_][\w.]*$")
_PLAIN_TEXT = re.compile(r"[A-Za-z_][\w./-]*")  # is the same text in YAML and in a shell
# What a shell takes as it stands. Names of others that hold anything else are not completed: a
# shell would put `$(...)` into the command line, and obey a control character.
_WORD = re.compile(r"[\w./=:+-]+")
_MOST_RUNS = 50

FILE = click.Path(readable=False)  # which a shell completes; the command itself says what is wrong


def complete_run(ctx: click.Context, option: click.Parameter, text: str) -> list[CompletionItem]:
    """`last` and the ids of the latest runs, each with its recipe and status."""
    with suppress(FlowrunError, OSError):
        rows = _runs(lambda runs: runs.rows())
        last = next((row for row in rows if not row.elsewhere), None)
        named = [
            *([] if last is None else [("last", last)]),
            *((row.id, row) for row in rows[:_MOST_RUNS]),
        ]
        return [
            CompletionItem(name, help=on_one_line(f"{row.recipe}, {row.status}"))
            for name, row in named
            if name.startswith(text) and _WORD.fullmatch(name)
        ]
    return []


def complete_step(ctx: click.Context, option: click.Parameter, text: str) -> list[CompletionItem]:
    """The names of the steps of installed plugins."""
    registry: Registry = ctx.find_root().obj
    return [
        CompletionItem(name, help=step.about)
        for name, _, step in usable_names(registry)
        if name.startswith(text)
    ]


def complete_step_id(ctx: click.Context, option: click.Parameter, text: str) -> list[str]:
    """The ids of the recipe's steps."""
    from flowrun.recipes.recipe import load_recipe

    with suppress(FlowrunError, OSError):
        steps = load_recipe(_recipe(ctx)).steps
        return _words(step.id for step in steps if step.id.startswith(text))
    return []


def complete_device(ctx: click.Context, option: click.Parameter, text: str) -> list[str]:
    """The kinds of devices."""
    from flowrun.recipes.devices import AUTO, KINDS

    return [name for name in (AUTO, *KINDS) if name.startswith(text)]


def complete_setting(ctx: click.Context, option: click.Parameter, text: str) -> list[str]:
    """The paths of a recipe's values, each with its present value if that is short."""
    with suppress(FlowrunError, OSError):
        return _words(path for path in _settings(_plan(_recipe(ctx))) if path.startswith(text))
    return []


def _settings(plan: Plan) -> Iterator[str]:
    from flowrun.recipes.reading import plain

    recipe = plan.recipe
    yield _setting("seed", recipe.seed)
    yield _setting("device", recipe.device)
    yield _setting("dtype", recipe.dtype)
    for name, node in recipe.vars.items():
        yield _setting(f"vars.{name}", plain(node))
    for step in plan.steps:
        defaults = {option.name: option.default for option in step.step.options}
        for name, value in (defaults | step.keywords).items():
            yield _setting(f"{step.id}.{name}", value)


def _setting(path: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"{path}={str(value).lower()}"
    is_short = isinstance(value, int | float) or (
        isinstance(value, str) and _PLAIN_TEXT.fullmatch(value) is not None
    )
    return f"{path}={value if is_short else ''}"


def complete_value(ctx: click.Context, option: click.Parameter, text: str) -> list[str]:
    """The ways to go on with an expression, for `--show` and for `flowrun show RUN`.

    The names are those of the run; of a recipe those of its latest run, or else those that its plan
    has. A mistake in the recipe or the run's name completes nothing.
    """
    with suppress(FlowrunError, OSError):
        names = _names(ctx)
        begun = _LAST_NAME.search(text)
        last = "" if begun is None else begun.group()
        if not last and text and text[-1].isalnum():
            return []  # the middle of a number
        start = text[: len(text) - len(last)]
        return [start + name for name in _words(names) if name.startswith(last)]
    return []


def _words(names: Iterable[str]) -> list[str]:
    return [name for name in names if _WORD.fullmatch(name)]


def _names(ctx: click.Context) -> list[str]:
    from flowrun.history.finding import find_run  # while a person types, nothing more is loaded

    if "run" in ctx.params:
        return list(_of_record(find_run(ctx.params["run"])))
    path = _recipe(ctx)
    row = _latest(path)
    if row is not None:
        return list(_of_record(find_run(row)))
    steps = _plan(path).steps
    return list(dict.fromkeys(name for step in steps for name in step.wires.outputs.values()))


def _recipe(ctx: click.Context) -> Path:
    """The recipe that is typed already."""
    # An option that has no value yet ends click's parsing before arguments have their names.
    typed = ctx.params.get("recipes") or ctx.args
    named = ctx.params.get("recipe") or ctx.params.get("run_or_recipe")
    return Path(named or next(iter(typed), ""))


def _plan(recipe: Path) -> Plan:
    from flowrun.api import plan

    return plan(recipe)


def _latest(recipe: Path) -> str | None:
    """The id of the latest run of a recipe."""
    rows = _runs(lambda runs: runs.latest_of(str(real_path(recipe)), ""))
    return rows[0].id if rows else None


def _runs(ask: Callable[[RunIndex], list[RunRow]]) -> list[RunRow]:
    """What the list of runs answers."""
    from flowrun.store.home import home_folder
    from flowrun.store.store import Store

    store = Store(home_folder(), lambda text: None, sets_aside=False)
    try:
        return ask(store.runs)
    finally:
        store.close()


def _of_record(run: RunRecord) -> Iterator[str]:
    summaries = {name: value for step in run.steps for name, value in step.outputs.items()}
    for name, summary in summaries.items():
        yield from _of_summary(name, summary)


def _of_summary(name: str, summary: Mapping[str, Any]) -> Iterator[str]:
    yield name
    for key, item in (summary.get("items") or {}).items():
        if key.isidentifier():
            yield from _of_summary(f"{name}.{key}", item)
