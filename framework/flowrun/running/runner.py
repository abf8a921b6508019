"""The walk through a plan: each step kept where its record holds, and called where none does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from flowrun.running.checkpoints import Checkpoints
from flowrun.running.context_state import ContextState
from flowrun.running.dataflow import NAMED, Flow
from flowrun.running.events import Progress
from flowrun.running.interrupts import Interrupts
from flowrun.running.known_outcomes import KnownOutcomes
from flowrun.running.listeners import Listeners
from flowrun.running.memory import peak_bytes
from flowrun.running.output import Held
from flowrun.running.recompute import Remaking
from flowrun.running.recording import Recording, as_messages
from flowrun.running.results import RunInfo, StepResult
from flowrun.running.step_caller import Making
from flowrun.store.files import digest_of
from flowrun.store.keys import KeyParts
from flowrun.store.step_records import StepRecord
from flowrun.store.store import Store
from flowrun.values.digests import parts_digest


class _Key(msgspec.Struct, frozen=True):
    """The base key of a step, and its parts."""

    parts: KeyParts
    base: str


class Walk:
    """Takes one run through its steps.

    say: is told, in a sentence, that another process is waited for.
    """

    def __init__(
        self,
        info: RunInfo,
        flow: Flow,
        making: Making,
        remaking: Remaking,
        recording: Recording | None,
        listeners: Listeners,
        interrupts: Interrupts,
        *,
        store: Store | None,
        fresh: bool,
        say: Callable[[str], None],
    ) -> None:
        self._info = info
        self._steps = info.plan.steps
        self._flow = flow
        self._making = making
        self._remaking = remaking
        self._recording = recording
        self._listeners = listeners
        self._interrupts = interrupts
        self._store = store
        self._fresh = fresh
        self._say = say
        self._claimed: str | None = None
        self._next: tuple[int, _Key] | None = None

    def go(self, start: int = 0) -> None:
        """Take the steps from `start` on; raises StepError where one fails.

        Raises NotDeterministicError where one that was kept turns out to be so: then the steps
        after it are to be taken once more.
        """
        self._flow.rewind(start)
        self._next = None
        del self._info.steps[start:]
        if start:  # the step before has given something else than its record said
            self._describe(start - 1, self._info.steps[-1], self._flow.given[-1])
            self._info.steps[-1].kept = None
        for index in range(start, len(self._steps)):
            self._take(index)

    @contextmanager
    def judging(self, known: KnownOutcomes) -> Iterator[None]:
        """Have one process alone make the values that the expectations need."""
        expectations = self._info.plan.expectations
        base = None if known.knows_all(expectations) else self._judgement()
        if base is not None:
            self._claim(base, lambda: known.knows_all(expectations))
        yield
        self.let_go()

    def let_go(self) -> None:
        """Let other processes compute what this one has claimed, if anything."""
        if self._claimed is not None and self._store is not None:
            self._store.claims.give_back(self._claimed)
        self._claimed = None

    def _judgement(self) -> str | None:
        """The key under which this run's values are judged; None where records hold them all."""
        expected = self._info.plan.expectations.values
        wanted = [self._flow.named.get(one.path.root) for one in expected]
        records = [held.record for held in wanted if held is not None]
        if self._store is None or all(record.plain is not None for record in records):
            return None
        return parts_digest([record.digest for record in records])

    def _claim(self, base: str, is_done: Callable[[], bool]) -> None:
        """Wait until this process may compute something, or another one has done so.

        Nothing else is claimed meanwhile: so no two processes wait for each other.
        """
        if self._claimed == base:
            return
        self.let_go()
        assert self._store is not None
        claims = self._store.claims
        if not claims.run:
            claims.begin(self._info.id)
        if claims.take(base, self._say_waiting, is_done):
            self._claimed = base

    def _take(self, index: int) -> None:
        inputs = self._flow.bind(index)
        key = self._key(index, inputs)
        ctx = self._making.context(index)
        result = self._begun(index, ctx, inputs)
        record = self._found(index, key, ctx)
        if record is None and key is not None and self._claimed != key.base:
            self._claim(key.base, lambda: self._found(index, key, ctx) is not None)
            record = self._found(index, key, ctx)  # another process may have made it meanwhile
        if record is not None:
            self._keep(index, result, record)
        else:
            self._call(index, ctx, result, inputs, key)

    def _key(self, index: int, inputs: dict[str, Held]) -> _Key | None:
        """The base key of a step; None where it has none, so that nothing is known of it."""
        if self._recording is None:
            return None
        if self._next is not None and self._next[0] == index:
            return self._next[1]
        parts = self._recording.parts(index, inputs)
        return None if parts is None else _Key(parts, parts.digest())

    def _found(self, index: int, key: _Key | None, ctx: ContextState) -> StepRecord | None:
        """The record by which the step is kept. What this very run has made is never too old."""
        if self._recording is None or key is None:
            return None
        record = self._recording.find(index, key.base, ctx)
        is_old = record is not None and self._fresh and record.made < self._info.started.timestamp()
        return None if is_old else record

    def _begun(self, index: int, ctx: ContextState, inputs: dict[str, Held]) -> StepResult:
        planned = self._steps[index]
        result = StepResult(
            id=planned.id,
            name=planned.step.name,
            line=str(planned.mark),
            seed=planned.seed,
            device=ctx.device,
            dtype=ctx.dtype,
            inputs={name.removeprefix(NAMED): held.record.summary for name, held in inputs.items()},
        )
        self._info.steps.append(result)
        return result

    def _keep(self, index: int, result: StepResult, record: StepRecord) -> None:
        assert self._recording is not None
        self.let_go()
        self._making.work[index] = record.work
        result.key, result.kept, result.states = record.key, record.run, record.states
        result.messages = as_messages(record)
        result.files_read, result.files_written = record.read, record.files
        self._publish(index, result, self._recording.use(index, record))
        self._listeners.tell("flowrun_step_kept", run=self._info, result=result)

    def _call(
        self,
        index: int,
        ctx: ContextState,
        result: StepResult,
        inputs: dict[str, Held],
        key: _Key | None,
    ) -> None:
        start = time.perf_counter()
        made_again = self._remaking.fetch_all(inputs.values())
        result.made_again = [self._steps[position].id for position in made_again]
        checkpoints = self._checkpoints(index, key, ctx)
        ctx.equip(checkpoints, self._reporter(result))
        result.messages = ctx.messages
        result.restored = None if checkpoints is None else checkpoints.restored_age
        self._listeners.tell("flowrun_step_started", run=self._info, result=result)
        peak = peak_bytes()
        try:
            outputs = self._making.call(index, ctx, inputs)
        except BaseException as error:
            self._note_end(result, ctx, start, peak)
            cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
            self._listeners.tell("flowrun_step_failed", run=self._info, result=result, error=cause)
            raise
        self._note_end(result, ctx, start, peak)
        self._publish(index, result, outputs)
        if key is not None:
            self._record(index, key, ctx, result, outputs)
        if checkpoints is not None:
            checkpoints.forget()
        self._listeners.tell("flowrun_step_finished", run=self._info, result=result)

    def _checkpoints(self, index: int, key: _Key | None, ctx: ContextState) -> Checkpoints | None:
        recording, store = self._recording, self._store
        if store is None or recording is None or key is None:
            return None
        if not self._steps[index].step.takes_context:
            return None
        checkpoints = Checkpoints(store, key.base, self._making.values, self._interrupts)
        checkpoints.watch(lambda: recording.states(ctx))
        if not self._fresh:
            checkpoints.restore(lambda states: recording.holds(states, ctx))
        return checkpoints

    def _note_end(
        self, result: StepResult, ctx: ContextState, start: float, peak: int | None
    ) -> None:
        """What is known of a step when it is over, well or not."""
        digest = digest_of if self._store is None else self._store.files.of
        result.files_read = {str(path): digest(path) for path in ctx.files_read}
        result.files_written = {str(path): digest(path) for path in ctx.files_written}
        result.peak_bytes = ctx.peak_bytes or _risen(peak)
        result.seconds = time.perf_counter() - start

    def _record(
        self, index: int, key: _Key, ctx: ContextState, result: StepResult, outputs: dict[str, Held]
    ) -> None:
        """Keep what was made, and let other processes have it.

        What comes next is claimed in the same breath: otherwise a process that waited for this
        step could overtake, and would have to make its values again.
        """
        assert self._recording is not None
        following = self._following(index + 1)
        record, is_ours = self._recording.keep(
            index, key.parts, ctx, result, outputs, self._making.work[index],
            lambda enough: self._remaking.cost(index, enough), following,
        )  # fmt: skip
        if record is None:
            return
        result.key, result.states = record.key, record.states
        self._claimed = following if is_ours else None

    def _following(self, index: int) -> str | None:
        """The base key of what comes at this position, a step or the judgement."""
        self._next = None
        if index >= len(self._steps):
            return self._judgement()
        inputs = self._flow.bind(index)
        self._flow.bound.pop()
        key = self._key(index, inputs)
        if key is None:
            return None
        self._next = (index, key)
        return key.base

    def _publish(self, index: int, result: StepResult, outputs: dict[str, Held]) -> None:
        self._flow.publish(index, outputs)
        self._describe(index, result, outputs)

    def _describe(self, index: int, result: StepResult, outputs: dict[str, Held]) -> None:
        """Say of a step what it gave, by the names of the recipe."""
        names = self._steps[index].wires.outputs
        for name, held in outputs.items():
            published = names[name]
            result.outputs[published] = held.record.summary
            result.texts[published] = self._making.values.text(held.record.summary)
            result.digests[published] = held.record.digest

    def _reporter(self, result: StepResult) -> Callable[[Progress], None] | None:
        if not self._listeners.hears("flowrun_step_progress"):
            return None
        return lambda progress: self._listeners.tell(
            "flowrun_step_progress", run=self._info, result=result, progress=progress
        )

    def _say_waiting(self) -> None:
        where = f"`{self._info.steps[-1].id}`" if self._info.steps else "this run"
        self._say(f"waiting for another process that computes {where}")


def _risen(before: int | None) -> int | None:
    """The process's peak memory, where a step has raised it; where not, the step's is unknown."""
    peak = peak_bytes()
    return peak if peak is not None and before is not None and peak > before else None
