"""Calls each step of a plan on shapes, including those after a step that fails."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Literal

import msgspec

from flowrun.checking.checked import CheckedStep, State
from flowrun.checking.keeping import unkept
from flowrun.checking.placing import place_at, place_of
from flowrun.checking.side_effects import no_side_effects
from flowrun.checking.summaries import UNKNOWN, holds_unknown, summary_on_shapes
from flowrun.errors import (
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
from flowrun.plugins.check_mode import CheckMode, Diagnosis, Unknown, Watched
from flowrun.running.calling import Call, call_in_backends, context_of, named_outputs
from flowrun.running.context import CheckContext
from flowrun.running.dataflow import own_containers
from flowrun.store.unseen_readers import HINT, undeclared_reads
from flowrun.values.codecs import Codecs


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
        call = Call(
            planned,
            self._context(planned, device),
            own_containers(inputs),
            None if wires.named is None else own_containers(named),
            planned.keywords,
            on_shapes=True,
        )
        try:
            outputs = self._called(call, watched)
        except OutputsError as found:
            states = [
                self._report(call, error, taken, [name], name)
                for name, error in found.errors.items()
            ]
            blocked = dict.fromkeys(wires.outputs, _BLOCKED)
            if "fails" in states:
                return "fails", {**blocked, **found.outputs}
            return "unknown", {**unknown, **found.outputs}
        except Exception as error:
            state = self._report(call, error, taken, wires.outputs)
            return state, dict.fromkeys(wires.outputs, _BLOCKED) if state == "fails" else unknown
        finally:
            for warning in watched.warnings:
                self._report_warning(planned, warning)
        if open_ended := {name: value for name, value in outputs.items() if _is_unknown(value)}:
            self._report_unknown(planned, open_ended, "how long it goes on depends on its data")
        return "fits", outputs

    def _report(
        self,
        call: Call,
        error: Exception,
        taken: list[Any],
        outputs: Iterable[str],
        option: str | None = None,
    ) -> Literal["fails", "unknown"]:
        """Report an error of a step, and whether a run would fail the same way.

        outputs: those that it does not give. option: the option that describes them, if only one.
        """
        diagnosis = self._diagnosis(error, taken)
        if diagnosis.kind == "error":
            self._report_failed(call, error, diagnosis, option)
            return "fails"
        self._report_unknown(call.step, outputs, diagnosis.message, error)
        return "unknown"

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

    def _report_failed(
        self, call: Call, error: Exception, diagnosis: Diagnosis, option: str | None
    ) -> None:
        planned = call.step
        message, _, more = diagnosis.message.partition("\n")
        if option is not None and not message.startswith(f"`{option}`"):
            message = f"`{option}`: {message}"
        on_purpose = isinstance(error, FlowrunError)
        inputs = {**call.inputs, **(call.named or {})}
        sources = {**planned.wires.inputs, **(planned.wires.named or {})}
        self.findings.append(
            Problem(
                f"the step `{planned.id}` fails: {message}",
                planned.mark,
                step=planned.id,
                hint=diagnosis.hint or Lines(more.strip()) or None,
                place=None
                if on_purpose or option is not None
                else place_of(error, planned.step, self._mode),
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
        error: Exception | None = None,
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
                place=None if error is None else place_of(error, planned.step, self._mode),
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


def _is_unknown(value: object) -> bool:
    """Whether not even the shape of a value is known."""
    return isinstance(value, Unknown) and value.kind in (UNKNOWN, "tensor")
