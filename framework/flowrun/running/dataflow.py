"""The values that flow through a run: what each step takes and gives, and what names mean."""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.planning.plan import Plan
from flowrun.running.output import Held

NAMED = "*"  # begins the name of an input that a step takes in its dict of named values


class Flow:
    """Where every value of a run comes from, step by step.

    named: what each name of the recipe means after the steps so far. given: the outputs of each
    step so far, by the step's own names. bound: its inputs, by parameter. outside: the values that
    the plan was given.
    """

    def __init__(self, plan: Plan, outside: Mapping[str, Held]) -> None:
        self._steps = plan.steps
        self._outside = outside
        self.named: dict[str, Held] = dict(outside)
        self.given: list[dict[str, Held]] = []
        self.bound: list[dict[str, Held]] = []

    def bind(self, index: int) -> dict[str, Held]:
        """The inputs of the next step, by parameter; those of its dict begin with `*`."""
        wires = self._steps[index].wires
        inputs = {name: self.named[source] for name, source in wires.inputs.items()}
        for name, source in (wires.named or {}).items():
            inputs[NAMED + name] = self.named[source]
        self.bound.append(inputs)
        return inputs

    def publish(self, index: int, outputs: dict[str, Held]) -> None:
        """Let the steps below have what the next step gave."""
        self.given.append(outputs)
        names = self._steps[index].wires.outputs
        self.named.update({names[name]: held for name, held in outputs.items()})

    def rewind(self, index: int) -> None:
        """Go back to where the step of this position is the next one."""
        given = self.given[:index]
        self.bound = self.bound[:index]
        self.given, self.named = [], dict(self._outside)
        for position, outputs in enumerate(given):
            self.publish(position, outputs)
