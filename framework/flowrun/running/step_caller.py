"""One call of a step: its context, its values in and out, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowrun.planning.plan import Plan
from flowrun.running.calling import Call, call_in_backends, context_of, named_outputs, step_error
from flowrun.running.context import Context
from flowrun.running.context_state import ContextState
from flowrun.running.dataflow import NAMED
from flowrun.running.interrupts import Interrupts
from flowrun.running.output import Held, own_containers, small_plain
from flowrun.store.objects import MISSING
from flowrun.store.step_records import OutputRecord
from flowrun.store.store import Store
from flowrun.values.codecs import Codecs
from flowrun.values.digests import value_digest


class Making:
    """Calls the steps of one run.

    work: the seconds of each step's function, by position; of a kept step those of its record.
    """

    def __init__(
        self,
        plan: Plan,
        devices: list[str],
        values: Codecs,
        store: Store | None,
        interrupts: Interrupts,
        *,
        present: Mapping[str, str],
        standin: bool,
    ) -> None:
        self.work: dict[int, float] = {}
        self.values = values
        self._plan = plan
        self._devices = devices
        self._store = store
        self._interrupts = interrupts
        self._present = present
        self._standin = standin

    def context(self, index: int) -> ContextState:
        """The state of a step's context, before it is called."""
        state = context_of(
            self._plan.steps[index],
            self._plan,
            self._devices[index],
            present=self._present,
            standin=self._standin,
        )
        state.interrupts = self._interrupts
        return state

    def call(self, index: int, ctx: ContextState, inputs: Mapping[str, Held]) -> dict[str, Held]:
        """What a step gives, by its own names; raises StepError where it fails.

        The inputs' values must be at hand.
        """
        planned = self._plan.steps[index]
        given = {name: own_containers(held.value) for name, held in inputs.items()}
        fixed = {name: value for name, value in given.items() if not name.startswith(NAMED)}
        named = {name[1:]: value for name, value in given.items() if name.startswith(NAMED)}
        dynamic = None if planned.wires.named is None else named
        call = Call(planned, Context(ctx), fixed, dynamic, planned.keywords)
        self._interrupts.begin_step()
        try:
            returned = call_in_backends(call, self._plan.registry)
            outputs = {
                name: Held(index, self._described(value), value)
                for name, value in named_outputs(call, returned).items()
            }
        except Exception as error:
            raise step_error(call, self.values, error) from error
        if ctx.saw_stop:
            self._interrupts.end(saved=False)  # what it returned is not its result
        self.work[index] = call.work
        return outputs

    def again(self, index: int, inputs: Mapping[str, Held]) -> dict[str, Held]:
        """What a step gives that has been called before, in this run or in another."""
        return self.call(index, self.context(index), inputs)

    def read(self, record: OutputRecord) -> Any:
        """A value that was kept, or MISSING."""
        if self._store is None or record.object is None or record.digest is None:
            return MISSING
        return self._store.objects.read(record.object, record.digest, self.values)

    def _described(self, value: Any) -> OutputRecord:
        """What a record says of a value; without a store nobody needs its digest."""
        summary = self.values.summary(value)
        if self._store is None:
            return OutputRecord(None, summary)
        return OutputRecord(value_digest(value, self.values), summary, small_plain(value))
