"""One step alone, planned as in a recipe, on values given from Python.

The plan has two steps: the first moves the given values to the device, the second is the tested
step. So the step is treated exactly as in a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from flowrun.api import new_registry, plan
from flowrun.errors import FlowrunError, did_you_mean, listed
from flowrun.planning.plan import Plan, PlannedStep, load_plugins
from flowrun.plugins.local_modules import module_of
from flowrun.plugins.markers import hookimpl
from flowrun.plugins.registry import Plugin, Registry
from flowrun.plugins.steps import Step
from flowrun.plugins.steps import step as as_step
from flowrun.running.backend import Backend
from flowrun.running.calling import Call
from flowrun.running.context import Context, ContextState, state_of
from flowrun.running.record_writer import escaped
from flowrun.values.files import real_path

_PLACED = "values_on_the_device"
_NAME = "flowrun.testing"


class StepAlone:
    """Plans one step on given values.

    plugins: further ones, as with `-p`. folder: the start of relative paths. The hooks of the
    step's own module (codecs, formats, wrappers) are used as well.
    seen: records its calls. present: the devices of this machine. codecs: those of all plugins.
    """

    def __init__(self, step: Step[..., Any], *, plugins: tuple[str, ...], folder: Path) -> None:
        if not isinstance(step, Step):
            raise FlowrunError(
                f"{step!r} is no step: put @step(outputs=...) above the function, and pass the "
                "decorated function"
            )
        self.step = step
        self.seen = Seen(step)
        self._folder = real_path(folder)
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
        """The plan of the step on these inputs; raises RecipeError if options do not fit."""
        self._require_needed(inputs)
        steps: list[Any] = []
        if inputs:
            steps.append({_PLACED: {}, "device": device})
        steps.append({self.step.name: dict(options)})
        recipe = {
            "recipe": self.step.name,
            "seed": seed,
            "device": device,
            "dtype": dtype,
            "steps": escaped(steps),
        }
        registry = self._registry.copy()
        own = (self.step, _placing(tuple(inputs)))
        registry.plugins[_NAME] = Plugin(_NAME, "", "made for a test", None, own)
        planned = plan(recipe, given=inputs, registry=registry)
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


class Seen(Backend):
    """A backend that remembers the latest call of the step. Registered last, so it is outermost.

    call: the latest call. passed: whether the function returned, and no other backend raised.
    before_call: a function called with the `Call` before the step runs.
    """

    def __init__(self, step: Step[..., Any]) -> None:
        self._step = step
        self.before_call: Callable[[Call], None] = lambda call: None
        self.forget()

    def forget(self) -> None:
        """Forget the latest call."""
        self.call: Call | None = None
        self.passed = False

    @property
    def state(self) -> ContextState | None:
        """The context's state in the latest call."""
        return None if self.call is None else state_of(self.call.ctx)

    @hookimpl
    def flowrun_backend(self) -> Backend:
        return self

    @contextmanager
    def around_step(self, step: Step[..., Any], ctx: Context, call: Call) -> Iterator[None]:
        """Remember the call, if it is one of the tested step."""
        if step is not self._step:
            yield
            return
        self.call = call
        self.before_call(call)
        yield
        self.passed = True


def _registry(step: Step[..., Any], plugins: tuple[str, ...], seen: Seen) -> Registry:
    """All plugins with their hooks, but without their steps."""
    registry = new_registry()
    load_plugins(registry, plugins)
    module = module_of(step.function)
    if module is not None and not registry.manager.is_registered(module):
        name = f"module {module.__name__}"  # an installed plugin may have the bare name
        registry.plugins[name] = Plugin(name, "", "the step's module", module, ())
    stripped = {
        name: msgspec.structs.replace(plugin, steps=()) for name, plugin in registry.plugins.items()
    }
    stripped[f"{_NAME}.seen"] = Plugin(f"{_NAME}.seen", "", "made for a test", seen, ())
    return Registry(registry.manager, registry.hooks, stripped).copy()


def _placing(names: tuple[str, ...]) -> Step[..., Any]:
    """The step that moves the given values to the device."""

    @as_step(inputs=lambda options: names, outputs=lambda options: names)
    def values_on_the_device(values: dict[str, Any]) -> dict[str, Any]:
        """Return the values unchanged: a backend has already moved them to the step's device."""
        return values

    return values_on_the_device
