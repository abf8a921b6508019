"""A run: a plan's steps taken one after the other, judged, and recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from flowrun.errors import StepError
from flowrun.expectations.golden.comparing import Golden
from flowrun.expectations.judge import CheckResult, judge
from flowrun.planning.plan import Plan
from flowrun.recipes.devices import choose_device
from flowrun.running.dataflow import Flow
from flowrun.running.interrupts import Interrupted, Interrupts
from flowrun.running.known_outcomes import KnownOutcomes
from flowrun.running.listeners import Listeners
from flowrun.running.output import Held, NamedValues, given_from_outside
from flowrun.running.recompute import NotDeterministicError, Remaking
from flowrun.running.record_writer import make_record
from flowrun.running.recording import Recording
from flowrun.running.results import Result, RunInfo
from flowrun.running.runner import Walk
from flowrun.running.step_caller import Making
from flowrun.running.step_keys import StepKeys
from flowrun.store.run_ids import new_run_id
from flowrun.store.store import Store
from flowrun.values.codecs import Codecs
from flowrun.values.metrics import metrics_of


def execute(
    plan: Plan,
    listeners: Listeners,
    *,
    store: Store | None = None,
    standin: bool = True,
    fresh: bool = False,
    complain: Callable[[str], None],
) -> Result:
    """Run a plan.

    store: where records and values are found and kept; without one every step is called.
    fresh: whether records and checkpoints of earlier runs are left aside.

    Raises DeviceError where its device is not there (before the first step), StepError where a
    step fails; a KeyboardInterrupt ends the run and is raised again. Listeners, among them the
    run's record, hear of the end in each of these cases.
    """
    present = plan.registry.devices
    skipped = plan.recipe.needs.unmet(present)
    device, devices = "cpu", []
    if skipped is None:
        device = choose_device(plan.recipe.device, present, plan.recipe.device_mark)
        devices = [choose_device(step.device or device, present, step.mark) for step in plan.steps]
    started = datetime.now(UTC)
    info = RunInfo(new_run_id(started.timestamp()), plan, device, present.get(device, ""), started)
    run = _Run(info, devices, present, listeners, store, complain, standin=standin, fresh=fresh)
    start = time.perf_counter()
    listeners.tell("flowrun_run_started", run=info)
    try:
        if skipped is None:
            info.outcomes = run.outcomes()
            info.status = "ok" if all(outcome.met for outcome in info.outcomes) else "unmet"
        else:
            info.status, info.error = "skipped", skipped
    except KeyboardInterrupt as error:
        info.status, info.error = "interrupted", _how_to_go_on(error, info)
        raise
    except BaseException as error:
        info.status, info.error = "failed", str(error)
        raise
    finally:
        info.seconds = time.perf_counter() - start
        info.code = [] if store is None else store.code.files
        info.metrics = run.metrics()
        info.values = run.values()
        info.record = make_record(info)
        listeners.tell("flowrun_run_finished", run=info)
    return run.result()


class _Run:
    """The parts of one run, put together."""

    def __init__(
        self,
        info: RunInfo,
        devices: list[str],
        present: Mapping[str, str],
        listeners: Listeners,
        store: Store | None,
        complain: Callable[[str], None],
        *,
        standin: bool,
        fresh: bool,
    ) -> None:
        plan = info.plan
        self._info = info
        self._store = store
        self._complain = complain
        self._interrupts = Interrupts()
        self._values = Codecs(plan.registry.codecs, plan.recipe.dtype)
        self._flow = Flow(plan, given_from_outside(plan.given, self._values))
        self._making = Making(
            plan, devices, self._values, store, self._interrupts, present=present, standin=standin
        )
        recording = None
        if store is not None:
            keys = StepKeys(plan, store.code, devices)
            recording = Recording(plan, self._flow, keys, store, self._values, info.id)
        self._remaking = Remaking(self._flow, self._making, recording, self._depart)
        self._walk = Walk(
            info, self._flow, self._making, self._remaking, recording, listeners, self._interrupts,
            store=store, fresh=fresh, say=complain,
        )  # fmt: skip

    def outcomes(self) -> list[CheckResult]:
        """Take the steps, and judge what they gave; raises StepError where one fails."""
        with ExitStack() as stack:
            stack.enter_context(self._interrupts.watching())
            stack.callback(self._walk.let_go)
            start = 0
            while True:  # until no step departs from its record; a step does so at most once
                try:
                    failure = self._failure(start)
                    return self._judged(failure)
                except NotDeterministicError as error:
                    start = error.index + 1

    def metrics(self) -> dict[str, Any]:
        """The value `metrics` as its summary tells it: nothing is made for that."""
        held = self._flow.named.get("metrics")
        return {} if held is None else metrics_of(held.record.summary)

    def values(self) -> NamedValues:
        """The named values as the last step left them, for when the run is over."""
        return NamedValues(dict(self._flow.named), self._fetch_late)

    def result(self) -> Result:
        """What the run gives."""
        named = self.values()
        metrics = self._values.plain(named["metrics"]) if "metrics" in named else {}
        is_ok = self._info.status in ("ok", "skipped")
        shown = metrics if isinstance(metrics, dict) else {}
        return Result(named, shown, make_record(self._info).as_dict(), is_ok)

    def _failure(self, start: int) -> StepError | None:
        """Take the steps; gives the failure of the step that is expected to fail."""
        expected = self._info.plan.expectations.error
        try:
            self._walk.go(start)
        except StepError as error:
            if expected is None or expected.step != error.step:
                raise
            return error
        return None

    def _judged(self, failure: StepError | None) -> list[CheckResult]:
        outcomes = None if self._store is None else self._store.outcomes
        kind = self._info.device.partition(":")[0]
        golden = Golden(self._info.plan.recipe, kind, self._values)
        known = KnownOutcomes(outcomes, self._flow.named, golden)
        named = NamedValues(self._flow.named, self._remaking.fetch)
        expectations = self._info.plan.expectations
        with self._walk.judging(known):
            judged = judge(expectations, named, self._values, known, golden, failure)
            known.keep()
        return judged

    def _fetch_late(self, held: Held) -> Any:
        """A value that is asked for when the run is over."""
        while True:  # a step departs at most once, and then its value is at hand
            try:
                return self._remaking.fetch(held)
            except NotDeterministicError:
                continue

    def _depart(self, text: str) -> None:
        self._info.departures.append(text)
        self._complain(text)


def _how_to_go_on(error: KeyboardInterrupt, info: RunInfo) -> str:
    """How a run was interrupted, and what the next one begins with."""
    step = f" in `{info.steps[-1].id}`" if info.steps else ""
    if isinstance(error, Interrupted) and error.saved:
        return f"interrupted{step}, its progress saved; the same command goes on from there"
    if any(result.key for result in info.steps):
        return f"interrupted{step}; the same command goes on with this step"
    return f"interrupted{step}"
