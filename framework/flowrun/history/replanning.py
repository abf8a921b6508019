"""The plan of a past run made again, from the recipe that its record holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from flowrun.errors import FlowrunError, Mark, Source
from flowrun.history.past_run import PastRun
from flowrun.recipes.devices import AUTO, Needs
from flowrun.recipes.document import StepEntry
from flowrun.recipes.keys import STEP_KEYS
from flowrun.recipes.nodes import Entry, Mapping, Node, Scalar, Sequence
from flowrun.recipes.recipe import Recipe
from flowrun.running.resolving import unescaped


def recipe_of(run: PastRun) -> Recipe:
    """The recipe of a run as it was after every setting; raises FlowrunError without one."""
    try:
        resolved = msgspec.convert(unescaped(run.resolved), _Resolved)
    except msgspec.ValidationError as error:
        raise FlowrunError(
            f"the record of the run {run.id} does not hold its recipe whole ({error})\n"
            "    an earlier flowrun made it: run the recipe again"
        ) from None
    return _Remade(run, resolved).recipe()


class _Resolved(msgspec.Struct):
    recipe: str
    steps: list[dict[str, Any]]
    about: str = ""
    seed: int = 0
    device: str = AUTO
    dtype: str = "float32"
    vars: dict[str, Any] = {}
    section: str = ""
    needs: list[str] = []
    tags: list[str] = []
    expect: dict[str, Any] = {}


class _Remade:
    """A recipe whose parts stand in a text of their own, a line for each, for messages."""

    def __init__(self, run: PastRun, resolved: _Resolved) -> None:
        self._run = run
        self._resolved = resolved
        self._steps = [f"  - {_text(step)}" for step in resolved.steps]
        self._expect = [f"  {path}: {_text(bound)}" for path, bound in resolved.expect.items()]
        self._plugins = [f"  - {place.name}" for place in run.plugins]
        self._lines = [
            f"recipe: {resolved.recipe}",
            "plugins:", *self._plugins,
            "steps:", *self._steps,
            "expect:", *self._expect,
        ]  # fmt: skip
        self._sources: dict[str, Source] = {}

    def recipe(self) -> Recipe:
        """The recipe, its paths starting from where they started in the run."""
        resolved, run = self._resolved, self._run
        # A run that was skipped chose no device.
        device = resolved.device if run.status == "skipped" else run.device or resolved.device
        path = None if run.file is None else Path(run.file)
        top = Mark(self._source("") if path is None else self._source(str(path.parent)), 0, 0)
        return Recipe(
            name=resolved.recipe,
            about=resolved.about,
            seed=resolved.seed,
            device=device,
            dtype=resolved.dtype,
            vars={name: _node(value, top) for name, value in resolved.vars.items()},
            plugins=tuple(self._placed_plugins()),
            section=resolved.section,
            needs=Needs(tuple(resolved.needs)),
            tags=tuple(resolved.tags),
            steps=tuple(self._entries()),
            expect=dict(self._expectations(top.source)),
            source=top.source,
        )

    def _entries(self) -> Iterator[StepEntry]:
        folders = {step.id: step.folder for step in self._run.plan}
        before = self._lines.index("steps:") + 1
        for number, step in enumerate(self._resolved.steps):
            beside = {key: value for key, value in step.items() if key in STEP_KEYS}
            names = [key for key in step if key not in STEP_KEYS]
            step_id = str(beside.get("id"))
            if len(names) != 1 or step_id not in folders:
                message = f"the record of the run {self._run.id} names no step in: {_text(step)}"
                raise FlowrunError(message)
            mark = Mark(self._source(folders[step_id]), before + number, 4)
            yield StepEntry(
                mark,
                names[0],
                step_id,
                _node(step[names[0]], mark),
                {key: _entry(key, value, mark) for key, value in beside.items()},
            )

    def _placed_plugins(self) -> Iterator[Scalar]:
        before = self._lines.index("plugins:") + 1
        for number, place in enumerate(self._run.plugins):
            mark = Mark(self._source(place.folder), before + number, 4)
            yield Scalar(mark, place.name, place.name)

    def _expectations(self, source: Source) -> Iterator[tuple[str, Entry]]:
        before = len(self._lines) - len(self._expect)
        for number, (path, bound) in enumerate(self._resolved.expect.items()):
            yield path, _entry(path, bound, Mark(source, before + number, 2))

    def _source(self, folder: str) -> Source:
        """The text of the recipe, standing in a folder; without one, in none."""
        if folder not in self._sources:
            file = "recipe" if self._run.file is None else Path(self._run.file).name
            path = Path(folder, file) if folder else None
            text = "\n".join(self._lines)
            self._sources[folder] = Source(f"recipe of run {self._run.id}", text, path)
        return self._sources[folder]


def _node(value: Any, mark: Mark) -> Node:
    """A value as the node of a recipe."""
    if isinstance(value, dict):
        return Mapping(mark, {key: _entry(key, item, mark) for key, item in value.items()})
    if isinstance(value, list):
        return Sequence(mark, tuple(_node(item, mark) for item in value))
    return Scalar(mark, value, str(value), quoted=isinstance(value, str))


def _entry(key: str, value: Any, mark: Mark) -> Entry:
    return Entry(Scalar(mark, key, key), _node(value, mark))


def _text(value: object) -> str:
    """A value in one line, as it could stand in a recipe."""
    return json.dumps(value, ensure_ascii=False)
