"""The recipe of a plan with everything filled in, as a mapping that is a recipe again.

Recipes that it extends are merged, references replaced, settings and arguments applied; plugins
have absolute paths. JSON has no infinite numbers: they are written `${.inf}`, `${-.inf}` and
`${.nan}`, and no other text looks like that, because `${` in a text of the recipe becomes `$${`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowrun.recipes.reading import plain
from flowrun.running.record import PluginPlace

if TYPE_CHECKING:
    from flowrun.planning.plan import Plan
    from flowrun.plugins.registry import Plugin, Registry
    from flowrun.recipes.document import StepEntry

_WRITTEN = {"inf": "${.inf}", "-inf": "${-.inf}", "nan": "${.nan}"}


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
        "plugins": [place.name for place in plugin_places(plan.registry)],
        "section": recipe.section,
        "needs": list(recipe.needs.texts),
        "tags": list(recipe.tags),
        "steps": [_step(entry) for entry in recipe.steps],
        "expect": {path: plain(entry.value) for path, entry in recipe.expect.items()},
    }
    return {key: escaped(value) for key, value in mapping.items() if value not in ("", [], {})}


def plugin_places(registry: Registry) -> list[PluginPlace]:
    """The plugins that were loaded by name, each with the folder to find it from."""
    places = (_place(plugin) for plugin in registry.plugins.values())
    return [place for place in places if place is not None]


def _step(entry: StepEntry) -> dict[str, Any]:
    options = {} if entry.options is None else plain(entry.options)
    beside = {key: plain(item.value) for key, item in entry.beside.items()}
    return {entry.name: options, **beside, "id": entry.id}


def _place(plugin: Plugin) -> PluginPlace | None:
    """The place of a plugin of `-p` or `plugins:`; None for an installed one."""
    file = getattr(plugin.module, "__file__", None)
    if plugin.source == "file" and file:
        return PluginPlace(file, str(Path(file).parent))
    if plugin.source == "module":
        folder = Path.cwd() if file is None else _root(Path(file), plugin.name)
        return PluginPlace(plugin.name, str(folder))
    return None


def _root(file: Path, module: str) -> Path:
    """The folder from which a module of this name is imported."""
    return file.parents[module.count(".") + (file.stem == "__init__")]


def escaped(value: Any) -> Any:
    """A value as it is written in a resolved recipe: no part of it looks like a reference."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, float) and not math.isfinite(value):
        return _WRITTEN[str(value)]
    if isinstance(value, list):
        return [escaped(item) for item in value]
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    return value
