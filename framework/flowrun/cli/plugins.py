"""`flowrun plugins`: the plugins, their versions, and their contents."""

from __future__ import annotations

from typing import Any

import click

from flowrun.cli.plugin_option import plugin_option
from flowrun.cli.printing import echo, warn
from flowrun.planning.plan import load_plugins
from flowrun.plugins.modules import specifications
from flowrun.plugins.registry import Plugin, Registry


@click.command("plugins")
@plugin_option
@click.pass_obj
def plugins_command(registry: Registry, plugins: tuple[str, ...]) -> None:
    """List the plugins, their versions, and the steps, formats and hooks of each."""
    load_plugins(registry, plugins)
    for plugin in registry.plugins.values():
        version = f" {plugin.version}" if plugin.version else ""
        echo(f"{plugin.name}{version}  ({plugin.origin})")
        for what, names in _given(registry, plugin).items():
            if names:
                echo(f"  {what:<9} {', '.join(names)}")
    for name, givers in registry.steps.items():
        if len(givers) > 1:
            both = " and ".join(f"`{plugin.name}`" for plugin, _ in givers)
            warn(f"the step `{name}` is given by {both}")
    for failure in registry.failures:
        warn(failure)


def _given(registry: Registry, plugin: Plugin) -> dict[str, list[str]]:
    """The names of the steps, formats, ... of a plugin, by kind."""

    def ask(hook: str) -> list[Any]:
        return [item for name, items in registry.ask(hook) if name == plugin.name for item in items]

    hooks = [caller.name for caller in registry.manager.get_hookcallers(plugin.module) or []]
    of_plugins = sorted(specifications(registry.hooks[1:]).keys() & set(hooks))
    return {
        "steps": [step.name for step in plugin.steps],
        "formats": [suffix for item in ask("flowrun_formats") for suffix in item.suffixes],
        "data": [item.name for item in ask("flowrun_datasets")],
        "codecs": [item.type_name for item in ask("flowrun_codecs")],
        **{_short(hook): [item.name for item in ask(hook)] for hook in of_plugins},
        "hooks": sorted(hook.removeprefix("flowrun_") for hook in hooks),
    }


def _short(hook: str) -> str:
    """The items of a hook that a plugin declares: `models` of `flowrun_tensors_models`."""
    return hook.rpartition("_")[2]
