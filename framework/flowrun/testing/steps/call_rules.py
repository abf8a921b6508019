"""The rules about calls of a step: devices, inputs, outputs, repeatability, caching."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from flowrun.errors import ExitError, FlowrunError, Problem, listed
from flowrun.store.value_files import DamagedValueError, NotKeepableError, read_value, write_value
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
    """The rules that calls of the step break.

    examined: gets the rules that could not be tried. given: gets the outputs by device.
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
                "what it returns is not what it declares",
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
                hint="call it by run_step to see where, or give the inputs that it is made for",
            )
        if trial.outputs is not None and device == devices[0]:
            yield from _unseen(trials, trial)
            yield from _unstorable(trials, trial.outputs)


def _unseen(trials: Trials, trial: Trial) -> Iterator[Problem]:
    if trial.undeclared:
        yield broken_rule(
            trials.step,
            "reads",
            f"it {' and '.join(trial.undeclared)}: what these read is not seen",
            expected="the files they read, declared by ctx.reads",
            hint="declare them, or mark the step by @step(..., effect=True) if it is to run anew",
        )


def _written_to(trials: Trials, trial: Trial, device: str) -> Problem:
    names = listed(f"`{name}`" for name in trial.changed)
    name = trial.changed[0] if trial.changed else "value"
    return broken_rule(
        trials.step,
        "inputs",
        f"it writes to what it was given, on {device}",
        found=f"{names} changed during the call" if trial.changed else _message(trial),
        expected="inputs as they were: other steps may take them as well",
        hint=f"work on a copy: `{name} = {name}.clone()`",
    )


def _unrepeatable(
    trials: Trials, first: Trial, device: str, examined: Examination
) -> Iterator[Problem]:
    """A second call with other outputs, or outputs that depend on an undeclared seed."""
    step = trials.step
    if step.effect:
        why = "the step acts outside (effect=True), so each call may give something else"
        examined.unchecked["repeatable"] = why
        return
    assert first.outputs is not None
    unknown = [
        name for name, value in first.outputs.items() if value_digest(value, trials.values) is None
    ]
    if unknown:
        names = listed(f"`{name}`" for name in unknown)
        examined.unchecked["repeatable"] = f"no digest tells the content of {names}"
    again = trials.call(device)
    shown = _differing(trials, first.outputs, again)
    if shown:
        yield broken_rule(
            trials.step,
            "repeatable",
            f"called twice with one seed, it gives two results, on {device}",
            found=shown,
            expected="the same bits",
            hint="draw from torch's or Python's own generator with random=True, or seed yours with "
            "ctx.seed; keep nothing between calls; take no clock, no order of a set",
        )
    elif not step.random and not first.has_asked_seed:
        other = trials.call(device, seed=1)
        shown = _differing(trials, first.outputs, other)
        if shown:
            yield broken_rule(
                trials.step,
                "repeatable",
                f"its result follows the seed, and it does not say so, on {device}",
                found=shown,
                expected="random=True, by which the seed belongs to the step's key",
                hint="write @step(..., random=True); otherwise a run with another seed finds the "
                "old result kept",
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
                lines.append(f"{name}: the same numbers, held in another way")
    return "\n".join(lines[:_MOST_DIFFERENCES])


def _unstorable(trials: Trials, outputs: Outputs) -> Iterator[Problem]:
    """Outputs that cannot be written, or differ when they are read back."""
    for name, value in outputs.items():
        found, hint = None, _CODEC
        digest = value_digest(value, trials.values)
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        with tempfile.TemporaryDirectory() as folder:
            try:
                write_value(Path(folder), "value", value, digest or "none", trials.values)
                if digest is None:
                    found = f"its content has no digest ({kind})"
                else:
                    read_value(Path(folder), "value", digest, trials.values)
            except NotKeepableError as error:
                found = str(error)
            except DamagedValueError as error:
                found, hint = f"read back it is another: {error}", "mend the codec of its type"
            except Exception as error:  # a codec may use any library
                found = f"{type(error).__name__}: {error}"
                hint = "give a tensor without its graph: `.detach()`" if "graph" in found else hint
        if found is not None:
            yield broken_rule(
                trials.step,
                "kept",
                f"the output `{name}` cannot be kept, so the steps that take it run each time",
                found=found,
                expected="a value that can be written and read back",
                hint=hint,
            )


def _is_on_purpose(trial: Trial) -> bool:
    """Whether the step itself refused, by an error of flowrun's."""
    cause = None if trial.error is None else trial.error.__cause__
    return isinstance(cause, FlowrunError) and not isinstance(cause, ExitError)


def _message(trial: Trial) -> str:
    return "" if trial.error is None else trial.error.message
