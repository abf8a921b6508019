"""What a step looked at: in its call, while its modules were imported, and in calls before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flowrun.plugins.observation import OBSERVED, state_now
from flowrun.plugins.ownership import code_folder
from flowrun.plugins.process_memory import ProcessMemory, shared_memory
from flowrun.running.context import ContextState
from flowrun.running.dependencies import CODE_FOLDER
from flowrun.store.closure import Code
from flowrun.store.keeping import lines_that_keep_in
from flowrun.store.syntax import Syntax

_OF_PATHS = ("file", "list", "sizes", "stat", "times", "tree")


def seen_by(code: Code, ctx: ContextState, written: Iterable[str]) -> dict[str, Any]:
    """All that a step looked at, with the state in which it was.

    Left out: its code, which is in its key, and the files that it wrote.
    """
    seen = _memory(ctx).of(code.keeping, code.whole)
    for module in code.loaded:
        seen |= module.observation.seen
    if code.is_blind and ctx.local is not None:
        seen |= {f"file:{one.path}": one.stamp for one in ctx.local.loaded.values()}
    seen |= ctx.observation.seen
    for name in (*code.modules, *code.packages):
        seen.pop(f"module:{name}", None)
    for path in (*map(str, code.paths.values()), *written):
        seen.pop(f"file:{path}", None)
        seen.pop(f"stat:{path}", None)
    # It may have found a path by its own (`__file__`), and a copy of the code then finds another.
    if ctx.local is not None and any(what.partition(":")[0] in _OF_PATHS for what in seen):
        seen[f"{CODE_FOLDER}:"] = str(ctx.local.folder)
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
    _memory(ctx).note(
        ctx.observation, lines_that_keep_in(files, syntax, with_objects=ctx.local is not None)
    )


def _memory(ctx: ContextState) -> ProcessMemory:
    return shared_memory if ctx.local is None else ctx.local.memory
