"""A run: a plan's steps taken one after the other, its expectations checked, and its record made.

For each step: its inputs, its key, the record of that key or a call of the step under the lock of
that key, its outputs published. An expectation goes the same way: its results are those of its
record, or of a check under the lock of its key.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from flowrun.errors import StepError
from flowrun.expectations.check import CheckResult, JudgeContext
from flowrun.expectations.expectation import Expectation
from flowrun.planning.plan import Plan
from flowrun.plugins.import_times import seconds_without_imports, time_without_imports
from flowrun.plugins.local_modules import turn as turn_of_process
from flowrun.recipes.devices import choose_device
from flowrun.running.advice import advise, say_unkept
from flowrun.running.cache import Cache, Key
from flowrun.running.checkpoints import Interrupts
from flowrun.running.context import ContextState
from flowrun.running.dataflow import NAMED, Dataflow, NamedValues, Output, given_from_outside
from flowrun.running.events import Message, Progress
from flowrun.running.record_writer import make_record
from flowrun.running.results import Listeners, Result, RunInfo, StepResult
from flowrun.running.resuming import resume_hint
from flowrun.running.step_caller import NotDeterministicError, StepCaller
from flowrun.running.verifying import wrong_outputs
from flowrun.store.home import new_run_id
from flowrun.store.plan_classes import PlanClasses
from flowrun.store.store import Store
from flowrun.values.codecs import Codecs
from flowrun.values.metrics import metrics_of

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


def execute(
    plan: Plan,
    listeners: Listeners,
    *,
    store: Store | None = None,
    standin: bool = True,
    fresh: bool = False,
    verify: bool = False,
    warn: Callable[[str], None],
    begun: float | None = None,
) -> Result:
    """Run a plan.

    store: the store of records and values; without one every step is called.
    fresh: whether records and checkpoints of earlier runs are ignored.
    verify: the same, and each kept result is compared with the one that the call gives, and
        replaced if it differs; `RunInfo.wrong` names these.
    begun: the time by `time.perf_counter` at which the run started, if that is earlier than this
        call: that of the command, whose user waits from then on.

    Raises DeviceError if its device is not there (before the first step), StepError if a step
    fails; a KeyboardInterrupt ends the run and is raised again. Listeners, among them the run's
    record, hear of the end in each of these cases.
    """
    present = plan.registry.devices
    skipped = plan.recipe.needs.unmet(present)
    device, devices = "cpu", []
    if skipped is None:
        device = choose_device(plan.recipe.device, present, plan.recipe.device_mark)
        devices = [choose_device(step.device or device, present, step.mark) for step in plan.steps]
    start = time.perf_counter() if begun is None else begun
    started = datetime.now(UTC) - timedelta(seconds=time.perf_counter() - start)
    info = RunInfo(new_run_id(started.timestamp()), plan, device, present.get(device, ""), started)
    classes = PlanClasses(plan.registry, None if store is None else store.code)
    codecs = Codecs(plan.registry.codecs, plan.recipe.dtype, classes)
    since = started.timestamp() if fresh or verify else 0.0
    cache = Cache(plan, devices, codecs, store, info.id, since)
    dataflow = Dataflow(plan, given_from_outside(plan.given, codecs))
    caller = StepCaller(plan, devices, codecs, dataflow, cache, present=present, standin=standin)
    runner = Runner(info, codecs, dataflow, cache, caller, listeners, warn, verifies=verify)
    try:
        listeners.tell("flowrun_run_started", run=info)  # one may interrupt: nobody reads its lines
        if skipped is None:
            info.outcomes = runner.run()
            info.status = "ok" if all(outcome.met for outcome in info.outcomes) else "unmet"
        else:
            info.status, info.error = "skipped", skipped
    except KeyboardInterrupt:
        info.status, info.error = "interrupted", resume_hint(info)
        raise
    except BaseException as error:
        info.status, info.error = "failed", str(error)
        raise
    finally:
        info.seconds = time.perf_counter() - start
        info.code = [] if store is None else store.code.files
        info.metrics = runner.metrics()
        info.values = runner.values()
        info.record = make_record(info)
        listeners.tell("flowrun_run_finished", run=info)
    return runner.result()


class _Turn(msgspec.Struct):
    """One step whose turn it is."""

    index: int
    inputs: dict[str, Output]
    key: Key | None
    ctx: ContextState
    result: StepResult


class Runner:
    """Takes one run through its steps and its expectations.

    cache: finds and keeps results of steps. caller: calls steps.
    warn: called with a sentence that the user should see at once.
    """

    def __init__(
        self,
        info: RunInfo,
        codecs: Codecs,
        dataflow: Dataflow,
        cache: Cache,
        caller: StepCaller,
        listeners: Listeners,
        warn: Callable[[str], None],
        *,
        verifies: bool = False,
    ) -> None:
        self._info = info
        self._verifies = verifies
        self._plan = info.plan
        self._codecs = codecs
        self._dataflow = dataflow
        self._cache = cache
        self._caller = caller
        self._listeners = listeners
        self._warn = warn
        self._interrupts = Interrupts()

    def run(self) -> list[CheckResult]:
        """Take the steps and check the expectations; raises StepError if one fails."""
        start = 0
        with self._interrupts.watching():
            while True:
                try:
                    failure = self._take_steps(start)
                    return self._check(failure)
                except NotDeterministicError as error:  # of each step at most once
                    self._announce(error)
                    start = error.index + 1
                    self._rewind(start)

    def _take_steps(self, start: int) -> StepError | None:
        """Take the steps from `start` on; returns the failure of the one expected to fail."""
        expected = self._plan.expectations.error
        try:
            for index in range(start, len(self._plan.steps)):
                self._take(index)
        except StepError as error:
            if expected is None or expected.step != error.step:
                raise
            return error
        return None

    def _take(self, index: int) -> None:
        inputs = self._dataflow.bind(index)
        key = self._cache.key(index, inputs)
        turn = self._begin(index, inputs, key)
        outputs = self._find(turn)
        if outputs is None:
            self._interrupts.begin_step()
            with turn_of_process(), self._cache.lock(key, self._say_waiting):
                outputs = self._find(turn)  # another process may have called the step meanwhile
                if outputs is None:
                    outputs = self._call(turn)
        self._dataflow.publish(index, outputs)

    def _begin(self, index: int, inputs: dict[str, Output], key: Key | None) -> _Turn:
        planned, ctx = self._plan.steps[index], self._caller.context(index)
        result = StepResult(
            id=planned.id,
            name=planned.step.name,
            line=str(planned.mark),
            seed=planned.seed,
            device=ctx.device,
            dtype=ctx.dtype,
            inputs={name.removeprefix(NAMED): one.record.summary for name, one in inputs.items()},
        )
        self._info.steps.append(result)
        return _Turn(index, inputs, key, ctx, result)

    def _find(self, turn: _Turn) -> dict[str, Output] | None:
        """The outputs of a step that is kept; None if it must be called."""
        record = self._cache.find(turn.index, turn.key, turn.ctx)
        if record is None:
            return None
        result = turn.result
        self._caller.work[turn.index] = record.work
        result.key, result.kept, result.states = record.key, record.run, record.states
        result.messages = [Message(text, is_warning) for text, is_warning in record.messages]
        result.files_written, result.unseen = record.files, record.unseen
        outputs = self._cache.outputs(turn.index, record)
        self._describe(turn.index, result, outputs)
        result.is_done = True
        self._listeners.tell("flowrun_step_kept", run=self._info, result=result)
        return outputs

    def _call(self, turn: _Turn) -> dict[str, Output]:
        index, ctx, result = turn.index, turn.ctx, turn.result
        start = time_without_imports()
        recomputed = self._caller.fetch_all(turn.inputs.values())
        result.made_again = [self._plan.steps[position].id for position in recomputed]
        checkpoints = self._cache.checkpoints(index, turn.key, ctx, self._interrupts)
        ctx.equip(checkpoints, self._reporter(result), self._interrupts)
        result.messages = ctx.messages
        if checkpoints is not None:
            result.restored, result.restored_at = checkpoints.restored_age, checkpoints.restored_at
        self._listeners.tell("flowrun_step_started", run=self._info, result=result)
        peak = _peak_bytes()
        try:
            outputs = self._caller.call(index, ctx)
            if ctx.saw_stop:
                self._interrupts.end(saved=False)  # its return value is not a result
        except BaseException as error:
            self._note_end(turn, start, peak)
            result.reached = ctx.place
            result.has_checkpoint = checkpoints is not None and checkpoints.is_there
            cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
            self._listeners.tell("flowrun_step_failed", run=self._info, result=result, error=cause)
            raise
        self._note_end(turn, start, peak)
        advise(self._plan.steps[index], result, ctx)
        if turn.key is not None:
            say_unkept(self._plan, index, outputs, ctx, self._codecs)
        self._describe(index, result, outputs)
        if self._verifies:
            self._compare(turn, outputs)
        if checkpoints is not None:
            self._caller.work[index] += checkpoints.earlier
        self._keep(turn, outputs)
        result.is_done = True
        if checkpoints is not None:
            checkpoints.forget()
        self._listeners.tell("flowrun_step_finished", run=self._info, result=result)
        return outputs

    def _note_end(self, turn: _Turn, start: float, peak: int | None) -> None:
        """Note the facts about a step when it has ended, even if it failed."""
        result, ctx, digest = turn.result, turn.ctx, self._cache.file_digest
        result.files_written = {path: digest(Path(path)) for path in ctx.all_written()}
        result.unseen = list(ctx.observation.unseen)
        self._cache.remember(turn.index, ctx)
        result.states = self._cache.states(turn.index, ctx, result.files_written)
        result.peak_bytes = ctx.peak_bytes or _risen(peak)
        result.seconds = seconds_without_imports(start)

    def _compare(self, turn: _Turn, outputs: dict[str, Output]) -> None:
        """Note each output that is another than the one kept."""
        record = self._cache.find(turn.index, turn.key, turn.ctx, since=0.0)
        if record is None:
            return
        self._info.verified += 1
        self._info.wrong += wrong_outputs(
            record, turn.result, outputs, self._cache.read, self._codecs
        )

    def _keep(self, turn: _Turn, outputs: dict[str, Output]) -> None:
        if turn.key is None:
            return
        index, result = turn.index, turn.result
        record = self._cache.keep(
            index, turn.key, turn.ctx, result, outputs, self._caller.work[index],
            lambda enough: self._caller.cost(index, enough),
        )  # fmt: skip
        if record is not None:
            result.key = record.key

    def _describe(self, index: int, result: StepResult, outputs: dict[str, Output]) -> None:
        """Fill in a step's outputs, by the names of the recipe."""
        names = self._plan.steps[index].wires.outputs
        for name, output in outputs.items():
            published = names[name]
            result.outputs[published] = output.record.summary
            result.digests[published] = output.record.digest
        result.texts = self._codecs.texts(result.outputs)

    def _rewind(self, start: int) -> None:
        """Forget the steps from `start` on; the one before has given other values than it did."""
        self._dataflow.rewind(start)
        del self._info.steps[start:]
        self._describe(start - 1, self._info.steps[-1], self._dataflow.given[-1])
        self._info.steps[-1].kept = None

    def _check(self, failure: StepError | None) -> list[CheckResult]:
        """The results of every expectation."""
        self._interrupts.deferring = False
        expectations = self._plan.expectations
        results = []
        if expectations.error is not None:
            results.append(expectations.error.judge(failure))
        kind = self._info.device.partition(":")[0]
        context = JudgeContext(self._plan.recipe, kind, self._codecs)
        for expectation in expectations.values:
            checks = zip(expectation.of_one_run, self._results(expectation, context), strict=True)
            results += [check.among_others(result, context.shared) for check, result in checks]
        return results

    def _results(self, expectation: Expectation, context: JudgeContext) -> list[CheckResult]:
        output = self._dataflow.named.get(expectation.path.root)
        key = self._cache.expectation_key(expectation, output, context)
        results = self._cache.find_results(key)
        if results is None:
            with self._cache.lock(key, self._say_waiting):
                results = self._cache.find_results(key)
                if results is None:
                    named = NamedValues(self._dataflow.named, self._caller.fetch)
                    results = expectation.judge(named, context)
                    self._cache.keep_results(key, results)
        return results

    def metrics(self) -> dict[str, Any]:
        """The value `metrics` as its summary gives it: nothing is computed for that."""
        output = self._dataflow.named.get("metrics")
        return {} if output is None else metrics_of(output.record.summary)

    def values(self) -> NamedValues:
        """The named values as the last step left them, for when the run is over."""
        return NamedValues(dict(self._dataflow.named), self._fetch_late)

    def result(self) -> Result:
        """The result of the run."""
        named = self.values()
        metrics = self._codecs.plain(named["metrics"]) if "metrics" in named else {}
        is_ok = self._info.status in ("ok", "skipped")
        shown = metrics if isinstance(metrics, dict) else {}
        assert self._info.record is not None
        return Result(named, shown, self._info.record.as_dict(), is_ok)

    def _fetch_late(self, output: Output) -> Any:
        """A value that is read after the run has ended."""
        while True:
            try:
                return self._caller.fetch(output)
            except NotDeterministicError as error:  # of each step at most once
                self._announce(error)

    def _announce(self, error: NotDeterministicError) -> None:
        self._info.departures.append(str(error))
        self._warn(str(error))

    def _reporter(self, result: StepResult) -> Callable[[Progress], None] | None:
        if not self._listeners.hears("flowrun_step_progress"):
            return None
        return lambda progress: self._listeners.tell(
            "flowrun_step_progress", run=self._info, result=result, progress=progress
        )

    def _say_waiting(self) -> None:
        step = f"`{self._info.steps[-1].id}`" if self._info.steps else "this run"
        self._warn(f"waiting for another process that computes {step}")


def _peak_bytes() -> int | None:
    """The most memory this process has ever had resident; None if the system does not say."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _risen(before: int | None) -> int | None:
    """The process's peak memory if a step has raised it; if not, the step's own is unknown."""
    peak = _peak_bytes()
    return peak if peak is not None and before is not None and peak > before else None
