"""Writes the record of a run: `run.json`, and `events.jsonl` while the run goes on."""

from __future__ import annotations

import math
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from flowrun.errors import error_text
from flowrun.planning.plan import PlannedStep
from flowrun.plugins.markers import hookimpl
from flowrun.recipes.reading import plain
from flowrun.running.record import Environment, PluginPlace, RunRecord, StepPlan, StepRun
from flowrun.running.results import RunInfo, StepResult
from flowrun.store.files import replacing
from flowrun.store.home import runs_folder
from flowrun.store.run_index import RECORD
from flowrun.store.seals import sealed_document
from flowrun.store.store import Store
from flowrun.values.texts import json_bytes

if TYPE_CHECKING:
    from flowrun.planning.plan import Plan
    from flowrun.plugins.registry import Plugin, Registry
    from flowrun.recipes.step_entry import StepEntry


def make_record(run: RunInfo) -> RunRecord:
    """The record of a run as it is now; constant parts are built once."""
    if run.record is None:
        run.record = _planned(run)
    return msgspec.structs.replace(
        run.record,
        seconds=round(run.seconds, 6),
        status=run.status,
        error=run.error,
        steps=[_step_run(step) for step in run.steps],
        process=os.getpid() if run.status == "running" else None,
        expectations=run.outcomes,
        metrics=_finite(run.metrics),
        warnings=run.warnings,
    )


def _planned(run: RunInfo) -> RunRecord:
    """The facts about a run before its first step."""
    recipe = run.plan.recipe
    return RunRecord(
        id=run.id,
        recipe=recipe.name,
        about=recipe.about,
        file=str(recipe.path) if recipe.path is not None else None,
        started=run.started.isoformat(timespec="milliseconds"),
        seed=recipe.seed,
        device=run.device,
        dtype=recipe.dtype,
        vars=_finite({name: plain(node) for name, node in recipe.vars.items()}),
        part=run.plan.part,
        plan=[_step_plan(step) for step in run.plan.steps],
        plugins=plugin_places(run.plan.registry),
        expect=_finite({path: plain(entry.value) for path, entry in recipe.expect.items()}),
        environment=_environment(run),
        resolved=resolved_recipe(run.plan),
    )


def _step_plan(step: PlannedStep) -> StepPlan:
    return StepPlan(
        id=step.id,
        step=step.step.name,
        plugin=step.plugin,
        options=_finite(step.keywords),
        inputs={**step.wires.inputs, **(step.wires.named or {})},
        outputs=dict(step.wires.outputs),
        seed=step.seed,
        device=step.device,
        dtype=step.dtype,
        folder=str(step.folder),
        line=str(step.mark),
    )


def _step_run(step: StepResult) -> StepRun:
    return StepRun(
        id=step.id,
        step=step.name,
        seconds=round(step.seconds, 6),
        peak_bytes=step.peak_bytes,
        device=step.device,
        dtype=step.dtype,
        inputs=_finite(step.inputs),
        outputs=_finite(step.outputs),
        digests=step.digests,
        key=step.key,
        kept=step.kept,
        messages=[message.text for message in step.messages],
        files_read=step.files_read,
        files_written=step.files_written,
        looked_at=step.looked_at,
        unseen=step.unseen,
    )


def _finite(value: Any) -> Any:
    """The value with `inf` and `nan`, which JSON does not have, as strings."""
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def _environment(run: RunInfo) -> Environment:
    from flowrun.plugins.distributions import OWN, version_of

    plugins = run.plan.registry.plugins.values()
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        cpus=os.cpu_count(),
        device=run.device_about,
        plugins={plugin.name: plugin.version or plugin.origin for plugin in plugins},
        packages={"flowrun": version_of(OWN), "torch": version_of("torch")},
        command=sys.argv,
    )


class RecordWriter:
    """The listener that writes a run's folder; the store reports files that cannot be written.

    If no step is called, only the end is written: there is nothing to lose before.
    """

    name = "record"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._events: BinaryIO | None = None
        self._waiting: list[bytes] = []

    @hookimpl
    def flowrun_run_started(self, run: RunInfo) -> None:
        run.folder = runs_folder() / run.id
        self._append("run_started", id=run.id, recipe=run.plan.recipe.name, device=run.device)

    @hookimpl
    def flowrun_step_started(self, run: RunInfo, result: StepResult) -> None:
        if self._events is None:
            self._begin(run)
        self._append("step_started", step=result.id, inputs=result.inputs)

    @hookimpl
    def flowrun_step_finished(self, result: StepResult) -> None:
        self._append("step_finished", **event_of(result), seconds=result.seconds)

    @hookimpl
    def flowrun_step_kept(self, result: StepResult) -> None:
        self._append("step_kept", **event_of(result), made_by=result.kept)

    @hookimpl
    def flowrun_step_failed(self, result: StepResult, error: BaseException) -> None:
        self._append("step_failed", step=result.id, error=error_text(error) or type(error).__name__)

    @hookimpl
    def flowrun_run_finished(self, run: RunInfo) -> None:
        self._append("run_finished", status=run.status, seconds=run.seconds)
        if self._events is None:
            self._begin(run)
        if run.folder is None or run.record is None:
            return
        try:
            if self._events is not None:
                self._events.close()
            written = self._write(run.record, run.folder)
        except OSError as error:
            self._store.errors.note(f"the record of the run, {run.folder}", error)
            run.folder = None
            return
        self._store.runs.add(run.id, written)

    def _begin(self, run: RunInfo) -> None:
        """Create the run's folder, with the record so far."""
        if run.folder is None:
            return
        try:
            run.folder.mkdir(parents=True)
            self._events = (run.folder / "events.jsonl").open("ab", buffering=0)
            if run.status == "running":
                self._write(make_record(run), run.folder)
            waiting, self._waiting = self._waiting, []
            self._events.write(b"".join(waiting))
        except OSError as error:
            self._store.errors.note(f"the record of the run, {run.folder}", error)
            run.folder = None

    def _write(self, record: RunRecord, folder: Path) -> bytes:
        """Write a record with its seal, and return the written bytes."""
        content = sealed_document(self._store.seals, folder.name, record.as_json())
        with replacing(folder / RECORD) as temporary:
            temporary.write_bytes(content)
        return content

    def _append(self, event: str, **fields: Any) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json_bytes({"time": now, "event": event, **fields}) + b"\n"
        if self._events is None:
            self._waiting.append(line)
            return
        try:
            self._events.write(line)
        except OSError as error:
            self._store.errors.note("the events of the run", error)


def event_of(result: StepResult) -> dict[str, Any]:
    """The content of an event for a step that returned its outputs."""
    messages = [message.text for message in result.messages]
    return {"step": result.id, "outputs": result.outputs, "messages": messages}


_WRITTEN = {"inf": "${.inf}", "-inf": "${-.inf}", "nan": "${.nan}"}


def resolved_recipe(plan: Plan) -> dict[str, Any]:
    """A plan's recipe with everything filled in, as a mapping that is a recipe again.

    Recipes that it extends are merged, references replaced, settings and arguments applied; plugins
    have absolute paths. JSON has no infinite numbers: they are written `${.inf}`, `${-.inf}` and
    `${.nan}`, and no other text looks like that, because `${` in a text of the recipe becomes
    `$${`.
    """
    recipe = plan.recipe
    mapping = {
        "recipe": recipe.name,
        "about": recipe.about,
        "seed": recipe.seed,
        "device": recipe.device,
        "dtype": recipe.dtype,
        "vars": {name: plain(node) for name, node in recipe.vars.items()},
        "plugins": [place.name for place in plugin_places(plan.registry)],
        "section": recipe.section,
        "needs": list(recipe.needs.texts),
        "tags": list(recipe.tags),
        "steps": [_step(entry) for entry in recipe.steps],
        "expect": {path: plain(entry.value) for path, entry in recipe.expect.items()},
    }
    return {key: escaped(value) for key, value in mapping.items() if value not in ("", [], {})}


def plugin_places(registry: Registry) -> list[PluginPlace]:
    """The plugins that were loaded by name, each with the folder to find it from."""
    places = (_place(plugin) for plugin in registry.plugins.values())
    return [place for place in places if place is not None]


def _step(entry: StepEntry) -> dict[str, Any]:
    options = {} if entry.options is None else plain(entry.options)
    beside = {key: plain(item.value) for key, item in entry.beside.items()}
    return {entry.name: options, **beside, "id": entry.id}


def _place(plugin: Plugin) -> PluginPlace | None:
    """The place of a plugin of `-p` or `plugins:`; None for an installed one."""
    file = getattr(plugin.module, "__file__", None)
    if plugin.source == "file" and file:
        return PluginPlace(file, str(Path(file).parent))
    if plugin.source == "module":
        folder = Path.cwd() if file is None else _root(Path(file), plugin.name)
        return PluginPlace(plugin.name, str(folder))
    return None


def _root(file: Path, module: str) -> Path:
    """The folder from which a module of this name is imported."""
    return file.parents[module.count(".") + (file.stem == "__init__")]


def escaped(value: Any) -> Any:
    """A value as it is written in a resolved recipe: no part of it looks like a reference."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, float) and not math.isfinite(value):
        return _WRITTEN[str(value)]
    if isinstance(value, list):
        return [escaped(item) for item in value]
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    return value
