"""Why each step of a plan would be kept or run, without running anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from flowrun.errors import shown_path
from flowrun.planning.plan import Plan
from flowrun.recipes.devices import choose_device
from flowrun.running.cache import Cache, Key, last_runs, records_of_last_run
from flowrun.running.calling import context_of
from flowrun.running.dataflow import NAMED, OUTSIDE, Dataflow, Output, given_from_outside
from flowrun.store.changes import changes, input_changes
from flowrun.store.plan_classes import PlanClasses
from flowrun.store.step_records import OutputRecord
from flowrun.store.store import Store
from flowrun.values.codecs import Codecs


class StepStatus(msgspec.Struct, frozen=True):
    """Whether one step would be kept or run, and why.

    is_kept: whether it would be kept. unless: the steps above it that run first; if their
    outputs stay the same, this one is kept as well. reasons: the changes, old and new.
    """

    id: str
    is_kept: bool
    unless: list[str]
    reasons: list[str]
    run: str | None = None


def explain(plan: Plan, store: Store, *, standin: bool = True) -> list[StepStatus]:
    """The steps that a run of the plan would run or keep. Runs nothing and imports no torch."""
    return list(_Explaining(plan, store, standin=standin).steps())


class _Explaining:
    def __init__(self, plan: Plan, store: Store, *, standin: bool) -> None:
        present = plan.registry.devices
        device = choose_device(plan.recipe.device, present, plan.recipe.device_mark)
        devices = [choose_device(step.device or device, present, step.mark) for step in plan.steps]
        self._plan = plan
        self._store = store
        classes = PlanClasses(plan.registry, store.code)
        codecs = Codecs(plan.registry.codecs, classes=classes)
        self._dataflow = Dataflow(plan, given_from_outside(plan.given, codecs))
        self._cache = Cache(plan, devices, codecs, store)
        self._contexts = [
            context_of(step, plan, name, present=present, standin=standin)
            for step, name in zip(plan.steps, devices, strict=True)
        ]
        self._before = records_of_last_run(plan, store)
        self._open: dict[int, str] = {}  # steps whose outputs are not known, with the first reason

    def steps(self) -> Iterator[StepStatus]:
        """Each step in turn."""
        for index in range(len(self._plan.steps)):
            yield self._step(index)

    def _step(self, index: int) -> StepStatus:
        planned = self._plan.steps[index]
        inputs = self._dataflow.bind(index)
        unknown = {name: one.maker for name, one in inputs.items() if one.maker in self._open}
        if unknown:
            unless = [self._plan.steps[maker].id for maker in dict.fromkeys(unknown.values())]
            causes = list(dict.fromkeys(self._open[maker] for maker in unknown.values()))
            reasons = [self._inherited(index, cause, unknown) for cause in causes]
            return self._opened(index, reasons, unless, causes[0])
        key = self._cache.key(index, inputs)
        if key is None:
            reasons = [
                f"{self._input(index, name)} has no digest, so it cannot be compared"
                for name, output in inputs.items()
                if output.record.digest is None
            ]
            return self._opened(index, reasons, [], reasons[0])
        record = self._cache.find(index, key, self._contexts[index])
        if record is not None:
            self._dataflow.publish(index, self._cache.outputs(index, record))
            return StepStatus(planned.id, True, [], [], record.run)
        reasons = list(self._reasons(index, key))
        return self._opened(index, reasons, [], reasons[0])

    def _opened(self, index: int, reasons: list[str], unless: list[str], first: str) -> StepStatus:
        """A step that runs: its outputs are not known until then."""
        planned = self._plan.steps[index]
        self._open[index] = first
        nothing = OutputRecord(None, {"type": "unknown"})
        outputs = {name: Output(index, nothing) for name in planned.wires.outputs}
        self._dataflow.publish(index, outputs)
        return StepStatus(planned.id, False, unless, reasons)

    def _reasons(self, index: int, key: Key) -> Iterator[str]:
        """The reasons why no record is valid for a step whose inputs are all known."""
        same_base = self._cache.records_of(key)
        if same_base:
            context = self._contexts[index]
            yield self._cache.obstacle(index, same_base[0], context) or "its record is gone"
            return
        record = self._before.get(self._plan.steps[index].id)
        if record is None:
            yield self._without_record(self._plan.steps[index].id)
            return
        # As a record of it is read again, which has lists in place of tuples.
        new = _with_lists(msgspec.to_builtins(key.parts, enc_hook=repr, str_keys=True))
        code = self._cache.code(index)
        places = {name: shown_path(path) for name, path in code.paths.items()}
        found = list(changes(record.parts, new, self._source, places))
        found += [
            f"{self._input(index, name)}: its content is another"
            if name in new["inputs"] and name in record.parts["inputs"]
            else f"input `{name.removeprefix(NAMED)}` was not given before"
            if name in new["inputs"]
            else f"input `{name.removeprefix(NAMED)}` is not given any more"
            for name in input_changes(record.parts, new)
        ]
        yield from found or ["its record is gone"]

    def _without_record(self, step: str) -> str:
        """Why there is no record of a step of the recipe's last runs."""
        runs = list(last_runs(self._plan, self._store))
        if not runs:
            return "it has not run before"
        if any(one.id == step and one.key is not None for run in runs for one in run.steps):
            return "its record is gone"
        if any(one.id == step for run in runs for one in run.plan):
            return "the last run ended before it was done"
        return "it is new to this recipe"

    def _inherited(self, index: int, cause: str, unknown: dict[str, int]) -> str:
        """The inputs that may be others for one cause further up."""
        names = [name for name, maker in unknown.items() if self._open[maker] == cause]
        if len(names) == 1:
            return f"{self._input(index, names[0])}: {cause}"
        inputs = [self._input(index, name).removeprefix("input ") for name in names]
        return f"inputs {', '.join(inputs)}: {cause}"

    def _input(self, index: int, name: str) -> str:
        """An input with the step it comes from."""
        maker = self._dataflow.bound[index][name].maker
        if maker == OUTSIDE:
            return f"the given input `{name.removeprefix(NAMED)}`"
        return f"input `{name.removeprefix(NAMED)}` from step `{self._plan.steps[maker].id}`"

    def _source(self, digest: str) -> str | None:
        return self._store.code.text(digest) or self._store.source(digest)


def _with_lists(value: Any) -> Any:
    """A document whose tuples are lists."""
    if isinstance(value, dict):
        return {key: _with_lists(item) for key, item in value.items()}
    return [_with_lists(item) for item in value] if isinstance(value, (list, tuple)) else value
