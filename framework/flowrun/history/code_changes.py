"""The code of two runs' steps compared: which lines of which files, which versions."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flowrun.errors import shown_path
from flowrun.history.changes import Change, differing
from flowrun.history.past_run import PastRun
from flowrun.store.changes import code_change
from flowrun.store.step_records import StepRecord
from flowrun.store.store import Store

Pairs = Mapping[str, tuple[StepRecord | None, StepRecord | None]]


class CodeChanges:
    """Compares the code by which two runs' steps went.

    pairs: what the store knows of each step that both runs have, by the step's id.
    """

    def __init__(self, old: PastRun, new: PastRun, pairs: Pairs, store: Store) -> None:
        self._old = old
        self._new = new
        self._pairs = pairs
        self._store = store

    def changes(self) -> Iterator[Change]:
        """What differs, each thing once, with the steps that it concerns."""
        concerned: dict[str, list[str]] = {}
        for step, (old, new) in self._pairs.items():
            if old is not None and new is not None and old.key != new.key:
                for text in self._of_step(old.parts, new.parts):
                    concerned.setdefault(text, []).append(step)
        for text, steps in concerned.items():
            yield Change(f"{text} (in {', '.join(f'`{step}`' for step in steps)})")
        unknown = [step for step in self._pairs if self._is_unknown(step)]
        if unknown:
            names = ", ".join(f"`{step}`" for step in unknown)
            message = f"not known of {names}: the store has no record of it in both runs"
            yield Change(message, is_unknown=True)

    def _of_step(self, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
        for name, before, after in differing(old["code"], new["code"]):
            place = self._place(name)
            yield code_change(place, before or None, after or None, self._store.source)
        for what, label in (("plugin", "plugin"), ("version", "the step's `version`")):
            if old[what] != new[what]:
                yield f"{label}: {old[what] or 'none'} -> {new[what] or 'none'}"
        for name, before, after in differing(old["packages"], new["packages"]):
            yield f"package {name}: {before or 'none'} -> {after or 'none'}"
        for name, _, _ in differing(old["around"], new["around"]):
            yield f"what the plugin `{name}` does round each step"

    def _is_unknown(self, step: str) -> bool:
        """Whether the code of a step may differ without anybody being able to say."""
        keys = [
            next((one.key for one in run.steps if one.id == step), None)
            for run in (self._old, self._new)
        ]
        is_same = keys[0] is not None and keys[0] == keys[1]
        return None in self._pairs[step] and not is_same

    def _place(self, module: str) -> str:
        """The file of a module as it is found now; its name where it is not."""
        for place in self._new.plugins:
            if Path(place.name).name == module:
                return shown_path(Path(place.name))
        parts = module.split(".")
        folders = [Path(place.folder) for place in self._new.plugins]
        path = _file_in(folders, parts) or _file_in(_package_folders(parts[0]), parts[1:])
        return module if path is None else shown_path(path)


def _file_in(folders: list[Path], parts: list[str]) -> Path | None:
    for folder in folders:
        base = folder.joinpath(*parts)
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
    return None


def _package_folders(package: str) -> list[Path]:
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return []
    return [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
