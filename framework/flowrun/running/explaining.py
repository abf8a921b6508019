"""Why each step of a plan would be kept or run, told without running anything."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec

from flowrun.errors import FlowrunError, shown_path
from flowrun.planning.plan import Plan
from flowrun.recipes.devices import choose_device
from flowrun.running.dataflow import NAMED, Flow
from flowrun.running.interrupts import Interrupts
from flowrun.running.output import OUTSIDE, Held, given_from_outside
from flowrun.running.record import read_run
from flowrun.running.recording import Recording
from flowrun.running.step_caller import Making
from flowrun.running.step_keys import StepKeys
from flowrun.store.changes import changes, input_changes
from flowrun.store.home import runs_folder
from flowrun.store.keys import KeyParts
from flowrun.store.step_records import OutputRecord, StepRecord
from flowrun.store.store import Store
from flowrun.values.codecs import Codecs


class Explained(msgspec.Struct, frozen=True):
    """What would become of one step, and why.

    is_kept: whether it would be kept. unless: the steps above it that run first; where they give
    what they gave before, this one is kept after all. reasons: what changed, old beside new.
    """

    id: str
    is_kept: bool
    unless: list[str]
    reasons: list[str]
    run: str | None = None


def explain(plan: Plan, store: Store, *, standin: bool = True) -> list[Explained]:
    """What a run of the plan would do now. Nothing is run; torch is not imported for it."""
    return list(_Explaining(plan, store, standin=standin).steps())


def records_of_last_run(plan: Plan, store: Store) -> dict[str, StepRecord]:
    """The records of the last run of a plan's recipe, by the id of the step."""
    recipe = plan.recipe
    file = str(recipe.path) if recipe.path is not None else None
    row = store.runs.latest_of(file, recipe.name)
    found: dict[str, StepRecord] = {}
    if row is None:
        return found
    with contextlib.suppress(FlowrunError):  # a record that is unreadable explains nothing
        for step in read_run(runs_folder() / row.id).steps:
            record = None if step.key is None else store.records.of_key(step.key)
            if record is not None:
                found[step.id] = record
    return found


class _Explaining:
    def __init__(self, plan: Plan, store: Store, *, standin: bool) -> None:
        present = plan.registry.devices
        device = choose_device(plan.recipe.device, present, plan.recipe.device_mark)
        devices = [choose_device(step.device or device, present, step.mark) for step in plan.steps]
        values = Codecs(plan.registry.codecs)
        self._plan = plan
        self._store = store
        self._flow = Flow(plan, given_from_outside(plan.given, values))
        self._keys = StepKeys(plan, store.code, devices)
        self._making = Making(
            plan, devices, values, store, Interrupts(), present=present, standin=standin
        )
        self._recording = Recording(plan, self._flow, self._keys, store, values, "")
        self._before = records_of_last_run(plan, store)
        self._open: dict[int, str] = {}  # steps whose outputs are not known, with the first reason

    def steps(self) -> Iterator[Explained]:
        """Each step in turn."""
        for index in range(len(self._plan.steps)):
            yield self._step(index)

    def _step(self, index: int) -> Explained:
        planned = self._plan.steps[index]
        inputs = self._flow.bind(index)
        unknown = {name: held.maker for name, held in inputs.items() if held.maker in self._open}
        if unknown:
            unless = [self._plan.steps[maker].id for maker in dict.fromkeys(unknown.values())]
            causes = list(dict.fromkeys(self._open[maker] for maker in unknown.values()))
            reasons = [self._inherited(index, cause, unknown) for cause in causes]
            return self._opened(index, reasons, unless, causes[0])
        parts = self._recording.parts(index, inputs)
        if parts is None:
            reasons = [
                f"{self._input(index, name)} is of a type that has no digest (no codec gives one)"
                for name, held in inputs.items()
                if held.record.digest is None
            ]
            return self._opened(index, reasons, [], reasons[0])
        base = parts.digest()
        record = self._recording.find(index, base, self._making.context(index))
        if record is not None:
            self._flow.publish(index, self._recording.use(index, record))
            return Explained(planned.id, True, [], [], record.run)
        reasons = list(self._reasons(index, parts, base))
        return self._opened(index, reasons, [], reasons[0])

    def _opened(self, index: int, reasons: list[str], unless: list[str], first: str) -> Explained:
        """A step that runs: what it gives is not known until then."""
        planned = self._plan.steps[index]
        self._open[index] = first
        nothing = OutputRecord(None, {"type": "unknown"})
        self._flow.publish(index, {name: Held(index, nothing) for name in planned.wires.outputs})
        return Explained(planned.id, False, unless, reasons)

    def _reasons(self, index: int, parts: KeyParts, base: str) -> Iterator[str]:
        """Why no record holds for a step all of whose inputs are known."""
        same_base = self._store.records.of_base(base)
        if same_base:
            context = self._making.context(index)
            yield self._recording.obstacle(index, same_base[0], context) or "its record is gone"
            return
        record = self._before.get(self._plan.steps[index].id)
        if record is None:
            yield "it has not run before" if not self._before else "it is new to this recipe"
            return
        new = msgspec.to_builtins(parts, enc_hook=repr, str_keys=True)
        code = self._keys.code(self._plan.steps[index])
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

    def _inherited(self, index: int, cause: str, unknown: dict[str, int]) -> str:
        """The inputs that may be others for one cause further up."""
        names = [name for name, maker in unknown.items() if self._open[maker] == cause]
        if len(names) == 1:
            return f"{self._input(index, names[0])}: {cause}"
        inputs = [self._input(index, name).removeprefix("input ") for name in names]
        return f"inputs {', '.join(inputs)}: {cause}"

    def _input(self, index: int, name: str) -> str:
        """An input with the step it comes from."""
        maker = self._flow.bound[index][name].maker
        if maker == OUTSIDE:
            return f"the given input `{name.removeprefix(NAMED)}`"
        return f"input `{name.removeprefix(NAMED)}` from step `{self._plan.steps[maker].id}`"

    def _source(self, digest: str) -> str | None:
        return self._store.code.text(digest) or self._store.source(digest)
