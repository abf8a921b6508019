"""The first step of two runs that gave another output, and how far the two outputs differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from flowrun.errors import listed
from flowrun.history.changes import Change
from flowrun.history.code_changes import Pairs
from flowrun.history.past_run import PastRun, PastStep
from flowrun.plugins.registry import Registry
from flowrun.store.objects import MISSING
from flowrun.store.step_records import OutputRecord
from flowrun.store.store import Store
from flowrun.store.value_files import put_together
from flowrun.values.codecs import Codecs
from flowrun.values.differences import differences

_MOST_LINES = 8  # about one output
_CURE = "with `cache: true` beside the step they would be"


class OutputChanges:
    """Compares what the steps of two runs gave.

    registry: gives the plugins whose codecs read kept values; called only where there are any.
    """

    def __init__(
        self,
        old: PastRun,
        new: PastRun,
        pairs: Pairs,
        store: Store,
        registry: Callable[[], Registry],
    ) -> None:
        self._old = old
        self._new = new
        self._pairs = pairs
        self._store = store
        self._registry = registry
        self._values: Codecs | None = None
        self._texts = Codecs({}, new.dtype)

    def changes(self) -> Iterator[Change]:
        """The outputs of the first step that differ, and the steps below it whose outputs do."""
        earlier = {step.id: step for step in self._old.steps}
        found = [
            (earlier[step.id], step, names)
            for step in self._new.steps
            if step.id in earlier and (names := _differing_outputs(earlier[step.id], step))
        ]
        yield from self._unknown(earlier)
        if not found:
            return
        old, new, names = found[0]
        for name in names:
            what = f"first output that differs: `{name}` of `{new.id}`, digest"
            details = self._details(old, new, name)
            yield Change(what, old.digests.get(name), new.digests.get(name), details=details)
        if len(found) > 1:
            steps = ", ".join(f"`{step.id}`" for _, step, _ in found[1:])
            yield Change(f"further steps whose outputs differ: {steps}")

    def _unknown(self, earlier: dict[str, PastStep]) -> Iterator[Change]:
        """The outputs of which nobody can say whether they differ: of types without a digest."""
        names = [
            f"`{name}` of `{step.id}`"
            for step in self._new.steps
            for name in step.outputs
            if step.id in earlier
            and step.digests.get(name) is None
            and earlier[step.id].digests.get(name) is None
            and earlier[step.id].outputs.get(name) == step.outputs[name]
        ]
        if names:
            yield Change(f"no digest tells whether these differ: {listed(names)}", is_unknown=True)

    def _details(self, old: PastStep, new: PastStep, name: str) -> list[str]:
        texts = [self._texts.text(step.outputs[name]) for step in (old, new)]
        if texts[0] != texts[1]:
            texts = [f"{texts[0]} -> {texts[1]}"]
            if _kind(old.outputs[name]) != _kind(new.outputs[name]):
                return texts
        else:
            texts = []
        outputs = self._outputs(new.id, name)
        values = [self._value(output, step.digests[name]) for output, step in
                  zip(outputs, (old, new), strict=True)]  # fmt: skip
        missing = [which for which, value in zip("AB", values,
                                                 strict=True) if value is MISSING]  # fmt: skip
        if missing:
            which = " and ".join(missing)
            said = f"the bytes of {which} are not kept, so how far they differ cannot be told"
            return [*texts, said, _CURE]
        lines = differences(values[0], values[1], self._codecs(), name)
        found = list(islice(lines, _MOST_LINES + 1))
        if len(found) > _MOST_LINES:
            found[_MOST_LINES:] = ["..."]
        return [*texts, *(found or ["the same numbers; what differs is how they are held"])]

    def _outputs(self, step: str, name: str) -> list[OutputRecord | None]:
        """What the store knows of an output in either run; outputs go there by their own names."""
        found: list[OutputRecord | None] = []
        for run, record in zip((self._old, self._new), self._pairs[step], strict=True):
            planned = next((one for one in run.plan if one.id == step), None)
            names = {} if planned is None else planned.outputs
            own = next((key for key, published in names.items() if published == name), name)
            found.append(None if record is None else record.outputs.get(own))
        return found

    def _value(self, output: OutputRecord | None, digest: str | None) -> Any:
        """An output where the store has it; MISSING where it has none, or another one by now."""
        if output is None or output.digest != digest or digest is None:
            return MISSING
        if output.plain is not None:
            return put_together(output.plain[0], {}, None)
        if output.object is None:
            return MISSING
        return self._store.objects.read(output.object, digest, self._codecs())

    def _codecs(self) -> Codecs:
        if self._values is None:
            self._values = Codecs(self._registry().codecs, self._new.dtype)
        return self._values


def _differing_outputs(old: PastStep, new: PastStep) -> list[str]:
    """The outputs that both have and that differ, as far as that can be told."""
    return [
        name
        for name in new.outputs
        if name in old.outputs
        and (
            old.digests.get(name) != new.digests.get(name)
            or (new.digests.get(name) is None and old.outputs[name] != new.outputs[name])
        )
    ]


def _kind(summary: Mapping[str, Any]) -> tuple[Any, Any]:
    return summary.get("type"), summary.get("shape")
