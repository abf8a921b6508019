"""Calls each step of a plan on shapes, including those after a step that fails."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from flowrun.checking.attempts import Attempt, Failure, add_watched, common
from flowrun.checking.checked import CheckedStep, State
from flowrun.checking.keeping import unkept
from flowrun.checking.placing import own_traceback, place_at, place_of
from flowrun.checking.side_effects import no_side_effects
from flowrun.checking.summaries import UNKNOWN, holds_unknown, summary_on_shapes
from flowrun.errors import (
    CodeLine,
    DataError,
    FlowrunError,
    Lines,
    NeedsDataError,
    OutputsError,
    Problem,
    error_line,
    listed,
)
from flowrun.planning.plan import Plan, PlannedStep
from flowrun.plugins.assumed import WAYS, AssumedNumbers, Place, assuming
from flowrun.plugins.check_mode import CheckMode, Diagnosis, Unknown, Watched
from flowrun.running.calling import Call, call_in_backends, context_of, named_outputs
from flowrun.running.context import CheckContext
from flowrun.running.dataflow import own_containers
from flowrun.store.unseen_readers import HINT, undeclared_reads
from flowrun.values.codecs import Codecs

_MOST_SETTLED = 8  # decisions after which a step refuses its data


class _Blocked:
    """Stands for the value of a step that fails, or depends on one that fails."""


_BLOCKED = _Blocked()


class CheckWalk:
    """Calls the steps of one plan in a mode, and collects the problems.

    devices: the full name of each step's device. promised: values that steps will write, by path.
    """

    def __init__(
        self,
        plan: Plan,
        devices: list[str],
        mode: CheckMode,
        values: Codecs,
        *,
        present: Mapping[str, str],
        promised: dict[Path, dict[str, Any]],
        standin: bool,
    ) -> None:
        self.named: dict[str, Any] = {}
        self.steps: list[CheckedStep] = []
        self.findings: list[Problem] = []
        self._plan = plan
        self._devices = devices
        self._mode = mode
        self._values = values
        self._present = present
        self._promised = promised
        self._standin = standin
        self._givers: dict[str, str] = {}
        self._uncalled: list[str] = []  # steps with effects: they may write files that others read
        self._alive: list[Any] = []  # as in a run, outputs stay in memory until the end

    def run(self) -> None:
        """Call every step, in the plan's order, up to one that the recipe expects to fail."""
        for name, value in self._plan.given.items():
            self.named[name] = _on_shapes(value, self._mode)
            self._givers[name] = "given"
        expected = self._plan.expectations.error
        for index, planned in enumerate(self._plan.steps):
            is_last = expected is not None and planned.id == expected.step
            self._take(index, planned, self._devices[index], publish=not is_last)
            if is_last:
                return

    @property
    def known(self) -> dict[str, Any]:
        """The values of steps that fit, by the names of the recipe."""
        return {name: value for name, value in self.named.items() if value is not _BLOCKED}

    def _take(self, index: int, planned: PlannedStep, device: str, *, publish: bool) -> None:
        wires = planned.wires
        sources = [*wires.inputs.values(), *(wires.named or {}).values()]
        step = CheckedStep(
            planned.id,
            planned.step.name,
            str(planned.mark),
            device,
            inputs={name: self._summary(self.named[name]) for name in sources},
            givers={name: self._givers[name] for name in sources},
        )
        self.steps.append(step)
        watched = Watched()
        step.state, outputs = self._outcome(planned, device, watched)
        step.peak, step.operations = watched.peak, watched.operations
        for read in undeclared_reads(planned.step):
            place = (read.file, read.line)
            unseen = Diagnosis("warning", read.message, hint=HINT, place=place)
            self._report_warning(planned, unseen)
        if not publish:
            return
        published = {wires.outputs[name]: value for name, value in outputs.items()}
        step.outputs = {name: self._summary(value) for name, value in published.items()}
        self.named.update(published)
        self._givers.update(dict.fromkeys(published, planned.id))
        self._alive.append(published)
        known = {name: value for name, value in published.items() if value is not _BLOCKED}
        self.findings += unkept(self._plan, known, index, self._values)

    def _outcome(
        self, planned: PlannedStep, device: str, watched: Watched
    ) -> tuple[State, dict[str, Any]]:
        """The state of a step, and its outputs."""
        wires, step = planned.wires, planned.step
        inputs = {name: self.named[source] for name, source in wires.inputs.items()}
        named = {name: self.named[source] for name, source in (wires.named or {}).items()}
        taken = [*inputs.values(), *named.values()]
        if any(value is _BLOCKED for value in taken):
            return "blocked", dict.fromkeys(wires.outputs, _BLOCKED)
        unknown = dict.fromkeys(wires.outputs, Unknown(UNKNOWN))
        if step.shape_function is None and any(_is_unknown(value) for value in taken):
            return "unknown", unknown
        if step.effect and step.shape_function is None:
            self._uncalled.append(planned.id)
            if wires.outputs:
                self._report_unknown(
                    planned, unknown, "it acts outside of the recipe: a check does not call it"
                )
            return ("unknown" if wires.outputs else "fits"), unknown
        maker = partial(self._call, planned, device, inputs, named)
        attempt = self._attempt(maker(), watched, taken)
        needs_data = any(failure.diagnosis.kind == "data" for failure in attempt.failures)
        # A backend of others may have no way to assume data.
        may_assume = step.shape_function is None and hasattr(self._mode, "assuming")
        if needs_data and may_assume and not any(map(_is_iterator, taken)):
            attempt = self._resolved(attempt, maker, watched, taken)
        for warning in watched.warnings:
            self._report_warning(planned, warning)
        state: State = "fits"
        for failure in attempt.failures:
            state = self._report(maker(), failure, state)
        outputs = attempt.outputs
        if open_ended := {name: value for name, value in outputs.items() if _is_unknown(value)}:
            self._report_unknown(planned, open_ended, "how long it goes on depends on its data")
        missing = dict.fromkeys(wires.outputs, _BLOCKED) if state == "fails" else unknown
        return state, {name: outputs.get(name, missing[name]) for name in wires.outputs}

    def _call(
        self, planned: PlannedStep, device: str, inputs: dict[str, Any], named: dict[str, Any]
    ) -> Call:
        return Call(
            planned,
            self._context(planned, device),
            own_containers(inputs),
            None if planned.wires.named is None else own_containers(named),
            planned.keywords,
            on_shapes=True,
        )

    def _attempt(self, call: Call, watched: Watched, taken: list[Any]) -> Attempt:
        """Call a step once. taken: the values that it takes."""
        try:
            return Attempt(self._called(call, watched))
        except OutputsError as found:
            failures = [
                self._failure(call, error, taken, (name,), name)
                for name, error in found.errors.items()
            ]
            return Attempt(dict(found.outputs), failures)
        except Exception as error:
            return Attempt({}, [self._failure(call, error, taken, tuple(call.step.wires.outputs))])

    def _failure(
        self,
        call: Call,
        error: Exception,
        taken: list[Any],
        outputs: tuple[str, ...],
        option: str | None = None,
    ) -> Failure:
        own = own_traceback(error, call.step.step, self._mode)
        return Failure(
            error,
            self._diagnosis(error, taken),
            outputs,
            option,
            place_of(error, call.step.step, self._mode),
            own is not None and own.tb_next is None,
        )

    def _resolved(
        self, first: Attempt, maker: Callable[[], Call], watched: Watched, taken: list[Any]
    ) -> Attempt:
        """The attempt with each failure that needs data replaced by what all ways agree on."""
        seen = [Watched() for _ in range(WAYS)]
        tried = [self._in_way(way, maker, seen[way], taken) for way in range(WAYS)]
        add_watched(watched, seen)
        found = Attempt(dict(first.outputs))
        for failure in first.failures:
            agreed = None
            if failure.diagnosis.kind == "data":
                agreed = common(failure.outputs, tried, self._summary)
            if not isinstance(agreed, dict):
                found.failures.append(agreed or failure)
                continue
            open_ended = tuple(name for name, value in agreed.items() if _is_unknown(value))
            found.outputs.update({name: agreed[name] for name in agreed if name not in open_ended})
            if open_ended:
                found.failures.append(replace(failure, outputs=open_ended))
        return found

    def _in_way(
        self, way: int, maker: Callable[[], Call], watched: Watched, taken: list[Any]
    ) -> Attempt:
        """Call a step with the data of one way.

        A decision after which the step refuses its data is made otherwise, in a further call.
        """
        settled: dict[Place, bool] = {}
        while True:
            numbers = AssumedNumbers(way, settled)
            with assuming(numbers), self._mode.assuming(way):
                attempt = self._attempt(maker(), watched, taken)
            attempt.has_whole = numbers.has_whole
            refusals = [failure.refusal(numbers) for failure in attempt.failures]
            refusal = next((one for one in refusals if one is not None), None)
            if refusal is None or refusal[0] in settled or len(settled) == _MOST_SETTLED:
                return attempt
            settled[refusal[0]] = not refusal[1]

    def _report(self, call: Call, failure: Failure, state: State) -> State:
        """Report a failure of a step; return the step's state after it."""
        if failure.diagnosis.kind == "error":
            self._report_failed(call, failure)
            return "fails"
        self._report_unknown(call.step, failure.outputs, failure.diagnosis.message, failure.place)
        return "fails" if state == "fails" else "unknown"

    def _called(self, call: Call, watched: Watched) -> dict[str, Any]:
        noted = Watched()
        try:
            with (
                redirect_stdout(io.StringIO()),
                warnings.catch_warnings(),
                self._mode.watching() as noted,
                no_side_effects(call.step.folder),
            ):
                warnings.simplefilter("ignore")
                returned = call_in_backends(call, self._plan.registry)
                outputs = named_outputs(call, returned)
        finally:  # the mode fills `noted` in when it is left, even if the step fails
            watched.warnings = noted.warnings
        for field in msgspec.structs.fields(Watched):
            setattr(watched, field.name, getattr(noted, field.name))
        return outputs

    def _context(self, planned: PlannedStep, device: str) -> CheckContext:
        state = context_of(
            planned, self._plan, device, present=self._present, standin=self._standin
        )
        return CheckContext(state, self._mode, self._promised)

    def _diagnosis(self, error: Exception, taken: list[Any]) -> Diagnosis:
        """What an exception of a step means. taken: the values that the step takes."""
        if isinstance(error, NeedsDataError):
            return Diagnosis("data", str(error))
        if isinstance(error, DataError) and self._uncalled:
            writers = listed(f"`{name}`" for name in self._uncalled)
            return Diagnosis("data", f"its data is not there, and may be written by {writers}")
        if isinstance(error, FlowrunError):
            found = Diagnosis("error", str(error))
        else:
            found = self._mode.diagnose(error) or Diagnosis("error", error_line(error))
        if found.kind == "error" and any(holds_unknown(value) for value in taken):
            return Diagnosis("data", f"it takes a value that is known only in a run ({error})")
        return found

    def _summary(self, value: object) -> dict[str, Any]:
        if value is _BLOCKED:
            return {"type": UNKNOWN}
        return summary_on_shapes(value, self._values)

    def _report_failed(self, call: Call, failure: Failure) -> None:
        planned, diagnosis, option = call.step, failure.diagnosis, failure.option
        message, _, more = diagnosis.message.partition("\n")
        if option is not None and not message.startswith(f"`{option}`"):
            message = f"`{option}`: {message}"
        on_purpose = isinstance(failure.error, FlowrunError)
        inputs = {**call.inputs, **(call.named or {})}
        sources = {**planned.wires.inputs, **(planned.wires.named or {})}
        self.findings.append(
            Problem(
                f"the step `{planned.id}` fails: {message}",
                planned.mark,
                step=planned.id,
                hint=diagnosis.hint or Lines(more.strip()) or None,
                place=None if on_purpose or option is not None else failure.place,
                operation=None if on_purpose else diagnosis.operation,
                inputs={
                    name: f"{self._in_words(value)}, from {self._givers[sources[name]]}"
                    for name, value in inputs.items()
                },
            )
        )

    def _report_unknown(
        self,
        planned: PlannedStep,
        outputs: Iterable[str],
        reason: str,
        place: CodeLine | None = None,
    ) -> None:
        names = listed(f"`{planned.wires.outputs.get(name, name)}`" for name in outputs)
        message, _, more = reason.partition("\n")
        self.findings.append(
            Problem(
                f"unknown from here: the step `{planned.id}` looks at its data: {message}",
                planned.mark,
                step=planned.id,
                found=f"not known before a run: {names}",
                hint=Lines(more.strip())
                or f"a function below `@{planned.step.name}.on_shapes` can give their shapes",
                severity="unknown",
                place=place,
            )
        )

    def _report_warning(self, planned: PlannedStep, warning: Diagnosis) -> None:
        self.findings.append(
            Problem(
                f"the step `{planned.id}`: {warning.message}",
                planned.mark,
                step=planned.id,
                hint=warning.hint,
                severity="warning",
                place=None if warning.place is None else place_at(*warning.place),
                operation=warning.operation,
            )
        )

    def _in_words(self, value: object) -> str:
        return self._values.text(self._summary(value))


def _on_shapes(value: Any, mode: CheckMode) -> Any:
    """A value from outside without its data, also in lists and dicts."""
    kind = type(value)
    if kind is dict:
        return {key: _on_shapes(item, mode) for key, item in value.items()}
    if kind is list or kind is tuple:
        return kind(_on_shapes(item, mode) for item in value)
    return mode.on_shapes(value)


def _is_iterator(value: object) -> bool:
    """Whether a value can be taken by one call alone."""
    return hasattr(type(value), "__next__")


def _is_unknown(value: object) -> bool:
    """Whether not even the shape of a value is known."""
    return isinstance(value, Unknown) and value.kind in (UNKNOWN, "tensor")
