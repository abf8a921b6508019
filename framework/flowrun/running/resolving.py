"""The recipe of a plan with everything filled in, as a mapping that is a recipe again.

What it extends is merged, references are replaced, settings and arguments applied, and plugins go
by absolute paths. JSON has no infinite numbers: they stand as `${.inf}`, `${-.inf}` and `${.nan}`,
which no other text can be, because `${` in a text of the recipe becomes `$${`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowrun.recipes.nodes import plain

if TYPE_CHECKING:
    from flowrun.planning.plan import Plan
    from flowrun.plugins.registry import Plugin, Registry
    from flowrun.recipes.document import StepEntry

_WRITTEN = {"inf": "${.inf}", "-inf": "${-.inf}", "nan": "${.nan}"}
_NUMBERS = {text: float(number) for number, text in _WRITTEN.items()}


def resolved_recipe(plan: Plan) -> dict[str, Any]:
    """A plan's recipe as a mapping of JSON values."""
    recipe = plan.recipe
    mapping = {
        "recipe": recipe.name,
        "about": recipe.about,
        "seed": recipe.seed,
        "device": recipe.device,
        "dtype": recipe.dtype,
        "vars": {name: plain(node) for name, node in recipe.vars.items()},
        "plugins": [place["name"] for place in plugin_places(plan.registry)],
        "section": recipe.section,
        "needs": list(recipe.needs.texts),
        "tags": list(recipe.tags),
        "steps": [_step(entry) for entry in recipe.steps],
        "expect": {path: plain(entry.value) for path, entry in recipe.expect.items()},
    }
    return {key: escaped(value) for key, value in mapping.items() if value not in ("", [], {})}


def plugin_places(registry: Registry) -> list[dict[str, str]]:
    """The plugins that were loaded by name, each with the folder it is looked for from."""
    places = (_place(plugin) for plugin in registry.plugins.values())
    return [place for place in places if place is not None]


def unescaped(value: Any) -> Any:
    """A value of a resolved recipe as it was before it was written."""
    if isinstance(value, str):
        return _NUMBERS.get(value, value.replace("$${", "${"))
    if isinstance(value, list):
        return [unescaped(item) for item in value]
    if isinstance(value, dict):
        return {key: unescaped(item) for key, item in value.items()}
    return value


def _step(entry: StepEntry) -> dict[str, Any]:
    options = {} if entry.options is None else plain(entry.options)
    beside = {key: plain(item.value) for key, item in entry.beside.items()}
    return {entry.name: options, **beside, "id": entry.id}


def _place(plugin: Plugin) -> dict[str, str] | None:
    """Where a plugin of `-p` or `plugins:` is; None for an installed one, which is found anyway."""
    file = getattr(plugin.module, "__file__", None)
    if plugin.origin == "a local file" and file:
        return {"name": file, "folder": str(Path(file).parent)}
    if plugin.origin == f"module {plugin.name}":
        folder = Path.cwd() if file is None else _root(Path(file), plugin.name)
        return {"name": plugin.name, "folder": str(folder)}
    return None


def _root(file: Path, module: str) -> Path:
    """The folder from which a module of this name is imported."""
    return file.parents[module.count(".") + (file.stem == "__init__")]


def escaped(value: Any) -> Any:
    """A value as it stands in a resolved recipe: no part of it is taken for a reference."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, float) and not math.isfinite(value):
        return _WRITTEN[str(value)]
    if isinstance(value, list):
        return [escaped(item) for item in value]
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    return value
