"""The keys of a plan's steps, as far as the contents of their inputs are known."""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.planning.plan import Plan, PlannedStep
from flowrun.plugins.registry import Registry
from flowrun.running.backend import Backend
from flowrun.store.code import Code, CodeIndex
from flowrun.store.keys import KeyParts, code_parts
from flowrun.values.digests import parts_digest


class StepKeys:
    """Puts the parts of a step's key together; what many steps share is looked up once."""

    def __init__(self, plan: Plan, code: CodeIndex, devices: list[str]) -> None:
        self._plan = plan
        self._code = code
        self._devices = devices
        self._around = _around(plan.registry, code)
        self._versions = {  # a local file has none, and its name may differ between two folders
            plugin.name: f"{plugin.name} {plugin.version}" if plugin.version else ""
            for plugin in plan.registry.plugins.values()
        }

    def code(self, planned: PlannedStep) -> Code:
        """The code of a step."""
        return self._code.of_step(planned.step.function)

    def parts(self, index: int, inputs: Mapping[str, str | None]) -> KeyParts | None:
        """The parts of a step's key; None where the content of an input cannot be told.

        inputs: content digests by parameter.
        """
        planned = self._plan.steps[index]
        known = {name: digest for name, digest in inputs.items() if digest is not None}
        if len(known) < len(inputs):
            return None
        modules, packages = code_parts(self.code(planned))
        return KeyParts(
            step=planned.step.name,
            plugin=self._versions[planned.plugin],
            version=planned.step.version,
            code=modules,
            packages=packages,
            around=self._around,
            options=planned.keywords,
            inputs=known,
            dtype=planned.dtype or self._plan.recipe.dtype,
            device=self._devices[index].partition(":")[0],
            seed=planned.seed if planned.step.random else None,
        )


def _around(registry: Registry, code: CodeIndex) -> dict[str, str]:
    """The code in which backends call each step, digested, by plugin."""
    found: dict[str, str] = {}
    for name, backend in reversed(registry.backends):
        function = type(backend).around_step
        if function is not Backend.around_step:
            around = code.of_function(function)
            found[name] = parts_digest([around.modules, around.packages])
    return found
