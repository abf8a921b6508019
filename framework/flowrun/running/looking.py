"""What a step looked at: in its call, while its modules were imported, and in calls before it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from flowrun.plugins.local_modules import LocalModules, modules_of_plugins
from flowrun.plugins.observation.ownership import code_folder
from flowrun.plugins.observation.record import Observation
from flowrun.plugins.observation.states import OBSERVED, state_now
from flowrun.plugins.process_memory import Lines, ProcessMemory, shared_memory
from flowrun.running.context import ContextState
from flowrun.running.dependencies import CODE_FOLDER
from flowrun.store.closure import Code
from flowrun.store.keeping import lines_that_keep_in
from flowrun.store.syntax import Syntax

_OF_PATHS = ("file", "list", "sizes", "stat", "times", "tree")


def seen_by(
    code: Code,
    local: LocalModules | None,
    observation: Observation,
    written: Iterable[str],
    plugin: str = "",
) -> dict[str, Any]:
    """All that some code looked at, with the state in which it was.

    Left out: the code itself, which is in the key, and the files that were written. local: the
    modules of its folder. observation: of its call. plugin: whose code it is, if not the step's.
    """
    seen = _memory(local).of(code.keeping, code.whole)
    for module in code.loaded:
        seen |= module.observation.seen
    if code.is_blind and local is not None:
        for module in (*local.loaded.values(), *modules_of_plugins()):
            seen |= {**module.observation.seen, f"file:{module.path}": module.stamp}
    seen |= observation.seen
    seen = {what: state for what, state in seen.items() if what not in code.own}
    for path in written:
        seen.pop(f"file:{path}", None)
        seen.pop(f"stat:{path}", None)
    # It may have found a path by its own (`__file__`), and a copy of the code then finds another.
    if local is not None and any(what.partition(":")[0] in _OF_PATHS for what in seen):
        seen[f"{CODE_FOLDER}:{plugin}"] = str(local.folder)
    return seen


def changed_meanwhile(seen: Mapping[str, Any], ctx: ContextState) -> str | None:
    """The first thing that has changed since the step looked at it, and not by the step.

    A file that the step itself has removed counts: the step cannot run again as it did.
    """
    for what, before in seen.items():
        kind, _, path = what.partition(":")
        now = state_now(what) if kind in OBSERVED else before
        if now != before and (now is None or not ctx.observation.wrote_at(path)):
            return what
    return None


def remember(
    function: Callable[..., Any], ctx: ContextState, syntax: Callable[[bytes], Syntax]
) -> None:
    """Note the things that a call looked at and may have left in variables and caches of modules.

    Of installed plugins, whose modules stay for as long as the process, caches count and variables
    that are filled; most of their objects hold no file. function: of the step that was called.
    syntax: gives that of a module's text.
    """
    folder, _ = code_folder(function)
    files = ctx.observation.caller_files(str(folder))
    keeping = lines_that_keep_in(files, syntax, with_objects=ctx.local is not None)
    note_kept(ctx.local, ctx.observation, keeping)


def note_kept(
    local: LocalModules | None, observation: Observation, keeping: Collection[Lines]
) -> None:
    """Note the things looked at inside definitions that keep values.

    local: the modules of their folder; None if they are installed.
    """
    _memory(local).note(observation, keeping)


def _memory(local: LocalModules | None) -> ProcessMemory:
    return shared_memory if local is None else local.memory
