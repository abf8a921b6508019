"""The records of one run's steps: found in the store where they still hold, and kept there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from flowrun.context import Context, Message
from flowrun.flow import Flow
from flowrun.held import Held, size_of
from flowrun.noting import Surroundings, in_words
from flowrun.planning import Plan
from flowrun.runs import StepResult
from flowrun.step_keys import StepKeys
from flowrun.store.claims import GIVE_BACK, TAKE
from flowrun.store.file_digests import stamp_of
from flowrun.store.keeping import is_worth_keeping
from flowrun.store.keys import KeyParts, full_key
from flowrun.store.step_records import StepRecord, keeping
from flowrun.store.store import Store
from flowrun.values import Values


class Recording:
    """Looks up and keeps what is known of a plan's steps.

    records: the record by which each step of the run is known so far, by position.
    """

    def __init__(
        self, plan: Plan, flow: Flow, keys: StepKeys, store: Store, values: Values, run: str
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

    def find(self, index: int, base: str, ctx: Context) -> StepRecord | None:
        """The record by which a step need not be called; None where there is none that holds.

        Everything the step looked at must be as it was, and, where it acts outside, the files it
        wrote must be as it left them.
        """
        surroundings = self._surroundings(ctx)
        for record in self._store.records.of_base(base):
            if surroundings.changed(record.states) is None:
                effect = self._plan.steps[index].step.effect
                return record if not effect or self.is_done(record) else None
        return None

    def changed(self, index: int, record: StepRecord, ctx: Context) -> str | None:
        """What a step looked at that is not as it was, in words; None where all is."""
        what = self._surroundings(ctx).changed(record.states)
        return None if what is None else in_words(what, record.states[what])

    def is_done(self, record: StepRecord) -> bool:
        """Whether the files that a step wrote are still what they were; of none it is not known."""
        return bool(record.files) and all(
            digest is not None and self._store.files.of(Path(path)) == digest
            for path, digest in record.files.items()
        )

    def use(self, index: int, record: StepRecord) -> dict[str, Held]:
        """The outputs of a step that is kept."""
        self.records[index] = record
        return {name: Held(index, output) for name, output in record.outputs.items()}

    def keep(
        self,
        index: int,
        parts: KeyParts,
        ctx: Context,
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
        states = self._surroundings(ctx).states(ctx.noted)
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
            held.record.object = self._store.objects.keep(
                held.value, held.record.digest, self._values
            )

    def _surroundings(self, ctx: Context) -> Surroundings:
        return Surroundings(ctx, self._plan.registry, self._store.files, self._store.code)


def as_messages(record: StepRecord) -> list[Message]:
    """What a kept step said when it ran."""
    return [Message(text, is_warning) for text, is_warning in record.messages]
