"""Two runs compared, from the recipe down to the first value that is another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec import UNSET

from flowrun.errors import listed, shown_path
from flowrun.history.changes import Change, changed_metrics, changed_values, differing
from flowrun.history.code_changes import CodeChanges
from flowrun.history.output_changes import OutputChanges
from flowrun.history.past_run import PastOutcome, PastRun, PastStep
from flowrun.plugins.registry import Registry
from flowrun.running.dependencies import in_words
from flowrun.store.step_records import StepRecord
from flowrun.store.store import Store

_ENVIRONMENT = ("python", "platform", "cpus", "device")
_MOST_STEPS = 4  # listed by name where one cause makes all of them differ


class Comparison(msgspec.Struct, frozen=True):
    """What differs between two runs, by section.

    is_same: whether the results are the same: status, metrics, expectations, and every output.
    """

    sections: dict[str, list[Change]]
    is_same: bool


def compare(
    old: PastRun, new: PastRun, store: Store, registry: Callable[[], Registry]
) -> Comparison:
    """Compare two runs.

    registry: gives the plugins whose codecs read kept values; called only where bytes are compared.
    """
    records = _Records(old, new, store)
    outputs = OutputChanges(old, new, records.pairs, store, registry)
    result = [*_result(old, new), *outputs.changes()]
    sections = {
        "recipe": list(_recipe(old, new)),
        "options": list(_options(old, new)),
        "code": list(CodeChanges(old, new, records.pairs, store).changes()),
        "data": list(_data(old, new, records)),
        "environment": list(_environment(old, new)),
        "result": result,
    }
    return Comparison(sections, is_same=all(change.is_unknown for change in result))


class _Records:
    """What the store still knows of the steps that both runs have, by id."""

    def __init__(self, old: PastRun, new: PastRun, store: Store) -> None:
        self._store = store
        before = {step.id: step for step in old.steps}
        self.steps = [(before[step.id], step) for step in new.steps if step.id in before]
        self.pairs = {
            step.id: (self._record(earlier), self._record(step)) for earlier, step in self.steps
        }

    def _record(self, step: PastStep) -> StepRecord | None:
        return None if step.key is None else self._store.records.of_key(step.key)


def _recipe(old: PastRun, new: PastRun) -> Iterator[Change]:
    if old.recipe != new.recipe:
        yield Change("name", old.recipe, new.recipe)
    if old.file != new.file:
        yield Change("file", old.file, new.file)
    yield from _order(old, new)
    before = {step.id: step for step in old.plan}
    for step in new.plan:
        earlier = before.get(step.id)
        if earlier is None:
            continue
        if earlier.step != step.step:
            yield Change(f"step of `{step.id}`", earlier.step, step.step)
        yield from changed_values(earlier.inputs, step.inputs, f"{step.id}.in")
        yield from changed_values(earlier.outputs, step.outputs, f"{step.id}.out")
    yield from changed_values(old.expect, new.expect, "expect")


def _order(old: PastRun, new: PastRun) -> Iterator[Change]:
    """Steps that went, came, or changed places."""
    before, after = [step.id for step in old.plan], [step.id for step in new.plan]
    for number, step in enumerate(before):
        if step not in after:
            yield Change(f"step `{step}` removed{_after(before, number)}")
    for number, step in enumerate(after):
        if step not in before:
            yield Change(f"step `{step}` added{_after(after, number)}")
    kept = [step for step in before if step in after]
    now = [step for step in after if step in before]
    if kept != now:
        yield Change("order of steps", ", ".join(kept), ", ".join(now))


def _after(ids: list[str], number: int) -> str:
    return f", after `{ids[number - 1]}`" if number else ", at the beginning"


def _options(old: PastRun, new: PastRun) -> Iterator[Change]:
    for name in ("seed", "device", "dtype"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Change(name, before, after)
    yield from changed_values(old.vars, new.vars, "vars")
    earlier = {step.id: step for step in old.plan}
    for step in new.plan:
        if step.id not in earlier:
            continue
        one = earlier[step.id]
        yield from changed_values(one.options, step.options, step.id)
        for name in ("device", "dtype"):
            if getattr(one, name) != getattr(step, name):
                yield Change(f"{step.id}.{name}", getattr(one, name), getattr(step, name))


def _data(old: PastRun, new: PastRun, records: _Records) -> Iterator[Change]:
    """Files read whose content differs, other things looked at, and inputs of another content."""
    before = {path: digest for step in old.steps for path, digest in step.files_read.items()}
    after = {path: digest for step in new.steps for path, digest in step.files_read.items()}
    for path, one, other in differing(before, after):
        name = shown_path(Path(path))
        if one is UNSET or other is UNSET:
            yield Change(f"file {name} was read by {'B' if one is UNSET else 'A'} alone")
        else:
            yield Change(f"file {name}, digest", one, other)
    inputs: dict[str, list[str]] = {}
    for step, (earlier, record) in records.pairs.items():
        if earlier is None or record is None:
            continue
        for what, state, _ in differing(earlier.states, record.states):
            if not what.startswith("file:"):
                yield Change(f"`{step}`: {in_words(what, str(state))}")
        names = [name for name, _, _ in differing(earlier.parts["inputs"], record.parts["inputs"])]
        if names:
            inputs[step] = [name.removeprefix("*") for name in names]
    if inputs:
        steps = [f"`{step}` ({', '.join(names)})" for step, names in inputs.items()]
        yield Change(f"inputs of another content: {listed(steps, limit=_MOST_STEPS)}")


def _environment(old: PastRun, new: PastRun) -> Iterator[Change]:
    one, other = old.environment, new.environment
    for name in _ENVIRONMENT:
        before, after = getattr(one, name), getattr(other, name)
        if before != after:
            yield Change(name, before, after)
    yield from changed_values(one.packages, other.packages, "package")
    yield from changed_values(one.plugins, other.plugins, "plugin")


def _result(old: PastRun, new: PastRun) -> Iterator[Change]:
    if old.status != new.status:
        yield Change("status", old.status, new.status)
    if old.error != new.error:
        yield Change("error", old.error, new.error)
    yield from changed_metrics(old.metrics, new.metrics)
    before = {(one.path, one.wanted): one for one in old.expectations}
    for outcome in new.expectations:
        earlier = before.get((outcome.path, outcome.wanted), outcome)
        is_told = earlier.met == outcome.met and outcome.path.startswith("metrics.")
        if earlier != outcome and not is_told:
            what = f"expect {outcome.path}, {outcome.wanted}"
            yield Change(what, _verdict(earlier), _verdict(outcome))
    yield from _values(old, new)


def _values(old: PastRun, new: PastRun) -> Iterator[Change]:
    """Named values that one run alone has in the end, or that come from different steps."""
    before, after = _givers(old), _givers(new)
    for which, some, others in (("A", before, after), ("B", after, before)):
        alone = [f"`{name}`" for name in some if name not in others]
        if alone:
            yield Change(f"values that {which} alone gives: {listed(alone)}")
    for name, one in before.items():
        other = after.get(name)
        if other is None or one.id == other.id:
            continue
        if one.digests.get(name) != other.digests.get(name):
            what = f"`{name}`, of `{one.id}` in A and `{other.id}` in B, digest"
            yield Change(what, one.digests.get(name), other.digests.get(name))


def _givers(run: PastRun) -> dict[str, PastStep]:
    """The step that gave each named value last."""
    return {name: step for step in run.steps for name in step.outputs}


def _verdict(outcome: PastOutcome) -> str:
    return f"{outcome.found}, {'met' if outcome.met else 'NOT MET'}"
