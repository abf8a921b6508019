"""What is known of the steps of a run: their keys, records that still hold, and kept values."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from flowrun.errors import FlowrunError, shown_path
from flowrun.expectations.check import CheckResult, JudgeContext
from flowrun.expectations.expectation import Expectation
from flowrun.planning.plan import Plan
from flowrun.plugins.process_settings import changed_settings
from flowrun.running.around import Around
from flowrun.running.checkpoints import Checkpoints, Interrupts
from flowrun.running.context import ContextState
from flowrun.running.dataflow import Output, size_of
from flowrun.running.dependencies import Dependencies, in_words
from flowrun.running.looking import changed_meanwhile, remember, seen_by
from flowrun.running.record import RunRecord, read_run
from flowrun.running.results import StepResult
from flowrun.store.closure import Code
from flowrun.store.cost_rule import is_worth_keeping
from flowrun.store.files import digest_of
from flowrun.store.home import runs_folder
from flowrun.store.live_code import live_code
from flowrun.store.run_index import is_own_run
from flowrun.store.step_records import KeyParts, OutputRecord, StepRecord, code_parts, full_key
from flowrun.store.store import MISSING, Store
from flowrun.store.structures import plain_document, put_together
from flowrun.store.syntax import parsed_syntax
from flowrun.values.codecs import Codecs
from flowrun.values.digests import in_order, parts_digest
from flowrun.values.instances import changed_class

_RESULTS = "results"  # the output of the record of an expectation


class Key(msgspec.Struct, frozen=True):
    """A base key, and the parts of which it is the digest."""

    base: str
    parts: KeyParts

    @classmethod
    def of(cls, parts: KeyParts) -> Key:
        """The key of these parts: a step may look at the order of its options' items."""
        return cls(parts_digest([parts, in_order(parts.options)]), parts)


class Cache:
    """Finds and keeps the results of a plan's steps and expectations.

    store: without one nothing has a key, so nothing is found or kept.
    run: the id of the run that makes new records.
    since: records made before this moment are not found, except those of steps above the part of
        the recipe that runs.
    """

    def __init__(
        self,
        plan: Plan,
        devices: list[str],
        codecs: Codecs,
        store: Store | None,
        run: str = "",
        since: float = 0.0,
    ) -> None:
        self._plan = plan
        self._devices = devices
        self._codecs = codecs
        self._store = store
        self._run = run
        self._since = since
        above = () if plan.part is None else plan.part.above
        self._above = {index for index, step in enumerate(plan.steps) if step.id in above}
        self._records: dict[int, StepRecord] = {}
        self._codes: dict[int, Code] = {}
        self._versions = {  # a local file has none, and its name may differ between two folders
            plugin.name: f"{plugin.name} {plugin.version}" if plugin.version else ""
            for plugin in plan.registry.plugins.values()
        }

    @cached_property
    def _around(self) -> Around:
        assert self._store is not None
        return Around(self._plan.registry, self._store.code, self._codecs)

    @property
    def is_on(self) -> bool:
        """Whether anything is found and kept."""
        return self._store is not None

    def key(self, index: int, inputs: Mapping[str, Output]) -> Key | None:
        """The key of a step; None if the content of an input has no digest."""
        if self._store is None:
            return None
        digests: dict[str, str] = {}
        for name, output in inputs.items():
            if output.record.digest is None:
                return None
            digests[name] = output.record.digest
        planned = self._plan.steps[index]
        modules, packages = code_parts(self.code(index))
        parts = KeyParts(
            step=planned.step.name,
            plugin=self._versions[planned.plugin],
            version=planned.step.version,
            code=modules,
            packages=packages,
            around=self._around.digests(planned.plugin),
            options=planned.keywords,
            inputs=digests,
            dtype=planned.dtype or self._plan.recipe.dtype,
            device=self._devices[index].partition(":")[0],
            seed=planned.seed if planned.step.random else None,
            settings=changed_settings(self._plan.registry.settings),
        )
        return Key.of(parts)

    def code(self, index: int) -> Code:
        """The code of a step, as it was when it was first asked for: for its key."""
        assert self._store is not None
        if index not in self._codes:
            planned = self._plan.steps[index]
            plugin = self._plan.registry.plugins[planned.plugin]
            code = self._store.code.of_step(planned.step, plugin)
            if not code.modules:
                code = live_code(planned.step.function, self._store.code, self._codecs)
            self._codes[index] = code
        return self._codes[index]

    def lock(self, key: Key | None, waiting: Callable[[], None]) -> AbstractContextManager[None]:
        """Hold the lock of a key. waiting: called once if another process makes the user wait."""
        if self._store is None or key is None:
            return nullcontext()
        return self._store.locks.held(key.base, waiting)

    def find(
        self, index: int, key: Key | None, ctx: ContextState, since: float | None = None
    ) -> StepRecord | None:
        """The record, made since a moment, by which a step need not be called, or None."""
        if index in self._above:
            since = 0.0
        for record in self.records_of(key, since):
            if self.obstacle(index, record, ctx) is None:
                return record
        return None

    def records_of(self, key: Key | None, since: float | None = None) -> list[StepRecord]:
        """The records of a base key, the last made first."""
        since = self._since if since is None else since
        if self._store is None or key is None:
            return []
        found = self._store.records.of_base(key.base)
        return [record for record in found if record.made >= since]

    def obstacle(self, index: int, record: StepRecord, ctx: ContextState) -> str | None:
        """The reason to call a step although its base key has a record; None if it is kept.

        Everything the step looked at must be unchanged. If it acts outside of the recipe, the files
        it wrote must be unchanged as well; with `cache: true`, its values must be kept.
        """
        assert self._store is not None
        changed = self._dependencies(ctx).changed(record.states)
        if changed is not None:
            return in_words(changed, record.states[changed])
        planned = self._plan.steps[index]
        if planned.step.effect and not record.files:
            return "it acts outside of the recipe, and wrote no file that could be compared"
        other = changed_class(record.classes, self._codecs.classes)
        if other is not None:
            return f"the code of `{other}` has changed"
        for name, digest in record.files.items():
            path = Path(name)
            if digest is None or self._store.files.of(path) != digest:
                what = "changed since it wrote it" if path.exists() else "is gone"
                return f"file {shown_path(path)} {what}"
        if planned.cache and not record.is_kept:
            return "it says `cache: true`, and its values are not kept yet"
        return None

    def checkpoints(
        self, index: int, key: Key | None, ctx: ContextState, interrupts: Interrupts
    ) -> Checkpoints | None:
        """The checkpoints of a step that is about to be called; None if it can make none."""
        if self._store is None or key is None or not self._plan.steps[index].step.takes_context:
            return None

        def states() -> dict[str, str]:
            return self.states(index, ctx, ctx.all_written())

        checkpoints = Checkpoints(
            self._store, key.base, self._codecs, interrupts, states, lambda: ctx.place
        )
        if not self._since or index in self._above:
            checkpoints.restore(lambda states: self._dependencies(ctx).changed(states) is None)
        return checkpoints

    def file_digest(self, path: Path) -> str | None:
        """The digest of a file that a step read or wrote; None if there is no such file."""
        return digest_of(path) if self._store is None else self._store.files.of(path)

    def outputs(self, index: int, record: StepRecord) -> dict[str, Output]:
        """The outputs of a step that is kept."""
        self._records[index] = record
        return {name: Output(index, output) for name, output in record.outputs.items()}

    def read(self, record: OutputRecord) -> Any:
        """A value whose bytes are kept, or MISSING."""
        if self._store is None or record.object is None or record.digest is None:
            return MISSING
        return self._store.objects.read(record.object, record.digest, self._codecs)

    def keep(
        self,
        index: int,
        key: Key,
        ctx: ContextState,
        result: StepResult,
        outputs: dict[str, Output],
        work: float,
        cost: Callable[[float], float],
    ) -> StepRecord | None:
        """Keep the record of a step that was called, and its bytes if that is worth while.

        cost: the seconds it would take to recompute the outputs, counted up to a given bound.

        Returns None if a file changed while the step read it: the content it saw is unknown.
        """
        assert self._store is not None
        replaced = self._store.code.replaced(self.code(index), ctx.local)
        changed = changed_meanwhile(self._seen(index, ctx, result.files_written), ctx)
        if replaced is not None:
            changed = f"file:{replaced}"
        if changed is not None:
            ctx.warn(f"{in_words(changed, '')} while the step ran; its result is not kept")
            return None
        self._keep_bytes(index, outputs, cost)
        record = self._record(
            key, result.states, {name: one.record for name, one in outputs.items()}
        )
        record.seconds, record.work, record.peak_bytes = result.seconds, work, result.peak_bytes
        record.messages = [(message.text, message.is_warning) for message in ctx.messages]
        record.files, record.unseen = result.files_written, result.unseen
        self._records[index] = record
        self._store.keep_sources(self.code(index))
        self._store.records.keep(record)
        return record

    def keep_lost(self, output: Output) -> None:
        """Keep once more a value that was kept, and is lost or damaged."""
        if self._store is not None and output.record.object is not None:
            assert output.record.digest is not None
            self._store.objects.keep(output.value, output.record.digest, self._codecs)

    def replace(self, index: int, found: dict[str, Output]) -> None:
        """Let the outputs of a step that is not deterministic replace those of its record.

        Their bytes are kept from now on, so that later runs agree with this one.
        """
        for output in found.values():
            self._keep_value(output)
        if self._store is not None and index in self._records:
            record = msgspec.structs.replace(
                self._records[index],
                outputs={name: output.record for name, output in found.items()},
                run=self._run,
                made=time.time(),
            )
            self._records[index] = record
            self._store.records.keep(record)

    def expectation_key(
        self, expectation: Expectation, output: Output | None, context: JudgeContext
    ) -> Key | None:
        """The key of an expectation's results; None if its value is available without a step."""
        if self._store is None or output is None or output.record.digest is None:
            return None
        if output.record.plain is not None:
            return None
        checks = {check.name: check.identity(context) for check in expectation.of_one_run}
        parts = KeyParts(
            step="expect",
            plugin="",
            version="",
            code={},
            packages={},
            around=self._around.codecs,
            options={"path": expectation.path.text, "checks": checks},
            inputs={expectation.path.root: output.record.digest},
            dtype=self._plan.recipe.dtype,
            device="",
            seed=None,
        )
        return Key.of(parts)

    def find_results(self, key: Key | None) -> list[CheckResult] | None:
        """The results of an expectation that was checked before; None if it was not."""
        for record in self.records_of(key):
            plain = record.outputs[_RESULTS].plain
            if plain is not None:
                found = put_together(plain[0], {}, None)
                return msgspec.convert(found, list[CheckResult])
        return None

    def keep_results(self, key: Key | None, results: list[CheckResult]) -> None:
        """Keep the results of an expectation as a step of its own."""
        if self._store is not None and key is not None:
            document = plain_document(msgspec.to_builtins(results))
            output = OutputRecord(None, {"type": "list"}, [document])
            self._store.records.keep(self._record(key, {}, {_RESULTS: output}))

    def _record(
        self, key: Key, states: dict[str, str], outputs: dict[str, OutputRecord]
    ) -> StepRecord:
        return StepRecord(
            key=full_key(key.base, states),
            base=key.base,
            step=key.parts.step,
            parts=msgspec.to_builtins(key.parts, enc_hook=repr, str_keys=True),
            states=states,
            outputs=outputs,
            run=self._run,
            made=time.time(),
        )

    def _keep_bytes(
        self, index: int, outputs: dict[str, Output], cost: Callable[[float], float]
    ) -> None:
        cache = self._plan.steps[index].cache
        for output in outputs.values():
            if output.record.plain is not None or cache is False:
                continue
            size = size_of(output.record.summary)
            if cache or is_worth_keeping(cost(1 + size / 1e6), size):
                self._keep_value(output)

    def _keep_value(self, output: Output) -> None:
        record = output.record
        if self._store is not None and record.digest is not None and record.plain is None:
            record.object = self._store.objects.keep(output.value, record.digest, self._codecs)
            record.is_keepable = record.object is not None or not self._store.errors.may_write

    def states(self, index: int, ctx: ContextState, written: Iterable[str]) -> dict[str, str]:
        """The present states of the things a step has looked at so far; none without a store.

        written: the files that it wrote, which are left out.
        """
        if self._store is None:
            return {}
        return self._dependencies(ctx).states(self._seen(index, ctx, written))

    def _seen(self, index: int, ctx: ContextState, written: Iterable[str]) -> dict[str, Any]:
        own = seen_by(self.code(index), ctx.local, ctx.observation, written)
        return self._around.seen(written) | own

    def remember(self, index: int, ctx: ContextState) -> None:
        """Note things that a called step may have left in its modules' variables and caches."""
        syntax = parsed_syntax if self._store is None else self._store.code.syntax
        remember(self._plan.steps[index].step.function, ctx, syntax)
        if self._store is not None:
            self._around.remember()

    def _dependencies(self, ctx: ContextState) -> Dependencies:
        assert self._store is not None
        return Dependencies(ctx, self._plan.registry, self._store.files, self._store.code)


def records_of_last_run(plan: Plan, store: Store) -> dict[str, StepRecord]:
    """The records of the last run of a plan's recipe, by the id of the step.

    If that was a run of a part, or ended early, other steps are those of the runs before it.
    """
    found: dict[str, StepRecord] = {}
    for run in last_runs(plan, store):
        for step in run.steps:
            record = None if step.key is None else store.records.of_key(step.key)
            if record is not None:
                found.setdefault(step.id, record)
    return found


def last_runs(plan: Plan, store: Store) -> Iterator[RunRecord]:
    """The latest runs of a plan's recipe, up to one that came to the end of the whole recipe."""
    recipe = plan.recipe
    file = str(recipe.path) if recipe.path is not None else None
    for row in store.runs.latest_of(file, recipe.name):
        if not is_own_run(runs_folder() / row.id, store.seals):
            continue  # it was altered since it was listed
        with contextlib.suppress(FlowrunError):  # a record that is unreadable explains nothing
            yield read_run(runs_folder() / row.id)
