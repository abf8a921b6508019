"""What a step's name in a recipe means: `predict`, or `tensors.predict` with its plugin's name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowrun.plugins.registry import Plugin, Registry
from flowrun.plugins.steps import Step

Found = list[tuple[Plugin, Step[..., Any]]]


def qualifier(plugin: Plugin) -> str:
    """The name of a plugin before a step's: of a file its name without `.py`."""
    return Path(plugin.name).stem if plugin.source == "file" else plugin.name


def qualified(plugin: Plugin, step: Step[..., Any]) -> str:
    """The name of a step that no other plugin's can be: `tensors.predict`."""
    return f"{qualifier(plugin)}.{step.name}"


def own_name(name: str) -> str:
    """A step's name without its plugin's."""
    return name.rpartition(".")[2]


def steps_of_name(registry: Registry, name: str) -> Found:
    """The steps that a name may mean; several if a recipe must say more.

    Plugins that were loaded by name, as a recipe's own are, come before installed ones; but the
    name of an installed plugin before a step's is that plugin's, as other recipes rely on it.
    """
    before, dot, own = name.rpartition(".")
    found = registry.steps.get(own, [])
    if dot:
        named = [one for one in found if qualifier(one[0]) == before]
        return [one for one in named if one[0].source == "installed"] or named
    by_name = [one for one in found if one[0].name in registry.named]
    return _distinct(by_name or found)


def others_of_name(registry: Registry, plugin: Plugin, step: Step[..., Any]) -> Found:
    """The steps of other plugins with a step's name, which only their qualified names reach."""
    found = registry.steps.get(step.name, [])
    return [one for one in found if one[0] is not plugin and one[1] is not step]


def usable_names(registry: Registry) -> Iterator[tuple[str, Plugin, Step[..., Any]]]:
    """Each step with the shortest name that means it alone, sorted by step."""
    for name, found in sorted(registry.steps.items()):
        meant = steps_of_name(registry, name)
        for plugin, step in _distinct(found):
            is_meant = len(meant) == 1 and meant[0][1] is step
            yield (name if is_meant else qualified(plugin, step)), plugin, step


def _distinct(found: Found) -> Found:
    """Without a step that one plugin has imported from another."""
    return list({id(step): (plugin, step) for plugin, step in reversed(found)}.values())[::-1]
