"""Writes the memos from which `store.memo` answers a command with every step kept."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from flowrun.cli.reports import head, last_line, left_texts, outcome_text, step_text
from flowrun.errors.escaping import in_colours, on_one_line
from flowrun.expectations.golden.files import golden_files
from flowrun.plugins.observation.ownership import is_installed, package_folders
from flowrun.running.dependencies import MISSING
from flowrun.running.record_writer import event_of
from flowrun.running.results import HOOKS, RunInfo
from flowrun.store.files import paths_below
from flowrun.store.home import runs_folder
from flowrun.store.memo import (
    FORMAT,
    RUN,
    SECONDS,
    Note,
    content_digest,
    identity,
    note_path,
    seconds_passed,
    write_note,
)
from flowrun.store.seals import Seals
from flowrun.values.files import is_file, remove_file
from flowrun.values.stamps import Stamp, is_settled, stamp_of

_MOST_BESIDE = 200  # files in the folder of a package that are looked at
_GRAIN = 0.01  # seconds that the time of a change may lag behind the clock


def leave_note(
    run: RunInfo, arguments: list[str], code: int, *, out: str | None, errors: str
) -> None:
    """Leave a note of a command that ran one recipe; none if a note could not answer it.

    out, errors: the texts that go to standard output and standard error; None for the lines of the
    run.
    """
    if not _can_be_replayed(run) or _was_edited(run):
        return
    note: Note = {
        "format": FORMAT,
        "identity": identity(arguments),
        "env": dict(_variables(run)),
        "files": list(_files(run)),
        "folders": list(_folders(run)),
        "links": [(path, os.path.realpath(path)) for path in _named(run, arguments)],
        "code": code,
        "out": _text(run) if out is None else in_colours(out),
        "err": in_colours(errors),
        "record": _record(run),
        "events": list(_events(run)),
    }
    with contextlib.suppress(OSError):
        write_note(note, note_path(arguments), Seals())


def forget_notes() -> None:
    """Remove every note."""
    folder = Path(note_path([])).parent
    with contextlib.suppress(OSError):  # the folder stays if anything else is in it
        for path in folder.glob("*.json"):
            remove_file(path)
        folder.rmdir()


def _can_be_replayed(run: RunInfo) -> bool:
    """Whether the same command would keep every step, and no other plugin listens."""
    own = {"record", "report", "summary"}
    manager = run.plan.registry.manager
    heard = {
        found.plugin_name for hook in HOOKS for found in getattr(manager.hook, hook).get_hookimpls()
    }
    if any(not what.startswith("module:") for what in run.plan.looked_at):
        return False  # planning once more may give another plan, or a problem
    if not all(map(is_file, _recipes(run))):
        return False  # a recipe from a pipe: the next one has the same name
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


# Kinds of states that a stamp of a file does not show; `times`, not until the file has settled.
_WITHOUT_STAMP = frozenset({"link", "names", "sizes", "times"})


def _variables(run: RunInfo) -> Iterator[tuple[str, str | None]]:
    yield from run.plan.recipe.environment.items()
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
    if kind in ("list", "mode") or (kind == "stat" and state != "folder"):
        yield name
    elif kind == "tree":
        yield name
        yield from paths_below(name)


def _files(run: RunInfo) -> Iterator[tuple[str, Stamp | None, str | None]]:
    """Each file with its stamp, and with its digest if the file is too new for its stamp."""
    digests: dict[str, str | None] = {}
    looked_at: list[str] = []
    for result in run.steps:
        digests.update(result.files_read)
        digests.update(result.files_written)
        for what, state in result.states.items():
            looked_at += _looked_at(what, state)
    golden = map(str, golden_files(run.plan.recipe))
    imported = [*_own_modules(), *package_folders(), *_preferred_packages(run)]
    for path in dict.fromkeys([*digests, *looked_at, *_texts(run), *golden, *imported]):
        found = stamp_of(path)
        is_sure = found is None or is_settled(found)
        yield path, found, None if is_sure else digests.get(path) or content_digest(path)


def _named(run: RunInfo, arguments: list[str]) -> Iterator[str]:
    """The paths of recipes and plugins as they are written, which may be links."""
    recipe = run.plan.recipe
    for argument in arguments:
        path = Path.cwd() / argument.rpartition("=")[2]
        with contextlib.suppress(OSError):  # no name of a file, as it is too long
            if path.exists():
                yield str(path)
    yield from (str(source.asked) for source in recipe.parents if source.asked is not None)
    yield from (str(one.mark.source.folder / str(one.value)) for one in recipe.plugins)


def _texts(run: RunInfo) -> Iterator[str]:
    """The files of the recipe and of the code that it ran."""
    yield from map(str, (*_recipes(run), *run.code))


def _recipes(run: RunInfo) -> list[Path]:
    """The files of the recipe, and of those that it extends."""
    sources = (run.plan.recipe.source, *run.plan.recipe.parents)
    return [source.path for source in sources if source.path is not None]


def _was_edited(run: RunInfo) -> bool:
    """Whether the recipe or the code may have changed since the command read it."""
    seconds = seconds_passed() + _GRAIN
    begun = time.time_ns() - int(seconds * 1e9)
    stamps = {path: stamp_of(path) for path in (*_texts(run), *_own_modules())}
    is_newer = any(
        found is not None and found[2] > begun and not Path(path).is_dir()
        for path, found in stamps.items()
    )
    return is_newer or not all(Path(path).is_file() for path in _imported(run))


def _imported(run: RunInfo) -> Iterator[str]:
    """The files of the modules beside the recipe's plugins."""
    for plugin in run.plan.registry.plugins.values():
        loaded = {} if plugin.local is None else plugin.local.loaded
        yield from (module.path for module in loaded.values())


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
        if top.startswith("flowrun") or not is_installed(file):
            yield file
            folder, own = os.path.split(file)
            if own == "__init__.py":
                yield folder
                with os.scandir(folder) as beside:
                    files = (one.path for one in beside if one.is_file())
                    yield from itertools.islice(files, _MOST_BESIDE)


def _preferred_packages(run: RunInfo) -> Iterator[str]:
    """The folders that Python would prefer, as packages, to local modules of their names."""
    return (path.removesuffix(".py") for path in _imported(run))


def _text(run: RunInfo) -> str:
    lines = [head(run.plan)]
    lines += [step_text(result, "kept") for result in run.steps]
    lines += [outcome_text(outcome) for outcome in run.outcomes]
    lines += left_texts(run)
    end = last_line(run, SECONDS, runs_folder() / RUN).replace(on_one_line(RUN), RUN)
    return "\n".join(map(in_colours, lines)) + f"\n{end}\n"


def _record(run: RunInfo) -> dict[str, Any]:
    """The record of the same run with every step kept; its id and times are filled in later."""
    assert run.record is not None  # the run is over
    steps = [
        msgspec.structs.replace(step, kept=step.kept or run.id, seconds=0.0, peak_bytes=None)
        for step in run.record.steps
    ]
    return msgspec.structs.replace(run.record, steps=steps).as_dict()


def _events(run: RunInfo) -> Iterator[Mapping[str, Any]]:
    yield {"event": "run_started", "recipe": run.plan.recipe.name, "device": run.device}
    for result in run.steps:
        yield {"event": "step_kept", **event_of(result), "made_by": result.kept or run.id}
    yield {"event": "run_finished", "status": run.status}
