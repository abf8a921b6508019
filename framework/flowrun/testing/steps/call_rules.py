"""The rules about calls of a step: devices, inputs, outputs, repeatability, caching."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from flowrun.errors import ExitError, FlowrunError, Problem, listed
from flowrun.store.structures import DamagedValueError, NotKeepableError
from flowrun.store.value_files import read_value, write_value
from flowrun.testing.steps.examination import Examination, broken_rule
from flowrun.testing.steps.running import Outputs
from flowrun.testing.steps.trials import Trial, Trials
from flowrun.values.differences import differences, path_text
from flowrun.values.digests import value_digest

_MOST_DIFFERENCES = 4  # shown of one call
_CODEC = (
    "give it a codec (flowrun_codecs), or give tensors, numbers, strings, lists and dicts instead"
)


def broken_by_calls(
    trials: Trials, devices: list[str], examined: Examination, given: dict[str, Outputs]
) -> Iterator[Problem]:
    """Yield the rules that calls of the step break.

    Adds to `examined` the rules that could not be tried, and to `given` the outputs by device.
    """
    for device in devices:
        trial = trials.call(device)
        examined.devices.append(device)
        if trial.changed or trial.culprit == "wrapper":
            yield _written_to(trials, trial, device)
        if trial.outputs is not None:
            given[device] = trial.outputs
            yield from _unrepeatable(trials, trial, device, examined)
        elif trial.culprit == "outputs":
            yield broken_rule(
                trials.step,
                "outputs",
                "its outputs are not those it declares",
                found=_message(trial),
                hint="make `outputs=` of @step and the `return` agree",
            )
        elif given and _is_on_purpose(trial):
            examined.unchecked["devices"] = f"{device}, which the step refuses: {_message(trial)}"
        elif trial.culprit == "function":
            yield broken_rule(
                trials.step,
                "devices",
                f"it fails on {device} with the inputs and options of the test",
                found=_message(trial),
                expected="outputs",
                hint="call it with run_step to see the line, or give it inputs that it supports",
            )
        if trial.outputs is not None and device == devices[0]:
            yield from _unseen(trials, trial)
            yield from _unstorable(trials, trial.outputs)


def _unseen(trials: Trials, trial: Trial) -> Iterator[Problem]:
    if trial.undeclared:
        yield broken_rule(
            trials.step,
            "reads",
            f"it {' and '.join(trial.undeclared)}: the files these read are not seen",
            expected="the files they read, declared with ctx.reads",
            hint="declare them, or mark the step with @step(..., effect=True) to run it each time",
        )


def _written_to(trials: Trials, trial: Trial, device: str) -> Problem:
    names = listed(f"`{name}`" for name in trial.changed)
    name = trial.changed[0] if trial.changed else "value"
    return broken_rule(
        trials.step,
        "inputs",
        f"it changes its inputs, on {device}",
        found=f"{names} changed during the call" if trial.changed else _message(trial),
        expected="unchanged inputs: other steps may use them as well",
        hint=f"work on a copy: `{name} = {name}.clone()`",
    )


def _unrepeatable(
    trials: Trials, first: Trial, device: str, examined: Examination
) -> Iterator[Problem]:
    """A problem if a second call gives other outputs, or an undeclared seed changes them."""
    step = trials.step
    if step.effect:
        why = "the step acts outside of the recipe, so each call may give other outputs"
        examined.unchecked["repeatable"] = why
        return
    assert first.outputs is not None
    unknown = [
        name for name, value in first.outputs.items() if value_digest(value, trials.values) is None
    ]
    if unknown:
        names = listed(f"`{name}`" for name in unknown)
        is_one = len(unknown) == 1
        rest = "has no digest, so it" if is_one else "have no digest, so they"
        examined.unchecked["repeatable"] = f"{names} {rest} cannot be compared"
    again = trials.call(device)
    shown = _differing(trials, first.outputs, again)
    if shown:
        yield broken_rule(
            trials.step,
            "repeatable",
            f"two calls with the same seed give different results, on {device}",
            found=shown,
            expected="the same bits",
            hint="draw from torch's or Python's own generator with random=True, or seed yours with "
            "ctx.seed; keep no state between calls; depend on no clock and no order of a set",
        )
    elif not step.random and not first.has_asked_seed:
        other = trials.call(device, seed=1)
        shown = _differing(trials, first.outputs, other)
        if shown:
            yield broken_rule(
                trials.step,
                "repeatable",
                f"its result depends on the seed, and it does not declare this, on {device}",
                found=shown,
                expected="random=True, which makes the seed a part of the step's key",
                hint="write @step(..., random=True); without it a run with another seed uses the "
                "old cached result",
            )


def _differing(trials: Trials, first: Outputs, again: Trial) -> str:
    """The outputs that differ from those of the first call, and by how much; empty if none."""
    if again.outputs is None:
        return f"the second call fails: {_message(again)}"
    lines: list[str] = []
    for name, value in first.items():
        other = again.outputs[name]
        if value_digest(value, trials.values) != value_digest(other, trials.values):
            apart = islice(differences(value, other, trials.values), _MOST_DIFFERENCES)
            lines += (path_text(name, one.path) + one.text for one in apart)
            if not lines:
                lines.append(f"{name}: the same numbers, stored in another way")
    return "\n".join(lines[:_MOST_DIFFERENCES])


def _unstorable(trials: Trials, outputs: Outputs) -> Iterator[Problem]:
    """Outputs that cannot be written, or differ when they are read back."""
    for name, value in outputs.items():
        found, hint = None, _CODEC
        digest = value_digest(value, trials.values)
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        with tempfile.TemporaryDirectory() as folder:
            try:
                write_value(Path(folder), "value", value, digest or "none", trials.values, None)
                if digest is None:
                    found = f"its content has no digest ({kind})"
                else:
                    read_value(Path(folder), "value", digest, trials.values, None)
            except NotKeepableError as error:
                found = str(error)
            except DamagedValueError as error:
                found, hint = f"it differs when it is read back: {error}", "fix its type's codec"
            except Exception as error:  # a codec may use any library
                found = f"{type(error).__name__}: {error}"
                hint = "give a tensor without its graph: `.detach()`" if "graph" in found else hint
        if found is not None:
            yield broken_rule(
                trials.step,
                "kept",
                f"the output `{name}` cannot be kept, so the steps that use it run each time",
                found=found,
                expected="a value that can be written and read back",
                hint=hint,
            )


def _is_on_purpose(trial: Trial) -> bool:
    """Whether the step itself refused, by raising an error of flowrun."""
    cause = None if trial.error is None else trial.error.__cause__
    return isinstance(cause, FlowrunError) and not isinstance(cause, ExitError)


def _message(trial: Trial) -> str:
    return "" if trial.error is None else trial.error.message
