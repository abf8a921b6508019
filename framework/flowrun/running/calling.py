"""One call of a step: its arguments, the check of its results, and the report if it fails."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from flowrun.errors import FlowrunError, StepError, contained, shown_path
from flowrun.planning.plan import Plan, PlannedStep
from flowrun.plugins.local_modules import entered, turn
from flowrun.plugins.observation import observed
from flowrun.plugins.registry import Registry
from flowrun.plugins.steps import CONTEXT, Step
from flowrun.running.context import Context, ContextState, state_of
from flowrun.values.codecs import Codecs

_MOST_LINES = 10  # of an exception's message are shown
_WIDEST = 150  # columns of a line about a failed step


class Call(msgspec.Struct):
    """The call a step is about to get; a backend may change it in `around_step`.

    inputs: the values by parameter name; named: those of inputs that follow from the options, or
    None; options: the converted options. on_shapes: whether this is a check, in which the values
    are shapes alone, and the step's `on_shapes` function is called if it has one. Calling it calls
    the step's function. returned: its result, which a backend may replace.
    work: the seconds it took. peak_bytes: the most memory it took, if a backend measures that.
    """

    step: PlannedStep
    ctx: Context
    inputs: dict[str, Any]
    named: dict[str, Any] | None
    options: dict[str, Any]
    on_shapes: bool = False
    returned: Any = None
    work: float = 0.0
    peak_bytes: int | None = None

    def __call__(self) -> None:
        step = self.step.step
        keywords = {**self.inputs, **self.options}
        if step.takes_context:
            keywords[CONTEXT] = self.ctx
        state = state_of(self.ctx)
        state.note_named_files(self.options)
        function = (self.on_shapes and step.shape_function) or step
        with entered(state.local), observed(state.observation), contained():
            state.is_noting = True
            start = time.perf_counter()
            try:
                self.returned = function(*(() if self.named is None else (self.named,)), **keywords)
            finally:
                self.work += time.perf_counter() - start
                state.is_noting = False


def context_of(
    planned: PlannedStep, plan: Plan, device: str, *, present: Mapping[str, str], standin: bool
) -> ContextState:
    """The state of the context of a step of a plan, on a device by its full name."""
    plugin = plan.registry.plugins.get(planned.plugin)
    return ContextState(
        step=planned.id,
        seed=planned.seed,
        device=device,
        dtype=planned.dtype or plan.recipe.dtype,
        folder=planned.folder,
        standin=standin,
        present=present,
        registry=plan.registry,
        local=None if plugin is None else plugin.local,
    )


def call_in_backends(call: Call, registry: Registry) -> Any:
    """Call a step within the contexts of all backends; returns its result.

    One step of a process at a time: seeds, default types and the observation are the process's.
    """
    with turn(), contained(), ExitStack() as stack:
        for _, backend in registry.backends:
            stack.enter_context(backend.around_step(call.step.step, call.ctx, call))
        call()
    state_of(call.ctx).peak_bytes = call.peak_bytes
    return call.returned


def named_outputs(call: Call, returned: Any) -> dict[str, Any]:
    """What a step returned, by output name; raises FlowrunError if it does not fit."""
    step, names = call.step.step, list(call.step.wires.outputs)
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


def step_error(call: Call, values: Codecs, error: Exception) -> StepError:
    """The error that names the recipe's line, the step, its inputs and the message."""
    planned = call.step
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
    seed = planned.seed
    lines += [
        _cut(f"    input   {name}: {values.described(value)}") for name, value in inputs.items()
    ]
    options = ", ".join(f"{name}: {value}" for name, value in planned.keywords.items())
    lines += [_cut(f"    options {options}")] if options else []
    lines.append(f"    device  {call.ctx.device}, dtype {call.ctx.dtype}, seed {seed}")
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
