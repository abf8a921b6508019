"""The walk of a check: each step called on shapes, whatever became of the steps above it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import msgspec

from flowrun.checking.checked import CheckedStep, Finding, State
from flowrun.checking.guarding import nothing_outside
from flowrun.checking.placing import place_at, place_of
from flowrun.checking.summaries import UNKNOWN, holds_unknown, summary_on_shapes
from flowrun.errors import DataError, FlowrunError, NeedsDataError, Problem, error_line, listed
from flowrun.planning.plan import Plan, PlannedStep
from flowrun.plugins.check_mode import CheckMode, Explained, Suspicion, Unknown, Watched
from flowrun.running.calling import Call, call_in_backends, context_of, named_outputs
from flowrun.running.context import CheckContext
from flowrun.running.dataflow import own_containers
from flowrun.values.codecs import Codecs


class _Blocked:
    """Stands for the value of a step that fails, or depends on one that does."""


_BLOCKED = _Blocked()


class CheckWalk:
    """Takes the steps of one plan through a mode, and notes what is to be said of them.

    devices: the full name of each step's device. promised: what steps will have written, by path.
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
        self.watched: list[Watched] = []
        self.findings: list[Finding] = []
        self._plan = plan
        self._devices = devices
        self._mode = mode
        self._values = values
        self._present = present
        self._promised = promised
        self._standin = standin
        self._givers: dict[str, str] = {}
        self._uncalled: list[str] = []  # steps that act outside, and may write what others read
        self._kept: list[Any] = []  # as in a run, what a step gave stays until the end

    def go(self) -> None:
        """Take every step, in the plan's order, up to one that the recipe expects to fail."""
        for name, value in self._plan.given.items():
            self.named[name] = _on_shapes(value, self._mode)
            self._givers[name] = "given"
        expected = self._plan.expectations.error
        for index, planned in enumerate(self._plan.steps):
            is_last = expected is not None and planned.id == expected.step
            self._take(planned, self._devices[index], publish=not is_last)
            if is_last:
                return

    @property
    def known(self) -> dict[str, Any]:
        """The values of steps that fit, by the names of the recipe."""
        return {name: value for name, value in self.named.items() if value is not _BLOCKED}

    def _take(self, planned: PlannedStep, device: str, *, publish: bool) -> None:
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
        self.watched.append(watched)
        step.peak, step.operations = watched.peak, watched.operations
        if not publish:
            return
        published = {wires.outputs[name]: value for name, value in outputs.items()}
        step.outputs = {name: self._summary(value) for name, value in published.items()}
        self.named.update(published)
        self._givers.update(dict.fromkeys(published, planned.id))
        self._kept.append(published)

    def _outcome(
        self, planned: PlannedStep, device: str, watched: Watched
    ) -> tuple[State, dict[str, Any]]:
        """What becomes of a step, and what it gives."""
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
                self._say_unknown(planned, unknown, "it acts outside, and is not called in a check")
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
        except Exception as error:
            explained = self._explained(error)
            if self._uncalled and isinstance(error, DataError):
                writers = listed(f"`{name}`" for name in self._uncalled)
                reason = f"its data is not there, and may be written by {writers}"
                explained = Explained("data", reason)
            if explained.kind == "error" and any(holds_unknown(value) for value in taken):
                explained = Explained("data", f"it takes what is known only in a run ({error})")
            if explained.kind == "error":
                self._say_failed(call, error, explained)
                return "fails", dict.fromkeys(wires.outputs, _BLOCKED)
            self._say_unknown(planned, unknown, explained.message, error)
            return "unknown", unknown
        finally:
            for suspicion in watched.suspicions:
                self._say_suspicion(planned, suspicion)
        if open_ended := {name: value for name, value in outputs.items() if _is_unknown(value)}:
            self._say_unknown(planned, open_ended, "how long it goes on depends on its data")
        return "fits", outputs

    def _called(self, call: Call, watched: Watched) -> dict[str, Any]:
        noted = Watched()
        try:
            with (
                redirect_stdout(io.StringIO()),
                warnings.catch_warnings(),
                self._mode.watching() as noted,
                nothing_outside(call.step.folder),
            ):
                warnings.simplefilter("ignore")
                returned = call_in_backends(call, self._plan.registry)
                outputs = named_outputs(call, returned)
        finally:  # the mode fills `noted` in when it is left, also where the step fails
            watched.suspicions = noted.suspicions
        for field in msgspec.structs.fields(Watched):
            setattr(watched, field.name, getattr(noted, field.name))
        return outputs

    def _context(self, planned: PlannedStep, device: str) -> CheckContext:
        state = context_of(
            planned, self._plan, device, present=self._present, standin=self._standin
        )
        return CheckContext(state, self._mode, self._promised)

    def _explained(self, error: Exception) -> Explained:
        if isinstance(error, NeedsDataError):
            return Explained("data", str(error))
        if isinstance(error, FlowrunError):
            return Explained("error", str(error))
        found = self._mode.explained(error)
        return found or Explained("error", error_line(error))

    def _summary(self, value: object) -> dict[str, Any]:
        if value is _BLOCKED:
            return {"type": UNKNOWN}
        return summary_on_shapes(value, self._values)

    def _say_failed(self, call: Call, error: Exception, explained: Explained) -> None:
        planned = call.step
        message, _, more = explained.message.partition("\n")
        hint = explained.hint or more.strip() or None
        on_purpose = isinstance(error, FlowrunError)
        inputs = {**call.inputs, **(call.named or {})}
        sources = {**planned.wires.inputs, **(planned.wires.named or {})}
        self.findings.append(
            Finding(
                "error",
                Problem(f"the step `{planned.id}` fails: {message}", planned.mark, hint=hint),
                planned.id,
                None if on_purpose else place_of(error, planned.step, self._mode),
                None if on_purpose else explained.operation,
                {
                    name: f"{self._in_words(value)}, from {self._givers[sources[name]]}"
                    for name, value in inputs.items()
                },
            )
        )

    def _say_unknown(
        self,
        planned: PlannedStep,
        outputs: Mapping[str, Any],
        reason: str,
        error: Exception | None = None,
    ) -> None:
        names = listed(f"`{planned.wires.outputs[name]}`" for name in outputs)
        message, _, more = reason.partition("\n")
        self.findings.append(
            Finding(
                "unknown",
                Problem(
                    f"unknown from here: the step `{planned.id}` looks at its data: {message}",
                    planned.mark,
                    found=f"not known before a run: {names}",
                    hint=more.strip()
                    or f"a function below `@{planned.step.name}.on_shapes` can give their shapes",
                ),
                planned.id,
                None if error is None else place_of(error, planned.step, self._mode),
            )
        )

    def _say_suspicion(self, planned: PlannedStep, suspicion: Suspicion) -> None:
        self.findings.append(
            Finding(
                "warning",
                Problem(
                    f"the step `{planned.id}`: {suspicion.message}",
                    planned.mark,
                    hint=suspicion.hint,
                ),
                planned.id,
                None if suspicion.place is None else place_at(*suspicion.place),
                suspicion.operation,
            )
        )

    def _in_words(self, value: object) -> str:
        return self._values.text(self._summary(value))


def _on_shapes(value: Any, mode: CheckMode) -> Any:
    """A value from outside as a check has it, in lists and dicts as well."""
    kind = type(value)
    if kind is dict:
        return {key: _on_shapes(item, mode) for key, item in value.items()}
    if kind is list or kind is tuple:
        return kind(_on_shapes(item, mode) for item in value)
    return mode.on_shapes(value)


def _is_unknown(value: object) -> bool:
    """Whether of a value not even the shape is known."""
    return isinstance(value, Unknown) and value.kind in (UNKNOWN, "tensor")
