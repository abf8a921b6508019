"""`flowrun steps`: all steps, or the inputs, outputs and options of one."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

import click

from flowrun.cli.completing import complete_step
from flowrun.cli.plugin_option import plugin_option
from flowrun.cli.printing import echo, warn
from flowrun.errors import PluginError, did_you_mean
from flowrun.planning.plan import load_plugins
from flowrun.plugins.option_types import described_type
from flowrun.plugins.registry import Plugin, Registry
from flowrun.plugins.step_names import (
    others_of_name,
    qualified,
    steps_of_name,
    usable_names,
)
from flowrun.plugins.steps import REQUIRED, Option, Step


@click.command("steps")
@click.argument("name", required=False, shell_complete=complete_step)
@plugin_option
@click.pass_obj
def steps_command(registry: Registry, name: str | None, plugins: tuple[str, ...]) -> None:
    """List the steps, or describe the step NAME."""
    load_plugins(registry, plugins)
    for failure in registry.failures:
        warn(failure)
    if name is not None:
        found = steps_of_name(registry, name) or registry.steps.get(name, [])
        if not found:
            known = [*registry.steps, *(one for one, *_ in usable_names(registry))]
            hint = did_you_mean(name, known) or "`flowrun steps` lists all"
            raise PluginError(f"there is no step `{name}`; {hint}")
        texts = [_described(registry, plugin, step) for plugin, step in found]
        echo("\n\n".join(texts))
        return
    steps = list(usable_names(registry))
    width = max((len(shown) for shown, *_ in steps), default=0)
    for shown, plugin, step in steps:
        is_one = len(registry.steps[step.name]) == 1
        giver = "" if is_one else f" (from `{plugin.name}`)"
        echo(f"{shown:<{width}}  {step.about}{giver}")


def _described(registry: Registry, plugin: Plugin, step: Step[..., Any]) -> str:
    """One step in full: inputs, outputs, options with types, bounds, defaults, an example."""
    lines = [f"{step.name}: {step.about}", f"from the plugin `{plugin.name}`"]
    if others := others_of_name(registry, plugin, step):
        names = ", ".join(f"`{qualified(*one)}`" for one in others)
        lines[-1] += f": `{qualified(plugin, step)}` in a recipe tells it from {names}"
    body = (inspect.getdoc(step.function) or "").partition("\n")[2].strip()
    if body:
        lines += ["", body]
    lines += ["", "inputs", *_inputs(step), "", "outputs", *_outputs(step), "", "options"]
    options = [_option_text(option) for option in step.options]
    if step.others is not None:
        options.append(_others_text(step.others))
    lines += options or ["  none"]
    lines += ["", "example", *_example(step)]
    return "\n".join(lines)


def _inputs(step: Step[..., Any]) -> list[str]:
    lines = [f"  {value.name}{'' if value.required else '  (optional)'}" for value in step.inputs]
    if step.inputs_of is not None:
        lines.append("  those its options name")
    return lines or ["  none"]


def _outputs(step: Step[..., Any]) -> list[str]:
    lines = [f"  {name}" for name in step.usual_outputs]
    if step.outputs_of is not None:
        lines.append("  others that its options ask for" if lines else "  depend on its options")
    return lines or ["  none"]


def _option_text(option: Option) -> str:
    default = "required" if option.default is REQUIRED else f"default {_yaml(option.default)}"
    text = f"  {option.name}: {described_type(option.annotation)} ({default})"
    return text + (f"\n      {option.description}" if option.description else "")


def _others_text(others: Option) -> str:
    text = f"  any name: {described_type(others.annotation)}"
    return text + (f"\n      {others.description}" if others.description else "")


def _example(step: Step[..., Any]) -> list[str]:
    """A line of a recipe: the one its docstring gives as `name: {...}`, or its required options."""
    words = " ".join((inspect.getdoc(step.function) or "").split())
    given = re.search(rf"`({step.name}: \{{[^`]*\}})`", words)
    if given is not None:
        return [f"  - {given[1]}"]
    needed = [option.name for option in step.options if option.default is REQUIRED]
    settings = ", ".join(f"{name}: ..." for name in needed)
    return [f"  - {step.name}: {{{settings}}}" if settings else f"  - {step.name}"]


def _yaml(value: object) -> str:
    """A default as it would stand in a recipe."""
    if isinstance(value, str) and value.replace("_", "").replace("-", "").isalnum():
        return value
    return json.dumps(value, default=str)
