"""One call of a step: its arguments, the check of its results, and the report if it fails."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from contextvars import copy_context
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from flowrun.errors import (
    FlowrunError,
    OutputsError,
    StepError,
    contained,
    error_line,
    error_text,
    shortened,
    shown_path,
)
from flowrun.errors.escaping import in_lines, on_one_line
from flowrun.planning.plan import Plan, PlannedStep
from flowrun.plugins.import_times import seconds_without_imports, time_without_imports
from flowrun.plugins.local_modules import entered, turn
from flowrun.plugins.module_variables import variables_restored
from flowrun.plugins.observation.observing import observed
from flowrun.plugins.process_settings import SETTINGS, settings_restored
from flowrun.plugins.registry import GivenBackend, Registry
from flowrun.plugins.steps import CONTEXT, Step, may_return_none
from flowrun.running.context import Context, ContextState, state_of
from flowrun.running.missing_files import missing_file_hint
from flowrun.values.codecs import Codecs

_MOST_LINES = 10  # of an exception's message are shown
_WIDEST = 150  # columns of a line about a failed step


class Call(msgspec.Struct):
    """The call a step is about to get; a backend may change it in `around_step`.

    inputs: the values by parameter name; named: those of inputs that follow from the options, or
    None; options: the converted options. on_shapes: whether this is a check, in which the values
    are shapes alone, and the step's `on_shapes` function is called if it has one. Calling it calls
    the step's function. returned: its result, which a backend may replace.
    work: the seconds it took, without imports of installed packages. peak_bytes: the most memory it
    took, if a backend measures that.
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
        arguments = () if self.named is None else (self.named,)
        settings = SETTINGS if state.registry is None else state.registry.settings
        with (
            entered(state.local),
            settings_restored(settings),
            variables_restored(step.function, state.local) as variables,
            observed(state.observation),
            contained(),
        ):
            state.is_noting = True
            start = time_without_imports()
            try:  # a step leaves nothing in context variables either
                self.returned = copy_context().run(function, *arguments, **keywords)
            finally:
                self.work += seconds_without_imports(start)
                state.is_noting = False
        if variables.set_back:
            names = ", ".join(variables.set_back)
            state.warn(f"it sets {names}, which other code reads; {names} is set back after it, as "
                       "a kept step sets nothing: return the value as an output")  # fmt: skip


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
        for given in registry.backends:
            stack.enter_context(_AroundStep(given, call))
        call()
    state_of(call.ctx).peak_bytes = call.peak_bytes
    return call.returned


class _AroundStep:
    """The context of a backend around a step, observed while it is entered and left."""

    def __init__(self, given: GivenBackend, call: Call) -> None:
        self._given = given
        self._call = call
        self._context: AbstractContextManager[None] = nullcontext()

    def __enter__(self) -> None:
        call = self._call
        with entered(self._given.local), observed(self._given.observation):
            self._context = self._given.backend.around_step(call.step.step, call.ctx, call)
            self._context.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        with entered(self._given.local), observed(self._given.observation):
            return self._context.__exit__(kind, error, traceback)


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
        if returned is not None or may_return_none(inspect.unwrap(step.function)):
            return {names[0]: returned}
        found, wanted = "None", f"the value of `{names[0]}`; is a `return` missing?"
    else:
        if isinstance(returned, (tuple, list)) and len(returned) == len(names):
            return dict(zip(names, returned, strict=True))
        count = len(returned) if isinstance(returned, (tuple, list)) else 1
        found = f"{count} value{'s' if count != 1 else ''}"
        wanted = f"{len(names)}: {', '.join(names)}"
    hint = "\nif None is a value here, say so: `-> float | None`" if found == "None" else ""
    raise FlowrunError(f"the step returned {found}; it should return {wanted} ({step.place}){hint}")


def step_error(call: Call, values: Codecs, error: Exception) -> StepError:
    """The error that names the recipe's line, the step, its inputs and the message."""
    planned = call.step
    message = error_text(error) or type(error).__name__
    shown = message.splitlines()
    if not isinstance(error, (FlowrunError, OutputsError)):
        message = _whole_message(error, planned.step)
        step = planned.step
        hint = missing_file_hint(error, planned.folder, takes_context=step.takes_context)
        shown = [shortened(line, _WIDEST) for line in [*message.splitlines(), *hint]]
    mark = planned.mark
    lines = [
        f"{mark}: the step `{planned.id}` failed",
        f"  {mark.line + 1} | {on_one_line(mark.source.line(mark.line).strip())}",
        *(f"    {line}" for line in shown[:_MOST_LINES]),
    ]
    if len(shown) > _MOST_LINES:
        lines.append(f"    ... and {len(shown) - _MOST_LINES} lines more")
    inputs = {**call.inputs, **(call.named or {})}
    seed = planned.seed
    lines += [
        shortened(f"    input   {name}: {on_one_line(values.described(value))}", _WIDEST)
        for name, value in inputs.items()
    ]
    options = ", ".join(f"{name}: {value}" for name, value in planned.keywords.items())
    lines += [shortened(f"    options {on_one_line(options)}", _WIDEST)] if options else []
    lines.append(f"    device  {call.ctx.device}, dtype {call.ctx.dtype}, seed {seed}")
    return StepError(message, step=planned.id, report="\n".join(lines))


def _whole_message(error: Exception, step: Step[..., Any]) -> str:
    """An exception's type and message, the place in the step's own file, and what belongs to it."""
    kind, text = type(error).__name__, error_text(error)
    first, newline, rest = text.partition("\n")
    file = step.function.__code__.co_filename
    line = _line_in(file, error)
    place = "" if line is None else f" ({shown_path(Path(file))}:{line})"
    if text:
        message = f"{kind}: {first}{place}{newline}{rest}"
    else:
        code = "" if line is None else linecache.getline(file, line).strip()
        message = f"{kind} without a message{f', at `{code}`' if code else ''}{place}"
    return in_lines("\n".join([message, *getattr(error, "__notes__", ()), *_members(error)]))


def _line_in(file: str, error: Exception) -> int | None:
    """The line of a file on which an exception was raised, or passed last."""
    line, frame = None, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == file:
            line = frame.tb_lineno
        frame = frame.tb_next
    return line


def _members(error: BaseException, indentation: str = "  ") -> Iterator[str]:
    """The exceptions in a group, each in a line."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield f"{indentation}{error_line(one)}"
            yield from _members(one, f"{indentation}  ")
