"""How the steps of a run are called, for the first time or to recompute missing values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flowrun.errors import FlowrunError
from flowrun.planning.plan import Plan, PlannedStep
from flowrun.running.cache import Cache
from flowrun.running.calling import Call, call_in_backends, context_of, named_outputs, step_error
from flowrun.running.context import Context, ContextState
from flowrun.running.dataflow import (
    NAMED,
    OUTSIDE,
    Dataflow,
    Output,
    own_containers,
    small_plain,
)
from flowrun.running.inputs import Inputs
from flowrun.store.step_records import OutputRecord
from flowrun.store.store import MISSING
from flowrun.values.codecs import Codecs
from flowrun.values.digests import digest_and_classes


class NotDeterministicError(Exception):
    """A recomputed step gave something else than its record says: it is not deterministic.

    index: its position; the steps after it use the new value.
    """

    def __init__(self, index: int, text: str) -> None:
        self.index = index
        super().__init__(text)


class StepCaller:
    """Calls the steps of one run.

    work: the seconds of each step's function, by position; of a kept step those of its record.
    """

    def __init__(
        self,
        plan: Plan,
        devices: list[str],
        codecs: Codecs,
        dataflow: Dataflow,
        cache: Cache,
        *,
        present: Mapping[str, str],
        standin: bool,
    ) -> None:
        self.work: dict[int, float] = {}
        self._plan = plan
        self._devices = devices
        self._codecs = codecs
        self._dataflow = dataflow
        self._used = Inputs(codecs)
        self._cache = cache
        self._present = present
        self._standin = standin

    def context(self, index: int) -> ContextState:
        """The state of a step's context, before it is called."""
        return context_of(
            self._plan.steps[index],
            self._plan,
            self._devices[index],
            present=self._present,
            standin=self._standin,
        )

    def call(self, index: int, ctx: ContextState) -> dict[str, Output]:
        """A step's outputs, by its own names; raises StepError if it fails.

        The values of its inputs must be in memory.
        """
        planned = self._plan.steps[index]
        inputs = self._dataflow.bound[index]
        given = self._given(planned, inputs, ctx)
        fixed = {name: value for name, value in given.items() if not name.startswith(NAMED)}
        named = {name[1:]: value for name, value in given.items() if name.startswith(NAMED)}
        dynamic = None if planned.wires.named is None else named
        call = Call(planned, Context(ctx), fixed, dynamic, planned.keywords)
        try:
            self._used.hand_over(inputs)
            before = self._used.digests(inputs)
            returned = call_in_backends(call, self._plan.registry)
            self._used.require_unchanged(before, inputs)
            outputs = {
                name: Output(index, self._described(value), value)
                for name, value in named_outputs(call, returned).items()
            }
        except Exception as error:
            raise step_error(call, self._codecs, error) from error
        self.work[index] = call.work
        return outputs

    def _given(
        self, planned: PlannedStep, inputs: Mapping[str, Output], ctx: ContextState
    ) -> dict[str, Any]:
        """The values of a step's inputs, with containers of its own."""
        given = {}
        for name, output in inputs.items():
            try:
                given[name] = own_containers(output.value)
            except RecursionError:
                own = name.removeprefix(NAMED)
                error = FlowrunError(f"its input `{own}` contains itself, or is nested too deeply")
                call = Call(planned, Context(ctx), {}, None, planned.keywords)
                raise step_error(call, self._codecs, error) from None
        return given

    def fetch(self, output: Output) -> Any:
        """A value, from memory, from the store, or recomputed.

        Raises NotDeterministicError if the recomputed value differs.
        """
        self.fetch_all([output])
        return output.value

    def fetch_all(self, wanted: Iterable[Output]) -> list[int]:
        """Bring all these values into memory; returns the positions of the steps called for it.

        Raises NotDeterministicError, and StepError if a step fails this time.
        """
        needed = sorted(self._needed(wanted))
        for index in needed:
            self._recompute(index)
        return needed

    def cost(self, index: int, enough: float) -> float:
        """The seconds it would take a later run to recompute a step's outputs.

        Counted are the step itself and those before it whose values are not kept; the counting
        stops at more than `enough`.
        """
        total, seen, open_steps = 0.0, {index}, [index]
        while open_steps and total <= enough:
            current = open_steps.pop()
            total += self.work[current]
            for output in self._dataflow.bound[current].values():
                if output.maker == OUTSIDE:
                    continue  # a later run is given it again
                if not output.record.is_kept and output.maker not in seen:
                    seen.add(output.maker)
                    open_steps.append(output.maker)
        return total

    def _described(self, value: Any) -> OutputRecord:
        """The entry of a value in a record; without a store no digest is needed."""
        summary = self._codecs.summary(value)
        if not self._cache.is_on:
            return OutputRecord(None, summary)
        digest, classes = digest_and_classes(value, self._codecs)
        return OutputRecord(digest, summary, small_plain(value), classes=classes)

    def _needed(self, wanted: Iterable[Output]) -> set[int]:
        """The steps that must be called to have the values; kept values are read on the way."""
        needed: set[int] = set()
        open_values = list(wanted)
        while open_values:
            output = open_values.pop()
            if output.is_at_hand or output.maker in needed:
                continue
            output.value = self._cache.read(output.record)
            if output.value is MISSING:
                needed.add(output.maker)
                open_values.extend(self._dataflow.bound[output.maker].values())
        return needed

    def _recompute(self, index: int) -> None:
        before = self._dataflow.given[index]
        found = self.call(index, self.context(index))
        changed = _changed(before, found)
        for name, output in before.items():
            output.value = found[name].value
            if not changed:
                self._cache.keep_lost(output)
        if changed:
            self._cache.replace(index, found)
            for name, output in before.items():
                output.record = found[name].record
            raise NotDeterministicError(index, _departure(self._plan.steps[index], changed))


def _changed(before: Mapping[str, Output], found: Mapping[str, Output]) -> list[str]:
    """The outputs whose content differs, in words."""
    return [
        f"`{name}` was {output.record.digest} and is now {found[name].record.digest}"
        for name, output in before.items()
        if output.record.digest != found[name].record.digest
    ]


def _departure(planned: PlannedStep, changed: list[str]) -> str:
    return (
        f"the step `{planned.id}` ({planned.mark}) is not deterministic: recomputed, "
        f"{', '.join(changed)}; the steps after it use the new value"
    )
