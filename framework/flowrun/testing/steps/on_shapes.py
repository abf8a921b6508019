"""The rule about checks: a step runs without data, and gives the same shapes as in a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flowrun.checking.check import check_plan
from flowrun.checking.checked import CheckedStep
from flowrun.checking.summaries import UNKNOWN
from flowrun.errors import CodeLine, Problem
from flowrun.testing.steps.examination import broken_rule
from flowrun.testing.steps.running import Outputs
from flowrun.testing.steps.trials import Trials

ABSENT = "cuda"  # a check simulates it if the machine has none
_COMPARED = ("shape", "dtype")  # of a tensor, equal in a check and in a run


def broken_in_check(
    trials: Trials, device: str, given: Outputs | None, unchecked: dict[str, str]
) -> Iterator[Problem]:
    """Yield the rules that a check for one device finds broken.

    given: the step's outputs on that device; None if it was not called there.
    Adds to `unchecked` the reason why a check cannot know the step's outputs.
    """
    checked = check_plan(trials.plan(device))
    step = checked.steps[-1]
    for error in checked.errors:
        if given is None and error.place is None:
            unchecked["devices"] = f"{device}, which the step refuses: {error.message}"
            return
        about = (
            f"a check for {device} refuses the step, which runs there"
            if given is not None
            else f"a check for {device} finds that the step would fail there"
        )
        fix = (
            f"give the step a function (`@{trials.step.name}.on_shapes`) that needs no data"
            if given is not None
            else "make what the step makes on the device of an input, or on ctx.device"
        )
        yield broken_rule(
            trials.step,
            "devices" if given is None else "shapes",
            about,
            found=error.message + _shown(error.operation, error.place),
            expected="no error",
            hint=error.hint or fix,
        )
    unknown = [finding for finding in checked.findings if finding.severity == "unknown"]
    if unknown:
        reason = unknown[0].message.rpartition("looks at its data: ")[2]
        unchecked["shapes"] = f"known only in a run: {reason}"
    elif step.state == "fits" and given is not None:
        yield from _differing(trials, device, step, given)


def _differing(trials: Trials, device: str, step: CheckedStep, given: Outputs) -> Iterator[Problem]:
    """Outputs whose shape or type in the check differs from that in the run."""
    for name, summary in step.outputs.items():
        found = trials.values.summary(given[name])
        difference = _difference(summary, found, name)
        if difference is not None:
            path, in_check, in_run = difference
            yield broken_rule(
                trials.step,
                "shapes",
                f"a check for {device} gives another `{path}` than the run",
                found=f"{in_check} in the check",
                expected=f"{in_run}, as in the run",
                hint="fix the step's `on_shapes` function"
                if trials.step.shape_function is not None
                else f"return its shapes from a function below `@{trials.step.name}.on_shapes`",
            )


def _difference(
    summary: Mapping[str, Any], found: Mapping[str, Any], path: str
) -> tuple[str, str, str] | None:
    """The first difference between two summaries: its path, in the check, in the run."""
    if summary["type"] == UNKNOWN:
        return None
    if summary["type"] != found["type"] and {summary["type"], found["type"]} != {"list", "tuple"}:
        return path, str(summary["type"]), str(found["type"])
    items, others = summary.get("items"), found.get("items")
    if items is not None and others is not None:
        if list(items) != list(others):
            return path, f"the keys {list(items)}", f"the keys {list(others)}"
        inner = (_difference(items[key], others[key], f"{path}.{key}") for key in items)
        return next((one for one in inner if one is not None), None)
    for field in _COMPARED:
        if field in summary and summary[field] != found.get(field):
            return path, f"{field} {summary[field]}", f"{field} {found.get(field)}"
    return None


def _shown(operation: str | None, place: CodeLine | None) -> str:
    lines = [] if operation is None else [f"called {operation}"]
    lines += [] if place is None else [f"in {place.text}  ({place})"]
    return "".join(f"\n{line}" for line in lines)
