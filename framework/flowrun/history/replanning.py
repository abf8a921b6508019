"""Reads the recipe of a past run from its record, and checks for the plugins that it needs.

A record is data, and may come from a stranger. So a plugin that only the record names is never
loaded: the caller names the plugins to trust. Nor does it read the environment.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as AnyMapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from flowrun.errors import FlowrunError, Problem, RecipeError, Source, shown_path
from flowrun.recipes.json_texts import as_json
from flowrun.recipes.recipe import Recipe, read_recipe
from flowrun.recipes.step_entry import StepEntry
from flowrun.running.record import PluginPlace, RunRecord

_LISTS = ("steps", "needs", "tags")
_LEFT_OUT = ("plugins", "extends")  # keys that name code, or a recipe that names code
_NUMBERS = {f'"${{{number}}}"': number for number in (".inf", "-.inf", ".nan")}


def recipe_of(run: RunRecord) -> Recipe:
    """The recipe of a run with all settings applied, and paths from the same folders as in the run.

    The plugins of the run are left out. Raises FlowrunError if the record has no recipe, and
    RecipeError if that is not a valid one.
    """
    if run.resolved is None:
        raise FlowrunError(
            f"the record of the run {run.id} does not have its recipe\n"
            "    an earlier version of flowrun made the record: run the recipe again"
        )
    resolved = {key: value for key, value in run.resolved.items() if key not in _LEFT_OUT}
    if run.status != "skipped" and run.device:  # a run that was skipped chose no device
        resolved["device"] = run.device
    path = None if run.file is None else Path(run.file)
    problems: list[Problem] = []
    source = Source(f"recipe of run {run.id}", _text(resolved), path)
    recipe = read_recipe(source, (), problems, environment={})
    if problems or recipe is None:
        raise RecipeError(problems)
    return replace(recipe, plugins=(), steps=tuple(_placed_steps(recipe, run)))


def require_plugins(run: RunRecord, given: Sequence[str]) -> None:
    """Raise FlowrunError if the run used plugins that are neither installed nor among those given.

    A file is recognised by its name, since a received run may have used it in another folder.
    """
    names = {_identity(name) for name in given}
    missing = [place for place in run.plugins if _identity(place.name) not in names]
    if missing:
        shown = [_shown(place) for place in missing]
        options = shlex.join(part for name in [*given, *shown] for part in ("-p", name))
        lines = [
            f"the run {run.id} used plugins that are not installed: {', '.join(shown)}",
            "    code that only a record names is not run; you have to name it yourself",
            f"    if you trust it, add  {options}",
            f"    or in Python  plugins={(*given, *shown)!r}",
        ]
        raise FlowrunError("\n".join(lines))


def _identity(plugin: str) -> tuple[str, str]:
    """Identifies a plugin by its name: a module, or the last part of a file's path."""
    is_file = plugin.endswith(".py") or "/" in plugin
    return ("file", Path(plugin).name) if is_file else ("module", plugin)


def _shown(place: PluginPlace) -> str:
    """The plugin's name as an argument of `-p`."""
    kind, name = _identity(place.name)
    return shown_path(Path(place.name)) if kind == "file" else name


def _placed_steps(recipe: Recipe, run: RunRecord) -> Iterator[StepEntry]:
    """The steps of the recipe, with the folders from which their paths started in the run."""
    folders = {step.id: step.folder for step in run.plan if step.folder}
    file = "recipe" if recipe.path is None else recipe.path.name
    name, text = recipe.source.name, recipe.source.text
    sources = {one: Source(name, text, Path(one, file)) for one in dict.fromkeys(folders.values())}
    for entry in recipe.steps:
        if entry.id not in folders:
            message = f"the record of the run {run.id} has no folder for the step `{entry.id}`"
            raise FlowrunError(message)
        yield replace(entry, mark=replace(entry.mark, source=sources[folders[entry.id]]))


def _text(resolved: AnyMapping[str, Any]) -> str:
    """A resolved recipe as YAML with each step and each expectation in one line, for messages."""
    lines = []
    for key, value in resolved.items():
        if isinstance(value, list) and value and key in _LISTS:
            lines += [f"{key}:", *(f"  - {_in_line(item)}" for item in value)]
        elif isinstance(value, dict) and value:
            items = (f"  {_in_line(name)}: {_in_line(item)}" for name, item in value.items())
            lines += [f"{_in_line(key)}:", *items]
        else:
            lines.append(f"{_in_line(key)}: {_in_line(value)}")
    return "\n".join(lines)


def _in_line(value: object) -> str:
    """A value as JSON, which is YAML as well; numbers that JSON lacks, as YAML writes them."""
    text = as_json(value)
    for written, number in _NUMBERS.items():
        text = text.replace(written, number)
    return text
