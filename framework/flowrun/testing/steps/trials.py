"""Calls a step on copies of its inputs, and detects whether it changed them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from flowrun.errors import StepError
from flowrun.planning.plan import Plan
from flowrun.running.calling import Call
from flowrun.running.context import state_of
from flowrun.testing.steps.isolated import StepAlone
from flowrun.testing.steps.running import Outputs, called
from flowrun.values.codecs import Codecs
from flowrun.values.digests import value_digest

Culprit = Literal["function", "wrapper", "outputs"]


class Trial(msgspec.Struct):
    """One call. changed: inputs whose content it changed; has_asked_seed: if it used `ctx.seed`.

    undeclared: the unseen readers it started (`unseen_readers`), unless it declared its reads.
    culprit: the source of an error: the step's function, a backend around it, or the comparison of
    the outputs with their declared names.
    """

    outputs: Outputs | None = None
    error: StepError | None = None
    culprit: Culprit = "function"
    changed: list[str] = []
    has_asked_seed: bool = False
    undeclared: list[str] = []


class Trials:
    """Calls one step repeatedly on the same inputs and options."""

    def __init__(
        self,
        alone: StepAlone,
        inputs: Mapping[str, Any],
        options: Mapping[str, Any],
        *,
        seed: int,
        dtype: str,
    ) -> None:
        self.alone = alone
        self.step = alone.step
        self.values = Codecs(alone.codecs, dtype)
        self.seed = seed
        self._inputs = inputs
        self._options = options
        self._dtype = dtype

    def plan(self, device: str, inputs: Mapping[str, Any] | None = None, seed: int = 0) -> Plan:
        """The plan of one call; raises RecipeError if options do not fit."""
        return self.alone.plan(
            self._inputs if inputs is None else inputs,
            self._options,
            seed=self.seed + seed,
            device=device,
            dtype=self._dtype,
        )

    def call(self, device: str, seed: int = 0) -> Trial:
        """Call the step. seed: a number added to the common seed."""
        inputs = {name: copied(value) for name, value in self._inputs.items()}
        planned = self.plan(device, inputs, seed)
        seen, trial = self.alone.seen, Trial()
        before: dict[str, str | None] = {}
        seen.before_call = lambda call: before.update(self._digests(call))
        try:
            trial.outputs = called(self.alone, planned)
        except StepError as error:
            trial.error = error
            trial.culprit = _culprit(error, has_passed=seen.passed)
        if seen.call is not None:
            after = self._digests(seen.call)
            trial.changed = [name for name in before if before[name] != after.get(name)]
            state = state_of(seen.call.ctx)
            trial.has_asked_seed = "seed" in state.observation.seen
            trial.undeclared = [] if state.has_declared else list(state.observation.unseen)
        return trial

    def _digests(self, call: Call) -> dict[str, str | None]:
        """The digests of a call's inputs."""
        given = {**call.inputs, **(call.named or {})}
        return {name: value_digest(value, self.values) for name, value in given.items()}


def _culprit(error: StepError, *, has_passed: bool) -> Culprit:
    if has_passed:
        return "outputs"
    frame = error.__cause__.__traceback__ if error.__cause__ is not None else None
    while frame is not None:
        if frame.tb_frame.f_code is Call.__call__.__code__:
            return "function"
        frame = frame.tb_next
    return "wrapper"


def copied(value: Any) -> Any:
    """A deep copy of a value; the value itself if it cannot be copied."""
    kind = type(value)
    if kind is dict:
        return {key: copied(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return kind(copied(item) for item in value)
    try:
        return copy.deepcopy(value)
    except Exception:  # a tensor in a graph cannot be copied, and other types may raise anything
        return value
