"""`flowrun.check`: every step of a recipe run on shapes alone, before the recipe runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from flowrun.checking.checked import Checked, CheckedStep, Forecast
from flowrun.checking.expecting import unmet
from flowrun.checking.walk import CheckWalk
from flowrun.errors import PluginError, Problem, suggestions_bounded
from flowrun.expectations.patterns import is_found
from flowrun.planning.plan import Plan
from flowrun.plugins.check_mode import CheckMode
from flowrun.recipes.devices import device_problem, meant_device
from flowrun.store.plan_classes import PlanClasses
from flowrun.values.codecs import Codecs
from flowrun.values.sizes import size_text


@suggestions_bounded()
def check_plan(
    planned: Plan,
    *,
    standin: bool = True,
    memory: int | None = None,
    promised: dict[Path, dict[str, Any]] | None = None,
) -> Checked:
    """Check a plan. promised: values that recipes checked before will write; adds this recipe's."""
    present = planned.registry.devices
    device = meant_device(planned.recipe.device, present)
    devices = [meant_device(step.device or device, present) for step in planned.steps]
    named = tuple(dict.fromkeys([device, *devices, *_named_in_options(planned, present), "cpu"]))
    mode = _mode(planned, named, present)
    classes = PlanClasses(planned.registry, None)
    values = Codecs(planned.registry.codecs, planned.recipe.dtype, classes)
    walk = CheckWalk(
        planned, devices, mode, values, standin=standin, present=present,
        promised={} if promised is None else promised,
    )  # fmt: skip
    checked = Checked(planned, device, absent=[name for name in named if name not in present])
    with ExitStack() as stack:
        stack.enter_context(mode)
        walk.run()
        checked.steps = walk.steps
        checked.findings = _without_expected(walk.findings, planned)
        checked.findings += unmet(planned, walk.known, values, mode)
    available = {name: mode.memory(name) for name in named}
    if memory is not None:
        available[device] = memory
    checked.forecasts = list(_forecasts(walk.steps, available))
    checked.findings += _too_large(checked.forecasts, planned)
    counts = [step.operations for step in walk.steps if step.operations is not None]
    checked.operations = sum(counts) if counts else None
    return checked


def _mode(planned: Plan, devices: tuple[str, ...], present: Mapping[str, str]) -> CheckMode:
    """The mode of the first backend that has one; raises PluginError if none has."""
    modes = (one.backend.check_mode(devices, present) for one in planned.registry.backends)
    found: CheckMode | None = next((mode for mode in modes if mode is not None), None)
    if found is None:
        raise PluginError(
            "no plugin gives a mode in which steps run on shapes alone (Backend.check_mode)"
        )
    return found


def _named_in_options(planned: Plan, present: Mapping[str, str]) -> list[str]:
    """The devices that the steps' options name."""
    texts = [value for step in planned.steps for value in step.keywords.values()]
    return [
        meant_device(text, present)
        for text in texts
        if isinstance(text, str) and device_problem(text) is None
    ]


def _without_expected(findings: list[Problem], planned: Plan) -> list[Problem]:
    """The problems without the error that the recipe expects."""
    expected = planned.expectations.error
    if expected is None:
        return findings
    return [
        finding
        for finding in findings
        if finding.step != expected.step
        or finding.severity == "warning"
        or (_is_on_purpose(finding) and not _matches(expected.matches, finding))
    ]


def _is_on_purpose(finding: Problem) -> bool:
    """Whether the step itself raised the error: torch's messages differ on shapes and on data."""
    return finding.severity == "error" and finding.place is None and finding.operation is None


def _matches(pattern: str, finding: Problem) -> bool:
    text = "\n".join([finding.message, finding.hint or "", finding.operation or ""])
    return is_found(pattern, text)


def _forecasts(steps: list[CheckedStep], available: Mapping[str, int | None]) -> list[Forecast]:
    """The most memory on each device, and the step that takes it."""
    found = []
    for device in dict.fromkeys(name for step in steps for name in step.peak):
        step = max(steps, key=lambda one: one.peak.get(device, 0))
        if step.peak[device]:
            found.append(Forecast(device, step.peak[device], step.id, available.get(device)))
    return found


def _too_large(forecasts: list[Forecast], planned: Plan) -> list[Problem]:
    marks = {step.id: step.mark for step in planned.steps}
    return [
        Problem(
            f"the step `{forecast.step}` needs more memory than there is on {forecast.device}",
            marks[forecast.step],
            f"{size_text(forecast.bytes)} of tensors at the step's peak",
            f"at most {size_text(forecast.available)}",
            "take smaller batches or fewer rows, or a smaller dtype",
            step=forecast.step,
        )
        for forecast in forecasts
        if forecast.available is not None and forecast.bytes > forecast.available
    ]
