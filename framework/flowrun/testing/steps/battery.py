"""`check_step`: checks a step against every rule, and reports all problems at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flowrun.errors import FlowrunError
from flowrun.plugins.steps import Step
from flowrun.recipes.devices import choose_device
from flowrun.testing.steps.call_rules import broken_by_calls
from flowrun.testing.steps.declaration_rules import (
    undeclared,
    undocumented,
    unenforced,
    unfit_options,
)
from flowrun.testing.steps.examination import BrokenRulesError, Examination
from flowrun.testing.steps.isolated import StepAlone
from flowrun.testing.steps.on_shapes import ABSENT, broken_in_check
from flowrun.testing.steps.running import Outputs
from flowrun.testing.steps.trials import Trials

_CALLED = ("devices", "inputs", "outputs", "repeatable", "kept", "shapes")


def check_step(
    step: Step[..., Any],
    inputs: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    devices: Sequence[str] | None = None,
    dtype: str = "float32",
    folder: str | Path = ".",
    plugins: tuple[str, ...] = (),
) -> Examination:
    """Check a step against the rules that recipes rely on; arguments are those of `run_step`.

    The step is called several times on copies of the inputs. devices: those to call it on; by
    default all devices of this machine, and a check for `cuda` even if there is none.

    Raises RecipeError and FlowrunError as `run_step` does, and BrokenRulesError, an AssertionError
    whose text lists all problems: the rule, the step's file and line, found, expected, and a fix.
    Returns the Examination, whose `unchecked` gives the rules that could not be tried, and why.
    """
    __tracebackhide__ = True  # so that pytest shows only the test and the problems
    try:
        examined = examine_step(
            step, inputs or {}, options, seed=seed, devices=devices, dtype=dtype, folder=folder,
            plugins=plugins,
        )  # fmt: skip
    except FlowrunError as error:
        raise error.with_traceback(None) from None
    if not examined.ok:
        raise BrokenRulesError(examined)
    return examined


def examine_step(
    step: Step[..., Any],
    inputs: Mapping[str, Any] | None,
    options: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    devices: Sequence[str] | None = None,
    dtype: str = "float32",
    folder: str | Path = ".",
    plugins: tuple[str, ...] = (),
    uncalled: str | None = None,
) -> Examination:
    """Check a step against the rules as `check_step` does, but raise no BrokenRulesError.

    uncalled: why the step must not be called; then only its declaration is checked.
    """
    alone = StepAlone(step, plugins=plugins, folder=Path(folder))
    examined = Examination(step.name, step.place)
    examined.findings += [*undocumented(step), *unfit_options(step), *undeclared(step)]
    if not any(finding.rule == "bounds" for finding in examined.findings):
        examined.findings += unenforced(alone, inputs or {}, options or {})
    if uncalled is not None:
        examined.unchecked = dict.fromkeys(_CALLED, uncalled)
        return examined
    chosen = list(alone.present) if devices is None else _chosen(devices, alone.present)
    trials = Trials(alone, inputs or {}, options or {}, seed=seed, dtype=dtype)
    given: dict[str, Outputs] = {}
    examined.findings += broken_by_calls(trials, chosen, examined, given)
    if not given:
        why = "the step gave no outputs to compare with"
        tried = {finding.rule for finding in examined.findings}
        for rule in ("inputs", "outputs", "repeatable", "kept", "shapes"):
            if rule not in tried:
                examined.unchecked[rule] = why
        return examined
    checked = list(given)
    if devices is None and not any(device.startswith(ABSENT) for device in given):
        checked.append(ABSENT)
    for device in checked:
        found = [*broken_in_check(trials, device, given.get(device), examined.unchecked)]
        examined.findings += found
        if found:
            break  # the next device would give the same problems
    return examined


def _chosen(devices: Sequence[str], present: Mapping[str, str]) -> list[str]:
    return [choose_device(device, present) for device in devices]
