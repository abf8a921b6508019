"""The values of a past run as text: read from the store, or recomputed and compared."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from flowrun.api import open_store, plan_of_run, run_in_store
from flowrun.cli.printing import warn
from flowrun.errors import FlowrunError, did_you_mean, listed
from flowrun.expectations.expectation import Expectations
from flowrun.planning.parts import with_needed
from flowrun.planning.plan import Plan
from flowrun.plugins.markers import hookimpl
from flowrun.running.record import RunRecord, StepRun
from flowrun.running.results import RunInfo, StepResult
from flowrun.values.metrics import told_by
from flowrun.values.paths import follow, parse_path


def values_of_run(run: RunRecord, texts: Sequence[str], plugins: tuple[str, ...]) -> list[str]:
    """What a step `show` prints of a run's values, or of expressions over them.

    The steps that the values need are looked up in the store, and called if their values are not
    kept. If that fails, or gives another value than the run had, those are given that stand whole
    in the run's record; raises FlowrunError if one of them does not.
    """
    planned = plan_of_run(run.id, plugins=plugins, show=texts)
    done = {step.id: step for step in run.steps if step.outputs}
    plan = _needed(planned, done)
    try:
        return _recomputed(plan, done, run)
    except FlowrunError:
        recorded = [_recorded(text, run) for text in texts]
        if None in recorded:
            raise
        return [text for text in recorded if text is not None]


def _recomputed(plan: Plan, done: dict[str, StepRun], run: RunRecord) -> list[str]:
    """What the plan's last step prints; raises FlowrunError if a value is not that of the run."""
    heard = _Heard()
    store = open_store(warn)
    try:
        run_in_store(plan, store, [heard], warn, standin=True, fresh=False, recorded=False)
    finally:
        store.close()
    for step in heard.steps[:-1]:
        _require_same(step, done[step.id], run)
    return [message.text for message in heard.steps[-1].messages]


def _recorded(text: str, run: RunRecord) -> str | None:
    """A value that stands whole in the run's record; None if it does not."""
    summaries = {name: one for step in run.steps for name, one in step.outputs.items()}
    try:
        path = parse_path(text)
        value = follow(path, told_by(summaries[path.root]))
    except (ValueError, LookupError):
        return None
    return None if value is None else f"{text} = {value}  (as recorded)"


def _needed(plan: Plan, done: dict[str, StepRun]) -> Plan:
    """The plan's last step, and the steps that ended in the run whose values it takes."""
    *steps, last = plan.steps
    steps = [step for step in steps if step.id in done]
    given = {name for step in steps for name in step.wires.outputs.values()} | set(plan.given)
    missing = [name for name in last.wires.taken if name not in given]
    if missing:
        hint = did_you_mean(missing[0], given) or f"it has: {listed(sorted(given))}"
        raise FlowrunError(f"the run has no value `{missing[0]}`\n    {hint}")
    every = [*steps, last]
    kept = with_needed([step.wires for step in every], [len(steps)])
    needed = tuple(every[position] for position in kept)
    return msgspec.structs.replace(plan, steps=needed, expectations=Expectations())


def _require_same(step: StepResult, before: StepRun, run: RunRecord) -> None:
    for name, digest in step.digests.items():
        if before.digests.get(name) != digest:
            raise FlowrunError(
                f"the value `{name}` of the run {run.id} is not kept, and its step `{step.id}` now "
                "gives another one\n    its code or the data that it reads has changed since; with "
                "`cache: true` beside the step its values are kept"
            )


class _Heard:
    """The listener that has the steps' results; the one of `show` is the last."""

    name = "report"  # as the lines of a run: what is shown takes their place

    def __init__(self) -> None:
        self.steps: list[StepResult] = []

    @hookimpl
    def flowrun_run_finished(self, run: RunInfo) -> None:
        self.steps = run.steps
