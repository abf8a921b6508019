"""The module of a plugin, looked through for hooks and steps."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from flowrun.errors import PluginError, did_you_mean, listed, nearest
from flowrun.errors.escaping import on_one_line
from flowrun.plugins.steps import Step

# IPython keeps what cells have shown as `_`, `__`, `_1`: among these are steps that cells replaced.
_HISTORY = re.compile(r"_+\d*")
_CALLED_UNMARKED = ("flowrun_steps", "flowrun_hookspecs")  # hooks that need no mark


def declared_hooks(module: Any) -> tuple[Any, ...]:
    """The specifications of further hooks that a plugin declares by `flowrun_hookspecs`.

    Raises PluginError if they are none, or if one takes the name of a hook of another kind.
    """
    declare = getattr(module, "flowrun_hookspecs", None)
    if declare is None:
        return ()
    declared = declare()
    names = specifications((declared,))
    if not names:
        raise PluginError(
            "flowrun_hookspecs() gave no hooks: return a class or module of functions marked with "
            "@flowrun.hookspec"
        )
    for name in names:
        if not name.startswith("flowrun_"):
            raise PluginError(f"the hook `{name}` must have a name that begins with `flowrun_`")
    return (declared,)


def specifications(hooks: tuple[Any, ...]) -> dict[str, Any]:
    """The hooks that modules or classes specify, by name."""
    return {
        name: getattr(module, name)
        for module in hooks
        for name in vars(module)
        if getattr(getattr(module, name), "flowrun_spec", None) is not None
    }


def given_steps(module: Any, hooks: Mapping[str, Any]) -> tuple[Step[..., Any], ...]:
    """The steps of a plugin: those in its module, and those `flowrun_steps` gives.

    hooks: every loaded specification, by name. Raises PluginError if it gives an object that is no
    step, or if it implements an unknown hook.
    """
    if isinstance(module, ModuleType):
        _check_hooks(module, hooks)
    steps = {
        id(item): item
        for name, item in vars(module).items()
        if isinstance(item, Step) and not _HISTORY.fullmatch(name)
    }
    if hasattr(module, "flowrun_steps"):
        given = module.flowrun_steps()
        if given is None:
            raise PluginError("flowrun_steps() gave None, not steps; is a `return` missing?")
        for item in given:
            if not isinstance(item, Step):
                is_function = isinstance(item, FunctionType)
                what = f"the function `{item.__name__}`" if is_function else repr(item)[:60]
                raise PluginError(
                    f"flowrun_steps() gave {what}, which is no step: "
                    "decorate it with @step(outputs=...)"
                )
            steps[id(item)] = item
    return tuple(steps.values())


def hint_of_main(name: str) -> str | None:
    """A hint if the program itself, or a cell of the notebook, defines a step of that name."""
    defined = vars(sys.modules["__main__"]).values()
    if not any(isinstance(one, Step) and one.name == name for one in defined):
        return None
    return "this program, or notebook, defines it: add `plugins: [__main__]`"


def near_file(folder: Path, name: str) -> str | None:
    """A hint that names the most similar Python file beside a missing one."""
    near = nearest(name, (found.name for found in folder.glob("*.py") if found.name != name))
    return f"did you mean `./{on_one_line(near)}`?" if near else None


def _check_hooks(module: ModuleType, known: Mapping[str, Any]) -> None:
    """Raise PluginError for an unknown hook, or an argument that its hook does not have."""
    for hook, function in vars(module).items():
        if not inspect.isroutine(function):
            continue  # an object may have any attribute that it is asked for, as a mock has
        if getattr(function, "flowrun_impl", None) is None:
            if (
                hook in known
                and hook not in _CALLED_UNMARKED
                and isinstance(function, FunctionType)
            ):
                raise PluginError(f"its `{hook}` is no hook yet: put @flowrun.hookimpl above it")
            continue
        if hook not in known:
            hint = did_you_mean(hook, known) or "flowrun.hookspecs has all hooks"
            raise PluginError(f"it implements `{hook}`, which is no hook of flowrun; {hint}")
        given = list(inspect.signature(known[hook]).parameters)
        for name in inspect.signature(function).parameters:
            if name not in given:
                raise PluginError(
                    f"its `{hook}` asks for `{name}`; the arguments of this hook: {listed(given)}"
                )
