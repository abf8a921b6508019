"""Values that were not kept, made again from the steps that gave them, and held against records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flowrun.running.dataflow import Flow
from flowrun.running.output import OUTSIDE, Held
from flowrun.running.recording import Recording
from flowrun.running.step_caller import Making
from flowrun.store.objects import MISSING


class NotDeterministicError(Exception):
    """A step gave something else than its record says: it is not deterministic.

    index: its position; the steps after it go by what was found.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        super().__init__(index)


class Remaking:
    """Fetches the values of a run: from memory, from the store, or from their steps once more.

    depart: is told, in a sentence, of each step that turns out not to be deterministic.
    """

    def __init__(
        self,
        flow: Flow,
        making: Making,
        recording: Recording | None,
        depart: Callable[[str], None],
    ) -> None:
        self._flow = flow
        self._making = making
        self._recording = recording
        self._depart = depart

    def fetch(self, held: Held) -> Any:
        """The value; raises NotDeterministicError where it cannot be had as it was."""
        self.fetch_all([held])
        return held.value

    def fetch_all(self, wanted: Iterable[Held]) -> list[int]:
        """Have all these values at hand; gives the positions of the steps called for it.

        Raises NotDeterministicError, and StepError where a step fails this time.
        """
        needed = self._needed(wanted)
        for index in sorted(needed):
            self._make_again(index)
        return sorted(needed)

    def cost(self, index: int, enough: float) -> float:
        """The seconds it would take a later run to make a step's outputs again.

        Counted are the step itself and those before it whose values are not kept; the counting
        stops where it is more than `enough`.
        """
        total, seen, open_steps = 0.0, {index}, [index]
        while open_steps and total <= enough:
            current = open_steps.pop()
            total += self._making.work[current]
            for held in self._flow.bound[current].values():
                if held.maker == OUTSIDE:
                    continue  # a later run is given it again
                if not held.record.is_kept and held.maker not in seen:
                    seen.add(held.maker)
                    open_steps.append(held.maker)
        return total

    def _needed(self, wanted: Iterable[Held]) -> set[int]:
        """The steps that must be called to have the values; what is kept is read on the way."""
        needed: set[int] = set()
        open_values = list(wanted)
        while open_values:
            held = open_values.pop()
            if held.is_at_hand or held.maker in needed:
                continue
            held.value = self._making.read(held.record)
            if held.value is MISSING:
                needed.add(held.maker)
                open_values.extend(self._flow.bound[held.maker].values())
        return needed

    def _make_again(self, index: int) -> None:
        before = self._flow.given[index]
        found = self._making.again(index, self._flow.bound[index])
        if all(found[name].record.digest == held.record.digest for name, held in before.items()):
            for name, held in before.items():
                held.value = found[name].value
                if self._recording is not None:
                    self._recording.keep_lost(held)
            return
        if self._recording is not None:
            self._depart(self._recording.depart(index, before, found))
        for name, held in before.items():
            held.record, held.value = found[name].record, found[name].value
        raise NotDeterministicError(index)
