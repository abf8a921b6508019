"""The rule about checks: a step runs without data, and a check tells of it what a run gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flowrun.checking.check import check_plan
from flowrun.checking.checked import CheckedStep
from flowrun.checking.summaries import UNKNOWN
from flowrun.testing.steps.findings import RuleFinding, finding_of
from flowrun.testing.steps.running import Outputs
from flowrun.testing.steps.trials import Trials

ABSENT = "cuda"  # stood for in a check where the machine has none
_TOLD = ("shape", "dtype")  # of a tensor, what a check and a run must agree on


def broken_in_check(
    trials: Trials, device: str, given: Outputs | None, unchecked: dict[str, str]
) -> Iterator[RuleFinding]:
    """What a check on one device says against a step that runs.

    given: what the step gave on that device; None where it was not called there.
    unchecked: is told why a check cannot know what the step gives.
    """
    checked = check_plan(trials.plan(device))
    step = checked.steps[-1]
    for finding in checked.errors:
        problem = finding.problem
        if given is None and finding.place is None:
            unchecked["devices"] = f"{device}, which the step refuses: {problem.message}"
            return
        about = (
            f"a check for {device} refuses the step, which runs there"
            if given is not None
            else f"a check for {device} finds that the step would fail there"
        )
        cure = (
            f"give the step a function (`@{trials.step.name}.on_shapes`) that needs no data"
            if given is not None
            else "make what the step makes on the device of an input, or on ctx.device"
        )
        yield finding_of(
            trials.step,
            "devices" if given is None else "shapes",
            about,
            found=problem.message + _shown(finding.operation, finding.place),
            expected="that it fits",
            hint=problem.hint or cure,
        )
    unknown = [finding for finding in checked.findings if finding.kind == "unknown"]
    if unknown:
        reason = unknown[0].problem.message.rpartition("looks at its data: ")[2]
        unchecked["shapes"] = f"known only in a run: {reason}"
    elif step.state == "fits" and given is not None:
        yield from _told_otherwise(trials, device, step, given)


def _told_otherwise(
    trials: Trials, device: str, step: CheckedStep, given: Outputs
) -> Iterator[RuleFinding]:
    """Outputs of which a check tells something else than the run gave."""
    for name, told in step.outputs.items():
        found = trials.values.summary(given[name])
        apart = _apart(told, found, name)
        if apart is not None:
            path, in_check, in_run = apart
            yield finding_of(
                trials.step,
                "shapes",
                f"a check for {device} tells another `{path}` than the run gives",
                found=f"{in_check} in the check",
                expected=f"{in_run}, as in the run",
                hint="mend the step's `on_shapes` function"
                if trials.step.shape_function is not None
                else f"return its shapes from a function below `@{trials.step.name}.on_shapes`",
            )


def _apart(
    told: Mapping[str, Any], found: Mapping[str, Any], path: str
) -> tuple[str, str, str] | None:
    """Where a value's summary in a check departs from that in a run: path, there and here."""
    if told["type"] == UNKNOWN:
        return None
    if told["type"] != found["type"] and {told["type"], found["type"]} != {"list", "tuple"}:
        return path, str(told["type"]), str(found["type"])
    items, others = told.get("items"), found.get("items")
    if items is not None and others is not None:
        if list(items) != list(others):
            return path, f"the keys {list(items)}", f"the keys {list(others)}"
        inner = (_apart(items[key], others[key], f"{path}.{key}") for key in items)
        return next((one for one in inner if one is not None), None)
    for field in _TOLD:
        if field in told and told[field] != found.get(field):
            return path, f"{field} {told[field]}", f"{field} {found.get(field)}"
    return None


def _shown(operation: str | None, place: tuple[str, int, str] | None) -> str:
    lines = [] if operation is None else [f"called {operation}"]
    lines += [] if place is None else [f"in {place[2]}  ({place[0]}:{place[1]})"]
    return "".join(f"\n{line}" for line in lines)
