"""Compares the outputs of two runs: by their digests, their summaries, and their bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from flowrun.plugins.registry import Registry
from flowrun.running.record import RunRecord, StepRun
from flowrun.store.plan_classes import PlanClasses
from flowrun.store.step_records import OutputRecord, StepRecord
from flowrun.store.store import MISSING, Store
from flowrun.store.structures import put_together
from flowrun.values.codecs import Codecs, is_number
from flowrun.values.differences import Bounds, differences, path_text
from flowrun.values.metrics import told_by

Pairs = Mapping[str, tuple[StepRecord | None, StepRecord | None]]

_MOST_LINES = 8  # about one output
_HINT = "with `cache: true` beside the step they are kept"
_NO_CODECS = Codecs({})


def content(step: StepRun, output: str) -> str | bytes | None:
    """Identifies an output: by its digest, or its summary if it has none; None if not given."""
    if output not in step.outputs:
        return None
    digest = step.digests.get(output)
    return msgspec.json.encode(step.outputs[output]) if digest is None else digest


class StepPair(NamedTuple):
    """A step of one run, and the step of the same id in another; None if it did not run there."""

    old: StepRun
    new: StepRun | None

    @property
    def differing(self) -> list[str]:
        """The outputs that differ, or that only one of the two steps gave."""
        if self.new is None:
            return list(self.old.outputs)
        new = self.new
        names = dict.fromkeys([*self.old.outputs, *new.outputs])
        return [name for name in names if content(self.old, name) != content(new, name)]

    @property
    def is_same(self) -> bool:
        """Whether both steps ran, and every output is the same."""
        return self.new is not None and not self.differing


def step_pairs(old: RunRecord, new: RunRecord) -> list[StepPair]:
    """Each step of the old run with its counterpart."""
    after = {step.id: step for step in new.steps}
    return [StepPair(step, after.get(step.id)) for step in old.steps]


def recorded_differences(pair: StepPair, bounds: Bounds) -> Iterator[str]:
    """Yield the differences between two records of a step's outputs that exceed the bounds."""
    old, new = pair
    if new is None:
        yield f"{old.id} did not run here"
        return
    kinds = [{name: _kind(one) for name, one in step.outputs.items()} for step in (old, new)]
    if kinds[0] != kinds[1]:
        yield f"{old.id} gives other shapes or dtypes"
        return
    for name, summary in old.outputs.items():
        told, other = told_by(summary), told_by(new.outputs[name])
        if told is None:  # a record does not have the numbers of every value
            continue
        for one in differences(told, other, _NO_CODECS, bounds):
            yield f"{path_text(name, one.path)} of {old.id}{one.text}"


def count_numbers(step: StepRun) -> int:
    """How many numbers a record has of a step's outputs."""
    return sum(_count(told_by(summary)) for summary in step.outputs.values())


class OutputDetails:
    """Describes how an output differs between two runs; in detail if its bytes are kept.

    pairs: the store's records of each step that both runs have, by the step's id. registry: a
    function that returns the plugins whose codecs read kept values; called only if there are any.
    """

    def __init__(
        self,
        old: RunRecord,
        new: RunRecord,
        pairs: Pairs,
        store: Store,
        registry: Callable[[], Registry],
    ) -> None:
        self._runs = (old, new)
        self._pairs = pairs
        self._store = store
        self._registry = registry
        self._values: Codecs | None = None
        self._texts = Codecs({}, new.dtype)

    def lines(self, old: StepRun, new: StepRun, name: str) -> list[str]:
        """The two outputs as text, and the parts of them that differ."""
        texts = [self._texts.text(step.outputs[name]) for step in (old, new)]
        shown = [] if texts[0] == texts[1] else [f"{texts[0]} -> {texts[1]}"]
        summaries = old.outputs[name], new.outputs[name]
        if any(summaries[0].get(key) != summaries[1].get(key) for key in ("type", "shape")):
            return shown
        records = self._outputs(new.id, name)
        digests = [step.digests.get(name) for step in (old, new)]
        values = list(map(self._value, records, digests))
        missing = [number for number, value in enumerate(values) if value is MISSING]
        if missing:
            return [*shown, *_missing_lines(missing, [records[number] for number in missing])]
        return [*shown, *self._differences(values, name)]

    def _differences(self, values: list[Any], name: str) -> list[str]:
        found = differences(values[0], values[1], self._codecs())
        lines = [f"{path_text(name, one.path)}{one.text}" for one in islice(found, _MOST_LINES + 1)]
        if len(lines) > _MOST_LINES:
            lines[_MOST_LINES:] = ["..."]
        return lines or ["the same numbers; the layout in memory differs"]

    def _outputs(self, step: str, name: str) -> list[OutputRecord | None]:
        """The store's records of an output in the two runs, where it has the step's own name."""
        found: list[OutputRecord | None] = []
        for run, record in zip(self._runs, self._pairs[step], strict=True):
            planned = next((one for one in run.plan if one.id == step), None)
            names = {} if planned is None else planned.outputs
            own = next((key for key, published in names.items() if published == name), name)
            found.append(None if record is None else record.outputs.get(own))
        return found

    def _value(self, output: OutputRecord | None, digest: str | None) -> Any:
        """An output; MISSING if the store does not have it, or has another one by now."""
        if output is None or output.digest != digest or digest is None:
            return MISSING
        if output.plain is not None:
            return put_together(output.plain[0], {}, None)
        if output.object is None:
            return MISSING
        return self._store.objects.read(output.object, digest, self._codecs())

    def _codecs(self) -> Codecs:
        if self._values is None:
            registry = self._registry()
            classes = PlanClasses(registry, self._store.code)
            self._values = Codecs(registry.codecs, self._runs[1].dtype, classes)
        return self._values


def _missing_lines(runs: list[int], records: list[OutputRecord | None]) -> list[str]:
    """The reason why values cannot be compared, and a fix. runs: 0 for A, 1 for B."""
    which = " and ".join("AB"[run] for run in runs)
    if all(record is not None and record.object is not None for record in records):
        return [f"the bytes of {which} cannot be read: if a plugin can read them, add -p PLUGIN"]
    return [f"the bytes of {which} are not kept, so the difference is not known", _HINT]


def _kind(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The types, shapes and dtypes of a summary, without its numbers and device."""
    items = {name: _kind(item) for name, item in (summary.get("items") or {}).items()}
    kind = {name: summary.get(name) for name in ("type", "shape", "dtype", "length")}
    return kind | {"items": items}


def _count(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_count, value.values()))
    return sum(map(is_number, value)) if isinstance(value, list) else int(is_number(value))
