"""Inputs and options for a step, taken from a recipe that uses it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from flowrun.api import run_plan
from flowrun.errors import StepError
from flowrun.expectations.expectation import Expectations
from flowrun.planning.plan import Plan, PlannedStep
from flowrun.plugins.markers import hookimpl
from flowrun.plugins.steps import Step
from flowrun.running.backend import Backend
from flowrun.running.calling import Call
from flowrun.running.context import Context
from flowrun.testing.steps.trials import copied


class Example(msgspec.Struct):
    """A step as a recipe uses it. seed, dtype: the recipe's, or the step's own dtype."""

    step: Step[..., Any]
    inputs: dict[str, Any]
    options: dict[str, Any]
    seed: int
    dtype: str
    folder: Path


def examples_of(
    plan: Plan, steps: Iterable[Step[..., Any]]
) -> tuple[list[Example], StepError | None]:
    """The first use of each of these steps in the plan, and the error that ended the run, if any.

    The recipe runs up to the last of them, without a record. Steps with an effect and no outputs (a
    `save`) are left out, and so is a step that the recipe expects to fail.
    """
    error = plan.expectations.error
    asked = {id(step) for step in steps}  # another plugin may have a step of the same name
    last = max((at for at, one in enumerate(plan.steps) if id(one.step) in asked), default=-1)
    wanted = [one for one in plan.steps[: last + 1] if one.wires.outputs or not one.step.effect]
    wanted = [one for one in wanted if error is None or one.id != error.step]
    if not wanted:
        return [], None
    first = msgspec.structs.replace(plan, steps=tuple(wanted), expectations=Expectations())
    taker = _Taker(asked, first)
    failure = None
    try:
        run_plan(first, record=False, listeners=[taker], progress=False)
    except StepError as raised:
        failure = raised
    return list(taker.examples.values()), failure


class _Taker(Backend):
    """Takes copies of the inputs of each step."""

    name = "examples"

    def __init__(self, asked: set[int], plan: Plan) -> None:
        self.examples: dict[int, Example] = {}
        self._asked = asked
        self._plan = plan

    @hookimpl
    def flowrun_backend(self) -> Backend:
        return self

    @contextmanager
    def around_step(self, step: Step[..., Any], ctx: Context, call: Call) -> Iterator[None]:
        """Take a copy of the inputs before anything changes them."""
        if id(step) in self._asked and id(step) not in self.examples:
            self.examples[id(step)] = self._example(call.step, call)
        yield

    def _example(self, planned: PlannedStep, call: Call) -> Example:
        given = {**call.inputs, **(call.named or {})}
        return Example(
            planned.step,
            copied(given),
            planned.keywords,
            self._plan.recipe.seed,
            planned.dtype or self._plan.recipe.dtype,
            planned.folder,
        )
