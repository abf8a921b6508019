"""The records of one run's steps: found in the store where they still hold, and kept there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from flowrun.errors import shown_path
from flowrun.planning.plan import Plan
from flowrun.running.context_state import ContextState
from flowrun.running.dataflow import Flow
from flowrun.running.dependencies import Dependencies, in_words
from flowrun.running.events import Message
from flowrun.running.output import Held, size_of
from flowrun.running.results import StepResult
from flowrun.running.step_keys import StepKeys
from flowrun.store.claims import GIVE_BACK, TAKE
from flowrun.store.cost_rule import is_worth_keeping
from flowrun.store.keys import KeyParts, full_key
from flowrun.store.stamps import stamp_of
from flowrun.store.step_records import StepRecord, keeping
from flowrun.store.store import Store
from flowrun.values.codecs import Codecs


class Recording:
    """Looks up and keeps what is known of a plan's steps.

    records: the record by which each step of the run is known so far, by position.
    """

    def __init__(
        self, plan: Plan, flow: Flow, keys: StepKeys, store: Store, values: Codecs, run: str
    ) -> None:
        self.records: dict[int, StepRecord] = {}
        self._plan = plan
        self._flow = flow
        self._keys = keys
        self._store = store
        self._values = values
        self._run = run

    def parts(self, index: int, inputs: Mapping[str, Held]) -> KeyParts | None:
        """The parts of a step's base key; None where the content of an input cannot be told."""
        return self._keys.parts(index, {name: held.record.digest for name, held in inputs.items()})

    def find(self, index: int, base: str, ctx: ContextState) -> StepRecord | None:
        """The record by which a step need not be called; None where there is none that holds."""
        records = self._store.records.of_base(base)
        fit = (record for record in records if self.obstacle(index, record, ctx) is None)
        return next(fit, None)

    def obstacle(self, index: int, record: StepRecord, ctx: ContextState) -> str | None:
        """Why a step is called although there is a record of its base key; None where it is kept.

        Everything the step looked at must be as it was. Where it acts outside, the files it wrote
        must be as it left them; where it says `cache: true`, its values must be kept.
        """
        changed = self._surroundings(ctx).changed(record.states)
        if changed is not None:
            return in_words(changed, record.states[changed])
        planned = self._plan.steps[index]
        if planned.step.effect and not record.files:
            return "it acts outside, and no file tells whether that still holds"
        for name, digest in record.files.items() if planned.step.effect else ():
            path = Path(name)
            if digest is None or self._store.files.of(path) != digest:
                what = "changed since it wrote it" if path.exists() else "is gone"
                return f"file {shown_path(path)} {what}"
        if planned.cache and not _is_kept(record):
            return "it says `cache: true`, and its values are not kept yet"
        return None

    def states(self, ctx: ContextState) -> dict[str, str]:
        """What a step has looked at so far, and how that is now."""
        return self._surroundings(ctx).states(ctx.noted)

    def holds(self, states: Mapping[str, str], ctx: ContextState) -> bool:
        """Whether everything a step had looked at is as it was."""
        return self._surroundings(ctx).changed(states) is None

    def use(self, index: int, record: StepRecord) -> dict[str, Held]:
        """The outputs of a step that is kept."""
        self.records[index] = record
        return {name: Held(index, output) for name, output in record.outputs.items()}

    def keep(
        self,
        index: int,
        parts: KeyParts,
        ctx: ContextState,
        result: StepResult,
        outputs: dict[str, Held],
        work: float,
        cost: Callable[[float], float],
        following: str | None,
    ) -> tuple[StepRecord | None, bool]:
        """Keep the record of a step that was called, and its bytes where that is worth while.

        cost: the seconds it would take to make the outputs again, counted up to a given bound.
        following: the base key of what comes next, claimed in the same breath.
        Gives the record, None where a file changed while the step read it, so that nobody can
        say what it saw; and whether what comes next is this run's to compute.
        """
        stamps = {what: stamp for what, stamp in ctx.noted.items() if what.startswith("file:")}
        states = self.states(ctx)
        if any(stamp_of(what.removeprefix("file:")) != stamp for what, stamp in stamps.items()):
            ctx.warn("a file was changed while the step read it; its result is not kept")
            return None, False
        self._keep_bytes(index, outputs, cost)
        planned = self._plan.steps[index]
        base = parts.digest()
        record = StepRecord(
            key=full_key(base, states),
            base=base,
            step=planned.step.name,
            parts=msgspec.to_builtins(parts, enc_hook=repr, str_keys=True),
            states=states,
            outputs={name: held.record for name, held in outputs.items()},
            seconds=result.seconds,
            work=work,
            peak_bytes=result.peak_bytes,
            messages=[(message.text, message.is_warning) for message in ctx.messages],
            read=result.files_read,
            files=result.files_written,
            run=self._run,
            made=time.time(),
        )
        self.records[index] = record
        self._store.keep_sources(self._keys.code(planned))
        claims = self._store.claims
        statements = [keeping(record)]
        if claims.is_on:
            statements.append((GIVE_BACK, (base, claims.run)))
            if following is not None:
                statements.append((TAKE, (following, claims.run)))
        done = self._store.database.write_all(statements)
        return record, following is not None and claims.is_on and done[-1] == 1

    def keep_lost(self, held: Held) -> None:
        """Keep once more what was to be kept, and was lost or damaged."""
        if held.record.object is not None and held.record.digest is not None:
            self._store.objects.keep(held.value, held.record.digest, self._values)

    def depart(self, index: int, before: dict[str, Held], found: dict[str, Held]) -> str:
        """Let what was found take the place of what a step's record says; gives the warning.

        Its bytes are kept from now on, so that later runs agree with this one.
        """
        for held in found.values():
            self._keep_value(held)
        if index in self.records:
            outputs = {name: held.record for name, held in found.items()}
            record = msgspec.structs.replace(
                self.records[index], outputs=outputs, run=self._run, made=time.time()
            )
            self.records[index] = record
            self._store.records.keep(record)
        changed = [
            f"`{name}` was {held.record.digest} and is now {found[name].record.digest}"
            for name, held in before.items()
            if held.record.digest != found[name].record.digest
        ]
        planned = self._plan.steps[index]
        return (
            f"the step `{planned.id}` ({planned.mark}) is not deterministic: made again, "
            f"{', '.join(changed)}; the steps after it go by what was found"
        )

    def _keep_bytes(
        self, index: int, outputs: dict[str, Held], cost: Callable[[float], float]
    ) -> None:
        cache = self._plan.steps[index].cache
        for held in outputs.values():
            if held.record.plain is not None or cache is False:
                continue
            size = size_of(held.record.summary)
            if cache or is_worth_keeping(cost(1 + size / 1e6), size):
                self._keep_value(held)

    def _keep_value(self, held: Held) -> None:
        if held.record.digest is not None and held.record.plain is None:
            objects = self._store.objects
            held.record.object = objects.keep(held.value, held.record.digest, self._values)
            held.record.is_keepable = (
                held.record.object is not None or not self._store.trouble.may_write
            )

    def _surroundings(self, ctx: ContextState) -> Dependencies:
        return Dependencies(ctx, self._plan.registry, self._store.files, self._store.code)


def _is_kept(record: StepRecord) -> bool:
    """Whether every value that can be kept is."""
    return all(output.is_kept or not output.is_keepable for output in record.outputs.values())


def as_messages(record: StepRecord) -> list[Message]:
    """What a kept step said when it ran."""
    return [Message(text, is_warning) for text, is_warning in record.messages]
