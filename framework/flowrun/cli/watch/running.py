"""One run of a watched recipe, in a process of its own, and its record."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from flowrun.cli.own_process import own_command
from flowrun.errors import FlowrunError
from flowrun.running.record import RunRecord, read_run
from flowrun.store.home import home_folder, runs_folder
from flowrun.store.store import Store
from flowrun.values.files import real_path


def run_apart(arguments: list[str]) -> int:
    """Run `flowrun` in a fresh process, so that changed code is loaded; gives its exit code.

    The process is in a group of its own: Ctrl-C reaches it through this one, once, so that it saves
    its progress and ends as usual. Raises KeyboardInterrupt when it has ended.
    """
    own_group = {"process_group": 0} if os.name == "posix" else {}
    process = subprocess.Popen(own_command(*arguments), **own_group)  # type: ignore[call-overload]  # of a dict of keywords mypy knows no types
    interrupted = False
    while True:
        try:
            code = int(process.wait())
        except KeyboardInterrupt:
            interrupted = True
            process.send_signal(signal.SIGINT)
            continue
        if interrupted:
            raise KeyboardInterrupt
        return code


def latest_run(recipe: Path) -> str | None:
    """The id of the latest run of a recipe file; None if there is none."""
    store = Store(home_folder(), lambda text: None, sets_aside=False)
    file = str(real_path(recipe))
    try:  # all of them: a run that was answered from a note is in no table yet
        rows = [row for row in store.runs.rows() if row.file == file]
        own = [row for row in rows if not row.elsewhere] or rows  # without a key, all seem foreign
        return own[0].id if own else None
    finally:
        store.close()


def record_of(run: str) -> RunRecord | None:
    """The record of a run; None if it cannot be read."""
    try:
        return read_run(runs_folder() / run)
    except FlowrunError:
        return None
