"""The things that a step looked at beside its inputs and options, and their present states.

A step's record holds, for each thing it looked at, the state in which it was: a file's digest, a
variable's value, the code of a file format. A kept result is valid only if each is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowrun.errors import shown_path
from flowrun.plugins.observation.states import OBSERVED, state_now
from flowrun.store.files import paths_below
from flowrun.values.digests import parts_digest

if TYPE_CHECKING:
    from flowrun.plugins.registry import Registry
    from flowrun.running.context import ContextState
    from flowrun.store.code import CodeIndex
    from flowrun.store.file_digests import FileDigests

CODE_FOLDER = "folder of its code"  # the kind of a state, as it is shown
MISSING = "none"  # the state of a file, variable, format, data set or item that is not there

_KINDS = {
    "path": "path",
    "env": "environment variable",
    "module": "package",
    "format": "the code of the format for",
    "dataset": "data set",
}


_OF_PATHS = {
    "list": "the list of files in",
    "sizes": "the list of files, with their sizes and times, in",
    "tree": "the content of",
    "times": "size, time or mode of",
}


def in_words(what: str, state: str) -> str:
    """What a step looked at and found in another state than before."""
    kind, _, name = what.partition(":")
    if kind == "file":
        path = Path(name)
        verb = "is gone" if not path.exists() else "is there now" if state == MISSING else "changed"
        return f"file {shown_path(path)} {verb}"
    if kind in _OF_PATHS:
        return f"{_OF_PATHS[kind]} {shown_path(Path(name))} changed"
    if kind in ("stat", "mode", "link"):
        return f"file {shown_path(Path(name))} {'is there now' if state == MISSING else 'changed'}"
    if kind == "cwd":
        return "the current folder changed, from which it opened a relative path"
    if kind == "input":
        return "the standard input was read"
    if kind == "names":
        return "the names of the environment variables changed"
    if kind == "item":
        hook, _, item = name.partition(":")
        return f"`{item}`, given by {hook}, changed"
    return f"{_KINDS[kind]} {name} changed" if kind in _KINDS else f"the {kind} changed"


class Dependencies:
    """The present states of the things that one step may look at."""

    def __init__(
        self, ctx: ContextState, registry: Registry, files: FileDigests, code: CodeIndex
    ) -> None:
        self._ctx = ctx
        self._registry = registry
        self._files = files
        self._code = code

    def states(self, noted: Iterable[str]) -> dict[str, str]:
        """The state of each thing noted."""
        return {what: self._state(what) for what in noted}

    def changed(self, states: Mapping[str, str]) -> str | None:
        """The first thing whose state has changed; None if none has."""
        return next((what for what, state in states.items() if self._state(what) != state), None)

    def _state(self, what: str) -> str:
        kind, _, name = what.partition(":")
        value: Any
        if kind == "file":
            value = self._files.of(Path(name))
        elif kind == "path":
            value = self._ctx.path(name)
        elif kind == "tree":
            value = self._tree_state(Path(name))
        elif kind == "module":
            value = self._code.packages.version(name)
        elif kind == CODE_FOLDER:
            value = self._code_folder(name)
        elif kind in OBSERVED:
            value = state_now(what)
        elif kind == "format":
            chosen = self._registry.formats.get(name)
            value = None if chosen is None else self._code.of_functions([chosen.read, chosen.write])
        elif kind == "item":
            value = self._item_state(*name.split(":", 1))
        elif kind == "dataset":
            value = self._registry.datasets.get(name)
        elif kind == "present":
            value = ", ".join(self._ctx.present)
        else:
            value = getattr(self._ctx, kind, None)
        return MISSING if value is None else str(value)

    def _code_folder(self, plugin: str) -> Path | None:
        """The folder of a plugin's code; of the step's own without a name."""
        found = self._registry.plugins.get(plugin)
        local = self._ctx.local if not plugin else found.local if found is not None else None
        return None if local is None else local.folder

    def _item_state(self, hook: str, name: str) -> str | None:
        """The digest of an item that a plugin gives by another one's hook: code, and settings."""
        item = self._registry.items(hook).get(name)
        if item is None:
            return None
        parts = {field: getattr(item, field) for field in _fields(item)}
        functions = [part for part in parts.values() if callable(part)]
        settings = {field: repr(part) for field, part in parts.items() if not callable(part)}
        return parts_digest([self._code.of_functions(functions), settings])

    def _tree_state(self, folder: Path) -> str | None:
        """The digest of all files below a folder, by name and content."""
        if not folder.is_dir():
            return None
        files = sorted(path for path in map(Path, paths_below(str(folder))) if path.is_file())
        return parts_digest([[str(one.relative_to(folder)), self._files.of(one)] for one in files])


def _fields(item: object) -> tuple[str, ...]:
    """The names of an item's fields: of a msgspec struct, or of an object with attributes."""
    return getattr(item, "__struct_fields__", None) or tuple(vars(item))
