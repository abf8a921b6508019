"""Writes the memos from which `store.memo` answers a command with every step kept."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flowrun.cli.reports import end_text, left_lines, outcome_line, step_text, title
from flowrun.expectations.golden.files import golden_files
from flowrun.running.dependencies import MISSING
from flowrun.running.record_writer import event_of, make_record
from flowrun.running.results import HOOKS, RunInfo
from flowrun.store.files import replacing
from flowrun.store.home import runs_folder
from flowrun.store.memo import (
    FORMAT,
    RUN,
    SECONDS,
    Note,
    content_digest,
    identity,
    note_path,
    sealed,
)
from flowrun.values.stamps import Stamp, is_settled, stamp_of

_INSTALLED = re.compile(r"[/\\](?:site|dist)-packages[/\\]")
_MOST_BESIDE = 200  # files in the folder of a package that are looked at


def write_note(run: RunInfo, arguments: list[str], code: int, *, quiet: bool, errors: str) -> None:
    """Leave a note of a command that ran one recipe; none if a note could not answer it.

    quiet: whether nothing goes to standard output. errors: the text that goes to standard error.
    """
    if not _can_be_replayed(run):
        return
    note: Note = {
        "format": FORMAT,
        "identity": identity(arguments),
        "env": dict(_variables(run)),
        "files": list(_files(run)),
        "folders": list(_folders(run)),
        "code": code,
        "out": "" if quiet else _text(run),
        "err": errors,
        "record": _record(run),
        "events": list(_events(run)),
    }
    with contextlib.suppress(OSError), replacing(Path(note_path(arguments))) as temporary:
        temporary.write_text(sealed(note), encoding="utf-8")


def forget_notes() -> None:
    """Remove every note."""
    import shutil

    shutil.rmtree(Path(note_path([])).parent, ignore_errors=True)


def _can_be_replayed(run: RunInfo) -> bool:
    """Whether the same command would keep every step, and no other plugin listens."""
    own = {"record", "report", "summary"}
    manager = run.plan.registry.manager
    heard = {
        found.plugin_name for hook in HOOKS for found in getattr(manager.hook, hook).get_hookimpls()
    }
    is_done = run.status in ("ok", "unmet") and run.folder is not None and heard <= own
    return is_done and not run.departures and all(_is_keepable(run, index) for index in _steps(run))


def _steps(run: RunInfo) -> range:
    return range(len(run.plan.steps))


def _is_keepable(run: RunInfo, index: int) -> bool:
    if index >= len(run.steps):
        return False  # the step that is expected to fail came before it
    result, planned = run.steps[index], run.plan.steps[index]
    written = result.files_written.values()
    is_done = not planned.step.effect or (bool(written) and None not in written)
    kinds = {what.partition(":")[0] for what in result.states}
    return result.key is not None and is_done and not kinds & _WITHOUT_STAMP


_WITHOUT_STAMP = frozenset({"link", "names", "sizes"})  # states that no stamp of a file shows


def _variables(run: RunInfo) -> Iterator[tuple[str, str | None]]:
    for result in run.steps:
        for what, state in result.states.items():
            if what.startswith("env:"):
                yield what.removeprefix("env:"), None if state == MISSING else state


def _folders(run: RunInfo) -> Iterator[str]:
    """The folders that steps asked for; nothing else of them matters."""
    for result in run.steps:
        for what, state in result.states.items():
            if what.startswith("stat:") and state == "folder":
                yield what.removeprefix("stat:")


def _looked_at(what: str, state: str) -> Iterator[str]:
    """The paths, beside files that were read, whose stamps show that a state is unchanged."""
    kind, _, name = what.partition(":")
    if kind in ("list", "mode", "times") or (kind == "stat" and state != "folder"):
        yield name
    elif kind == "tree":
        yield name
        yield from (str(path) for path in Path(name).rglob("*"))


def _files(run: RunInfo) -> Iterator[tuple[str, Stamp | None, str | None]]:
    """Each file with its stamp, and with its digest if the file is too new for its stamp."""
    digests: dict[str, str | None] = {}
    looked_at: list[str] = []
    for result in run.steps:
        digests.update(result.files_read)
        digests.update(result.files_written)
        for what, state in result.states.items():
            looked_at += _looked_at(what, state)
    recipe = run.plan.recipe
    paths = [source.path for source in (recipe.source, *recipe.parents) if source.path is not None]
    paths += golden_files(recipe)
    paths += run.code
    imported = [*_own_modules(), *_installed_folders(), *_preferred_packages(run)]
    for path in dict.fromkeys([*digests, *looked_at, *map(str, paths), *imported]):
        found = stamp_of(path)
        is_sure = found is None or is_settled(found)
        yield path, found, None if is_sure else digests.get(path) or content_digest(path)


def _own_modules() -> Iterator[str]:
    """The files of every loaded module that is not of an installed package, and those beside it.

    Installed packages are recognised by their folder; flowrun itself, and packages under
    development, never count as installed. (Paths as text: torch alone has a thousand modules.)
    """
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        top = name.partition(".")[0]
        if file is None or top in sys.stdlib_module_names:
            continue
        if top.startswith("flowrun") or not _INSTALLED.search(file):
            yield file
            folder, own = os.path.split(file)
            if own == "__init__.py":
                yield folder
                with os.scandir(folder) as beside:
                    files = (one.path for one in beside if one.is_file())
                    yield from itertools.islice(files, _MOST_BESIDE)


def _preferred_packages(run: RunInfo) -> Iterator[str]:
    """The folders that Python would prefer, as packages, to local modules of their names."""
    for plugin in run.plan.registry.plugins.values():
        loaded = {} if plugin.local is None else plugin.local.loaded
        yield from (module.path.removesuffix(".py") for module in loaded.values())


def _installed_folders() -> Iterator[str]:
    return (folder for folder in sys.path if folder.endswith("-packages"))


def _text(run: RunInfo) -> str:
    lines = [title(run)]
    lines += [step_text(result, "kept") for result in run.steps]
    lines += [outcome_line(outcome) for outcome in run.outcomes]
    lines += left_lines(run)
    lines.append(end_text(run, SECONDS, runs_folder() / RUN))
    return "\n".join(lines) + "\n"


def _record(run: RunInfo) -> dict[str, Any]:
    """The record of the same run with every step kept; its id and times are filled in later."""
    record = make_record(run)
    for step in record.steps:
        step.kept, step.seconds, step.peak_bytes = step.kept or run.id, 0.0, None
    return record.as_dict()


def _events(run: RunInfo) -> Iterator[Mapping[str, Any]]:
    yield {"event": "run_started", "recipe": run.plan.recipe.name, "device": run.device}
    for result in run.steps:
        yield {"event": "step_kept", **event_of(result), "made_by": result.kept or run.id}
    yield {"event": "run_finished", "status": run.status}
