"""A run: the steps of a plan called one after the other, and what came of each."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from flowrun.context import Context, Message, Progress
from flowrun.devices import choose_device
from flowrun.errors import FlowrunError, StepError
from flowrun.expectations import Outcome, judge
from flowrun.listeners import Listeners
from flowrun.planning import Plan, PlannedStep
from flowrun.problems import shown_path
from flowrun.records import make_record
from flowrun.steps import CONTEXT, Step
from flowrun.values import Values

_MOST_LINES = 10  # of an exception's message are shown
_WIDEST = 150  # columns of a line about a failed step
Status = Literal["running", "ok", "unmet", "failed", "interrupted"]


@dataclass(slots=True)
class Call:
    """The call a step is about to get: wrappers of `flowrun_step_call` may change it.

    inputs: the values by parameter name; named: those of inputs that follow from the options, or
    None; options: the converted options. Calling it calls the step's function.
    """

    step: PlannedStep
    ctx: Context
    inputs: dict[str, Any]
    named: dict[str, Any] | None
    options: dict[str, Any]

    def __call__(self) -> Any:
        step = self.step.step
        keywords = {**self.inputs, **self.options}
        if step.takes_context:
            keywords[CONTEXT] = self.ctx
        return step(*(() if self.named is None else (self.named,)), **keywords)


@dataclass(slots=True)
class StepResult:
    """What is known of one step of a run: filled while it goes."""

    id: str
    name: str
    line: str
    seed: int
    device: str
    dtype: str
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    messages: list[Message] = field(default_factory=list)
    files_read: list[Path] = field(default_factory=list)
    files_written: list[Path] = field(default_factory=list)


@dataclass(slots=True)
class RunInfo:
    """One execution of a plan, as listeners see it."""

    id: str
    plan: Plan
    device: str
    device_about: str
    started: datetime
    steps: list[StepResult] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    status: Status = "running"
    seconds: float = 0.0
    error: str | None = None
    folder: Path | None = None
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def warnings(self) -> list[str]:
        """Every warning of every step, in order."""
        return [
            message.text for step in self.steps for message in step.messages if message.is_warning
        ]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run gives: the final values by name, the metrics, and the record.

    values: every named value as the last step left it.
    metrics: the value `metrics`, as plain numbers; empty where the recipe makes none.
    record: what `run.json` holds.
    ok: whether every expectation is met.
    """

    values: dict[str, Any] = field(repr=False)
    metrics: dict[str, Any]
    record: dict[str, Any] = field(repr=False)
    ok: bool


def execute(plan: Plan, listeners: Listeners, *, standin: bool = True) -> Result:
    """Run a plan.

    Raises DeviceError where its device is not there (before the first step), StepError where a
    step fails; a KeyboardInterrupt ends the run and is raised again. Listeners, among them the
    run's record, hear of the end in each of these cases.
    """
    present = plan.registry.devices
    device = choose_device(plan.recipe.device, present, plan.recipe.device_mark)
    devices = [choose_device(step.device or device, present, step.mark) for step in plan.steps]
    values = Values(plan.registry.codecs, plan.recipe.dtype)
    started = datetime.now(UTC)
    run_id = f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    info = RunInfo(run_id, plan, device, present.get(device, ""), started)
    named: dict[str, Any] = {}
    start = time.perf_counter()
    listeners.tell("flowrun_run_started", run=info)
    try:
        for step, own_device in zip(plan.steps, devices, strict=True):
            ctx = Context(
                step=step.id,
                seed=step.seed,
                device=own_device,
                dtype=step.dtype or plan.recipe.dtype,
                folder=step.folder,
                own_device=step.device is not None,
                own_dtype=step.dtype is not None,
                standin=standin,
                present=present,
                _registry=plan.registry,
            )
            _run_step(step, ctx, named, values, info, listeners)
        info.outcomes = judge(plan.expectations, named, values)
        info.status = "ok" if all(outcome.met for outcome in info.outcomes) else "unmet"
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
    return Result(
        named, metrics if isinstance(metrics, dict) else {}, info.record, info.status == "ok"
    )


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
    call = Call(planned, ctx, inputs, extra, dict(planned.options))
    ctx._report = _reporter(info, result, listeners)
    listeners.tell("flowrun_step_started", run=info, result=result)
    start = time.perf_counter()
    try:
        hook = info.plan.registry.manager.hook.flowrun_step_call
        returned = hook(step=planned.step, ctx=ctx, call=call)
        outputs = _named_outputs(planned, returned)
    except BaseException as error:
        result.seconds = time.perf_counter() - start
        listeners.tell("flowrun_step_failed", run=info, result=result, error=error)
        if isinstance(error, Exception):
            raise _step_error(planned, call, values, error) from error
        raise
    result.seconds = time.perf_counter() - start
    for name, value in outputs.items():
        published = wires.outputs[name]
        named[published] = value
        result.outputs[published] = values.summary(value)
        result.texts[published] = values.text(value)
    listeners.tell("flowrun_step_finished", run=info, result=result)


def _reporter(
    info: RunInfo, result: StepResult, listeners: Listeners
) -> Callable[[Progress], None] | None:
    if not listeners.hears("flowrun_step_progress"):
        return None
    return lambda progress: listeners.tell(
        "flowrun_step_progress", run=info, result=result, progress=progress
    )


def _named_outputs(planned: PlannedStep, returned: Any) -> dict[str, Any]:
    """What a step returned, by output name; raises FlowrunError where it does not fit."""
    step, names = planned.step, list(planned.wires.outputs)
    if step.outputs_of is not None:
        if isinstance(returned, dict) and list(returned.keys()) == names:
            return returned
        if isinstance(returned, dict) and set(returned) == set(names):
            return {name: returned[name] for name in names}
        found = (
            f"the keys {', '.join(map(str, returned))}"
            if isinstance(returned, dict)
            else (f"{type(returned).__name__}")
        )
        wanted = f"a dict with {', '.join(names)}"
    elif not names:
        if returned is None:
            return {}
        found, wanted = type(returned).__name__, "nothing: its outputs are ()"
    elif len(names) == 1:
        if returned is not None:
            return {names[0]: returned}
        found, wanted = "None", f"the value of `{names[0]}`; is a `return` missing?"
    else:
        if isinstance(returned, (tuple, list)) and len(returned) == len(names):
            return dict(zip(names, returned, strict=True))
        count = len(returned) if isinstance(returned, (tuple, list)) else 1
        found = f"{count} value{'s' if count != 1 else ''}"
        wanted = f"{len(names)}: {', '.join(names)}"
    raise FlowrunError(f"the step returned {found}; it should return {wanted} ({step.place})")


def _step_error(planned: PlannedStep, call: Call, values: Values, error: Exception) -> StepError:
    """The error that names the recipe's line, the step, its inputs and the message."""
    message = str(error).strip() or type(error).__name__
    shown = message.splitlines()
    if not isinstance(error, FlowrunError):
        message = _with_place(f"{type(error).__name__}: {message}", error, planned.step)
        shown = [_cut(line) for line in message.splitlines()]
    mark = planned.mark
    lines = [
        f"{mark}: the step `{planned.id}` failed",
        f"  {mark.line + 1} | {mark.source.line(mark.line).strip()}",
        *(f"    {line}" for line in shown[:_MOST_LINES]),
    ]
    if len(shown) > _MOST_LINES:
        lines.append(f"    ... and {len(shown) - _MOST_LINES} lines more")
    inputs = {**call.inputs, **(call.named or {})}
    lines += [
        _cut(f"    input   {name}: {values.described(value)}") for name, value in inputs.items()
    ]
    lines.append(f"    device  {call.ctx.device}, dtype {call.ctx.dtype}, seed {call.ctx.seed}")
    return StepError(message, step=planned.id, report="\n".join(lines))


def _cut(line: str) -> str:
    return line if len(line) <= _WIDEST else f"{line[:_WIDEST]}..."


def _with_place(message: str, error: Exception, step: Step[..., Any]) -> str:
    """The message with the line of the step's own file on which it failed, after its first line."""
    file, line, frame = step.function.__code__.co_filename, None, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == file:
            line = frame.tb_lineno
        frame = frame.tb_next
    if line is None:
        return message
    first, newline, rest = message.partition("\n")
    return f"{first} ({shown_path(Path(file))}:{line}){newline}{rest}"
