"""A run: the steps of a plan called one after the other, and what came of each."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flowrun.calling import Call, named_outputs, step_error
from flowrun.context import Context, Progress
from flowrun.devices import choose_device
from flowrun.errors import StepError
from flowrun.judging import judge
from flowrun.listeners import Listeners
from flowrun.planning import Plan, PlannedStep
from flowrun.records import make_record
from flowrun.runs import Result, RunInfo, StepResult
from flowrun.values import Values


def execute(plan: Plan, listeners: Listeners, *, standin: bool = True) -> Result:
    """Run a plan.

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
    run_id = f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    info = RunInfo(run_id, plan, device, present.get(device, ""), started)
    values = Values(plan.registry.codecs, plan.recipe.dtype)
    named: dict[str, Any] = {}
    start = time.perf_counter()
    listeners.tell("flowrun_run_started", run=info)
    try:
        if skipped is None:
            failure = _run_steps(info, devices, named, values, listeners, present, standin)
            info.outcomes = judge(plan.expectations, named, values, failure)
            info.status = "ok" if all(outcome.met for outcome in info.outcomes) else "unmet"
        else:
            info.status, info.error = "skipped", skipped
    except KeyboardInterrupt:
        info.status, info.error = "interrupted", "interrupted"
        raise
    except BaseException as error:
        info.status, info.error = "failed", str(error)
        raise
    finally:
        info.seconds = time.perf_counter() - start
        info.record = make_record(info)
        listeners.tell("flowrun_run_finished", run=info)
    metrics = values.plain(named.get("metrics", {}))
    is_ok = info.status in ("ok", "skipped")
    return Result(named, metrics if isinstance(metrics, dict) else {}, info.record, is_ok)


def _run_steps(
    info: RunInfo,
    devices: list[str],
    named: dict[str, Any],
    values: Values,
    listeners: Listeners,
    present: dict[str, str],
    standin: bool,
) -> StepError | None:
    """Run the steps one after the other; gives the failure of the step that is expected to fail."""
    plan = info.plan
    for step, device in zip(plan.steps, devices, strict=True):
        ctx = Context(
            step=step.id,
            seed=step.seed,
            device=device,
            dtype=step.dtype or plan.recipe.dtype,
            folder=step.folder,
            own_device=step.device is not None,
            own_dtype=step.dtype is not None,
            standin=standin,
            present=present,
            _registry=plan.registry,
        )
        try:
            _run_step(step, ctx, named, values, info, listeners)
        except StepError as error:
            if plan.expectations.error is None or plan.expectations.error.step != step.id:
                raise
            return error
    return None


def _run_step(
    planned: PlannedStep,
    ctx: Context,
    named: dict[str, Any],
    values: Values,
    info: RunInfo,
    listeners: Listeners,
) -> None:
    wires = planned.wires
    inputs = {name: named[source] for name, source in wires.inputs.items()}
    extra = (
        None
        if wires.named is None
        else {name: named[source] for name, source in wires.named.items()}
    )
    result = StepResult(
        id=planned.id,
        name=planned.step.name,
        line=str(planned.mark),
        seed=ctx.seed,
        device=ctx.device,
        dtype=ctx.dtype,
        messages=ctx.messages,
        inputs={name: values.summary(value) for name, value in {**inputs, **(extra or {})}.items()},
        files_read=ctx.files_read,
        files_written=ctx.files_written,
    )
    info.steps.append(result)
    call = Call(planned, ctx, inputs, extra, planned.keywords)
    ctx._report = _reporter(info, result, listeners)
    listeners.tell("flowrun_step_started", run=info, result=result)
    start = time.perf_counter()
    try:
        hook = info.plan.registry.manager.hook.flowrun_step_call
        returned = hook(step=planned.step, ctx=ctx, call=call)
        for name, value in named_outputs(call, returned).items():
            published = wires.outputs[name]
            result.outputs[published] = values.summary(value)
            result.texts[published] = values.text(value)
            named[published] = value
    except BaseException as error:
        result.seconds = time.perf_counter() - start
        listeners.tell("flowrun_step_failed", run=info, result=result, error=error)
        if isinstance(error, Exception):
            raise step_error(call, values, error) from error
        raise
    result.seconds = time.perf_counter() - start
    listeners.tell("flowrun_step_finished", run=info, result=result)


def _reporter(
    info: RunInfo, result: StepResult, listeners: Listeners
) -> Callable[[Progress], None] | None:
    if not listeners.hears("flowrun_step_progress"):
        return None
    return lambda progress: listeners.tell(
        "flowrun_step_progress", run=info, result=result, progress=progress
    )
