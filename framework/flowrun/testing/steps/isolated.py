"""One step by itself, planned on values given from Python as a recipe would plan it.

The plan is that of a recipe with three steps: the first gives the values, the second takes them to
the device, the third is the step in question. So everything round a step is as in any run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from flowrun.api import new_registry, plan
from flowrun.errors import FlowrunError, did_you_mean, listed
from flowrun.planning.plan import Plan, PlannedStep, load_plugins
from flowrun.plugins.check_mode import CheckMode
from flowrun.plugins.markers import hookimpl
from flowrun.plugins.registry import Plugin, Registry
from flowrun.plugins.steps import Step
from flowrun.plugins.steps import step as as_step
from flowrun.running.calling import Call
from flowrun.running.context import Context
from flowrun.running.resolving import escaped

_GIVEN, _PLACED = "values_of_the_test", "values_on_the_device"
_NAME = "flowrun.testing"


class StepAlone:
    """Plans one step on given values.

    plugins: further ones, as of `-p`. folder: where relative paths start. What the step's own
    module gives by hooks (codecs, formats, wrappers) is there as well.
    seen: tells of its calls. present: the devices of this machine. codecs: those of all plugins.
    """

    def __init__(self, step: Step[..., Any], *, plugins: tuple[str, ...], folder: Path) -> None:
        if not isinstance(step, Step):
            raise FlowrunError(
                f"{step!r} is no step: put @step(outputs=...) above the function, and give what "
                "that makes of it"
            )
        self.step = step
        self.seen = Seen(step)
        self._folder = folder.resolve()
        self._registry = _registry(step, plugins, self.seen)
        self.present = self._registry.devices
        self.codecs = self._registry.codecs

    def plan(
        self,
        inputs: Mapping[str, Any],
        options: Mapping[str, Any],
        *,
        seed: int,
        device: str,
        dtype: str,
    ) -> Plan:
        """The plan of the step on these inputs; raises RecipeError where options do not fit."""
        self._require_needed(inputs)
        steps: list[Any] = []
        if inputs:
            steps += [{_GIVEN: {}}, {_PLACED: {}, "device": device}]
        steps.append({self.step.name: dict(options)})
        recipe = {
            "recipe": self.step.name,
            "seed": seed,
            "device": device,
            "dtype": dtype,
            "steps": escaped(steps),
        }
        registry = self._registry.copy()
        own = (self.step, *_givers(inputs, self.seen))
        registry.plugins[_NAME] = Plugin(_NAME, "", "made for a test", None, own)
        planned = plan(recipe, registry=registry)
        self._require_known(inputs, planned.steps[-1])
        replace = msgspec.structs.replace
        return replace(
            planned, steps=tuple(replace(one, folder=self._folder) for one in planned.steps)
        )

    def _require_needed(self, inputs: Mapping[str, Any]) -> None:
        missing = [one.name for one in self.step.inputs if one.required and one.name not in inputs]
        if missing:
            names = listed(f"`{name}`" for name in missing)
            raise FlowrunError(
                f"{self.step.name} needs {names}, and the test gives: {listed(inputs)}\n"
                f"    write inputs={{{missing[0]!r}: ...}} ({self.step.place})"
            )

    def _require_known(self, inputs: Mapping[str, Any], planned: PlannedStep) -> None:
        taken = {*planned.wires.inputs.values(), *(planned.wires.named or {}).values()}
        for name in inputs:
            if name not in taken:
                known = [one.name for one in self.step.inputs] or sorted(taken)
                hint = did_you_mean(name, known) or f"its inputs: {listed(known)}"
                raise FlowrunError(
                    f"{self.step.name} takes no input `{name}` ({self.step.place})\n    {hint}"
                )


class Seen:
    """A wrapper round the step's call that remembers it. Outermost of all, as it comes last.

    call: the latest call. passed: whether the function returned, and the other wrappers let that
    through. before_call: is called with a call that is about to be made.
    """

    def __init__(self, step: Step[..., Any]) -> None:
        self._step = step
        self.before_call: Callable[[Call], None] = lambda call: None
        self.mode: CheckMode | None = None
        self.forget()

    def forget(self) -> None:
        """Be ready for the next call."""
        self.call: Call | None = None
        self.passed = False

    @property
    def ctx(self) -> Context | None:
        """The context of the latest call."""
        return None if self.call is None else self.call.ctx

    @hookimpl(wrapper=True)
    def flowrun_step_call(self, step: Step[..., Any], call: Call) -> Generator[None, Any, Any]:
        if step is not self._step:
            return (yield)
        self.call = call
        self.before_call(call)
        returned = yield
        self.passed = True
        return returned

    @hookimpl(wrapper=True)
    def flowrun_check_context(self) -> Generator[None, CheckMode | None, CheckMode | None]:
        self.mode = yield
        return self.mode

    def on_shapes(self, value: Any) -> Any:
        """A value as a check has it, its lists and dicts walked through."""
        kind = type(value)
        if kind is dict:
            return {key: self.on_shapes(item) for key, item in value.items()}
        if kind is list or kind is tuple:
            return kind(self.on_shapes(item) for item in value)
        return value if self.mode is None else self.mode.on_shapes(value)


def _registry(step: Step[..., Any], plugins: tuple[str, ...], seen: Seen) -> Registry:
    """All plugins with the hooks they have, and no step but those that a test needs."""
    registry = new_registry()
    load_plugins(registry, plugins)
    module = sys.modules.get(step.function.__module__)
    if module is not None and not registry.manager.is_registered(module):
        name = f"module {module.__name__}"  # an installed plugin may go by the bare name
        registry.plugins[name] = Plugin(name, "", "the step's module", module, ())
    stripped = {
        name: msgspec.structs.replace(plugin, steps=()) for name, plugin in registry.plugins.items()
    }
    stripped[f"{_NAME}.seen"] = Plugin(f"{_NAME}.seen", "", "made for a test", seen, ())
    return Registry(registry.manager, registry.hooks, stripped).copy()


def _givers(inputs: Mapping[str, Any], seen: Seen) -> tuple[Step[..., Any], Step[..., Any]]:
    """The step that gives the inputs, and the one that takes them to the device."""
    names = tuple(inputs)

    @as_step(outputs=lambda options: names)
    def values_of_the_test() -> dict[str, Any]:
        """Give the values of the test."""
        return dict(inputs)

    @values_of_the_test.on_shapes
    def _() -> dict[str, Any]:
        return {name: seen.on_shapes(value) for name, value in inputs.items()}

    @as_step(inputs=lambda options: names, outputs=lambda options: names)
    def values_on_the_device(values: dict[str, Any]) -> dict[str, Any]:
        """Give the values as they come: what is round a step has taken them to its device."""
        return values

    return values_of_the_test, values_on_the_device
