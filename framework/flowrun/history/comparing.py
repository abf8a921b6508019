"""Compares two runs, from the recipe down to the first output that differs."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from flowrun.errors import listed, shown_path
from flowrun.expectations.check import CheckResult
from flowrun.history.changes import Change, changed_fields, changed_metrics, changed_values
from flowrun.history.outputs import OutputDetails, Pairs, content, step_pairs
from flowrun.plugins.registry import Registry
from flowrun.running.dataflow import NAMED
from flowrun.running.dependencies import in_words
from flowrun.running.record import RunRecord, StepRun
from flowrun.store.changes import CodeChange, code_changes, input_changes
from flowrun.store.step_records import StepRecord
from flowrun.store.store import Store
from flowrun.values.differences import differing

_BY_OPTIONS = ("path", "format")  # kinds of things that a step looks up by a name it is given
_OF_PATHS = ("stat", "mode", "link", "list", "sizes", "times", "tree")
_MOST_STEPS = 4  # listed by name if one cause makes all of them differ


class Comparison(msgspec.Struct, frozen=True):
    """The differences between two runs, by section.

    is_same: whether the results are the same: status, metrics, expectations, and every output.
    """

    sections: dict[str, list[Change]]
    is_same: bool


def compare(
    old: RunRecord, new: RunRecord, store: Store, registry: Callable[[], Registry]
) -> Comparison:
    """Compare two runs.

    registry: a function that returns the plugins whose codecs read kept values; called only if
    bytes are compared.
    """

    def record(step: StepRun) -> StepRecord | None:
        return None if step.key is None else store.records.of_key(step.key)

    both = [(one, other) for one, other in step_pairs(old, new) if other is not None]
    pairs = {one.id: (record(one), record(other)) for one, other in both}
    details = OutputDetails(old, new, pairs, store, registry)
    result = [*_result(old, new), *_outputs(both, details)]
    sections = {
        "recipe": list(_recipe(old, new)),
        "options": list(_options(old, new)),
        "code": list(_code(old, new, pairs, store)),
        "data": list(_data(old, new, pairs)),
        "environment": list(_environment(old, new)),
        "result": result,
    }
    return Comparison(sections, is_same=all(change.is_unknown for change in result))


def _recipe(old: RunRecord, new: RunRecord) -> Iterator[Change]:
    if old.recipe != new.recipe:
        yield Change("name", old.recipe, new.recipe)
    yield from changed_fields(old, new, ("file",))
    if _part(old) == _part(new):
        yield from _order([step.id for step in old.plan], [step.id for step in new.plan])
        yield from changed_values(old.expect, new.expect, "expect")
    else:
        yield Change("part", _part(old), _part(new))
        both = old.expect.keys() & new.expect.keys()
        before, after = ({path: run.expect[path] for path in both} for run in (old, new))
        yield from changed_values(before, after, "expect")
    steps = {step.id: step for step in old.plan}
    for step in new.plan:
        earlier = steps.get(step.id)
        if earlier is None:
            continue
        if earlier.step != step.step:
            yield Change(f"step of `{step.id}`", earlier.step, step.step)
        yield from changed_values(earlier.inputs, step.inputs, f"{step.id}.in")
        yield from changed_values(earlier.outputs, step.outputs, f"{step.id}.out")


def _part(run: RunRecord) -> str:
    """The part of the recipe that ran, in words."""
    return "the whole recipe" if run.part is None else run.part.text


def _order(before: list[str], after: list[str]) -> Iterator[Change]:
    """Steps that were removed, added, or moved."""
    for what, ids, others in (("removed", before, after), ("added", after, before)):
        for number, step in enumerate(ids):
            if step not in others:
                place = f"after `{ids[number - 1]}`" if number else "at the beginning"
                yield Change(f"step `{step}` {what}, {place}")
    kept = [step for step in before if step in after]
    now = [step for step in after if step in before]
    if kept != now:
        yield Change("order of steps", ", ".join(kept), ", ".join(now))


def _options(old: RunRecord, new: RunRecord) -> Iterator[Change]:
    yield from changed_fields(old, new, ("seed", "device", "dtype"))
    yield from changed_values(old.vars, new.vars, "vars")
    before = {step.id: step for step in old.plan}
    for step in new.plan:
        if step.id in before:
            earlier = before[step.id]
            yield from changed_values(earlier.options, step.options, step.id)
            yield from changed_fields(earlier, step, ("device", "dtype"), f"{step.id}.")


def _code(old: RunRecord, new: RunRecord, pairs: Pairs, store: Store) -> Iterator[Change]:
    """Changes of the code that the steps ran: each change once, with the steps it concerns."""
    concerned: dict[CodeChange, list[str]] = {}
    for step, (one, other) in pairs.items():
        if one is not None and other is not None and one.key != other.key:
            for change in code_changes(one.parts, other.parts):
                concerned.setdefault(change, []).append(f"`{step}`")
    for change, steps in concerned.items():
        place = _file_of(change.name, new) if change.kind == "code" else ""
        yield Change(f"{change.text(store.source, place)} (in {', '.join(steps)})")
    keys = [{step.id: step.key for step in run.steps} for run in (old, new)]
    unknown = [
        f"`{step}`"
        for step, records in pairs.items()
        if None in records and (keys[0][step] is None or keys[0][step] != keys[1][step])
    ]
    if unknown:
        message = f"unknown for {', '.join(unknown)}: the store has no record of it for both runs"
        yield Change(message, is_unknown=True)


def _file_of(module: str, run: RunRecord) -> str:
    """The file of a module as found now; the module's name if there is none. Imports nothing."""
    for place in run.plugins:
        if Path(place.name).name == module:
            return shown_path(Path(place.name))
    top, *inner = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    found = [Path(folder, top) for folder in dict.fromkeys(one.folder for one in run.plugins)]
    found += map(Path, spec.submodule_search_locations or ()) if spec else ()
    for folder in found:
        base = folder.joinpath(*inner)
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return shown_path(path)
    return module


def _data(old: RunRecord, new: RunRecord, pairs: Pairs) -> Iterator[Change]:
    """Files read whose content differs, other things that steps looked at, and changed inputs."""
    before = {path: digest for step in old.steps for path, digest in step.files_read.items()}
    after = {path: digest for step in new.steps for path, digest in step.files_read.items()}
    for (path,), one, other in differing(before, after):
        name = shown_path(Path(path))
        if one is UNSET or other is UNSET:
            yield Change(f"only {'B' if one is UNSET else 'A'} read the file {name}")
        else:
            yield Change(f"file {name}, digest", one, other)
    inputs: list[str] = []
    for step, (earlier, record) in pairs.items():
        if earlier is None or record is None:
            continue
        for (what,), state, now in differing(earlier.states, record.states):
            kind, _, path = what.partition(":")
            is_of_one = state is UNSET or now is UNSET
            if kind == "file" or path in before:  # files were compared above
                continue
            if is_of_one and kind in _BY_OPTIONS:  # the option that names them differs itself
                continue
            if is_of_one and kind in _OF_PATHS:
                run, name = "B" if state is UNSET else "A", shown_path(Path(path))
                yield Change(f"`{step}`: only {run} looked at {name}")
            else:
                yield Change(f"`{step}`: {in_words(what, str(state))}")
        names = [name.removeprefix(NAMED) for name in input_changes(earlier.parts, record.parts)]
        inputs += [f"`{step}` ({', '.join(names)})"] if names else []
    if inputs:
        yield Change(f"inputs whose content differs: {listed(inputs, limit=_MOST_STEPS)}")


def _environment(old: RunRecord, new: RunRecord) -> Iterator[Change]:
    one, other = old.environment, new.environment
    yield from changed_fields(one, other, ("python", "platform", "cpus", "device"))
    yield from changed_values(one.packages, other.packages, "package")
    yield from changed_values(one.plugins, other.plugins, "plugin")


def _result(old: RunRecord, new: RunRecord) -> Iterator[Change]:
    yield from changed_fields(old, new, ("status", "error"))
    metrics = [old.metrics, new.metrics]
    if _part(old) != _part(new):  # what only one of two parts gives is no difference of results
        both = old.metrics.keys() & new.metrics.keys()
        metrics = [{name: one[name] for name in both} for one in metrics]
    yield from changed_metrics(*metrics)
    before = {(one.path, one.check): one for one in old.expectations}
    for outcome in new.expectations:
        earlier = before.get((outcome.path, outcome.check), outcome)
        if _bound(old, outcome) != _bound(new, outcome):
            continue  # that is a change of the recipe
        is_shown = earlier.met == outcome.met and outcome.path.startswith("metrics.")
        if earlier != outcome and not is_shown:
            what = f"expect {outcome.path}, {outcome.wanted}"
            yield Change(what, _verdict(earlier), _verdict(outcome))
    if _part(old) == _part(new):
        yield from _values(old, new)


def _bound(run: RunRecord, outcome: CheckResult) -> Any:
    """The bound of a check in the recipe of a run."""
    checks = run.expect.get(outcome.path)
    return checks.get(outcome.check) if isinstance(checks, dict) else checks


def _verdict(outcome: CheckResult) -> str:
    return f"{outcome.found}, {'met' if outcome.met else 'NOT MET'}"


def _values(old: RunRecord, new: RunRecord) -> Iterator[Change]:
    """Named values that only one run gives, or that come from different steps."""
    before, after = (
        {name: step for step in run.steps for name in step.outputs} for run in (old, new)
    )
    for which, some, others in (("A", before, after), ("B", after, before)):
        alone = [f"`{name}`" for name in some if name not in others]
        if alone:
            yield Change(f"values that only {which} gives: {listed(alone)}")
    for name, one in before.items():
        other = after.get(name)
        if other is None or one.id == other.id:
            continue
        if one.digests.get(name) != other.digests.get(name):
            what = f"`{name}`, of `{one.id}` in A and `{other.id}` in B, digest"
            yield Change(what, one.digests.get(name), other.digests.get(name))


def _outputs(both: list[tuple[StepRun, StepRun]], details: OutputDetails) -> Iterator[Change]:
    """The outputs that differ, of the first step that has any; then the further such steps."""
    unknown: list[str] = []
    apart: list[tuple[StepRun, StepRun, list[str]]] = []
    for old, new in both:
        names = [name for name in new.outputs if name in old.outputs]
        differ = [name for name in names if content(old, name) != content(new, name)]
        unknown += [
            f"`{name}` of `{new.id}`"
            for name in names
            if name not in differ and new.digests.get(name) is None
        ]
        apart += [(old, new, differ)] if differ else []
    if unknown:
        message = f"without a digest it is unknown whether these differ: {listed(unknown)}"
        yield Change(message, is_unknown=True)
    for old, new, names in apart[:1]:
        for name in names:
            what = f"first output that differs: `{name}` of `{new.id}`, digest"
            lines = details.lines(old, new, name)
            yield Change(what, old.digests.get(name), new.digests.get(name), details=lines)
    if apart[1:]:
        steps = ", ".join(f"`{new.id}`" for _, new, _ in apart[1:])
        yield Change(f"further steps whose outputs differ: {steps}")
