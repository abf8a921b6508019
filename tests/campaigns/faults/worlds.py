"""A folder with a recipe, run by processes of its own, and what must come of it every time."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from flowrun.store.store import Store
from tests.processes import Python

_TEMPORARY = re.compile(r"\..+\.tmp")
_OF_ONE_RUN = {"id", "started", "seconds", "process", "seal"}
_OF_ONE_CALL = {"seconds", "peak_bytes", "kept", "made_again", "restored"}
_TIME = re.compile(r"(\d+\.\d{3} s|kept)$")
_PASSING = re.compile(
    r".* goes on from .* saved | +recomputed .*, whose outputs are not stored|  \d+\.\d\d s on "
)

Environment = dict[str, str]
Shared = Callable[[str], Path]  # a folder for all the processes of a session, by name


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code (negative: by a signal) and what it said."""

    code: int
    out: str
    err: str

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def warnings(self) -> int:
        return self.err.count("warning: ")


@dataclass(frozen=True)
class CheckResult:
    """What must be the same bits after every fault: the files saved, and the run's record."""

    saved: dict[str, bytes]
    record: dict[str, Any]


class World:
    """A folder of its own, with copies of the files that its recipe consists of."""

    def __init__(
        self, folder: Path, files: dict[str, str], environment: Environment | None = None
    ) -> None:
        self.folder = folder.resolve()
        self.home = self.folder / ".flowrun"
        self.store = self.home / "store"
        self.out = self.folder / "out"
        self.calls = Path(f"{self.folder}.calls")  # the steps that were called, told by them
        self.files = files
        self.environment = environment or {}
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")

    def copy(self, folder: Path) -> Self:
        """The world as it is now, elsewhere."""
        shutil.copytree(self.folder, folder)
        if self.calls.exists():
            shutil.copy(self.calls, f"{folder}.calls")
        return type(self)(folder, self.files, self.environment)

    def start(
        self, *arguments: str, told: Environment | None = None, before: tuple[str, ...] = ()
    ) -> subprocess.Popen[str]:
        """Start `flowrun recipe.yaml`, told this by its environment, behind these words."""
        return self._start(before, ("recipe.yaml", *arguments), told or {})

    def command(self, *arguments: str) -> Ended:
        """Run another command of flowrun to its end."""
        return ended(self._start((), arguments, {}))

    def run(
        self, *arguments: str, told: Environment | None = None, before: tuple[str, ...] = ()
    ) -> Ended:
        """Run the recipe to its end."""
        return ended(self.start(*arguments, told=told, before=before))

    def shown(self, ended: Ended) -> list[str]:
        """What a run printed, but for times, places and what was kept."""
        lines = ended.out.replace(str(self.folder), "<folder>").splitlines()
        return [_TIME.sub("TIME", line) for line in lines if not _PASSING.match(line)]

    def outcome(self) -> CheckResult:
        """What the latest whole run has left."""
        return CheckResult(self.saved(), self._same_of(self.records()[-1]))

    def saved(self) -> dict[str, bytes]:
        """The files that the recipe has saved."""
        files = [path for path in sorted(self.out.rglob("*")) if path.is_file()]
        return {str(path.relative_to(self.out)): path.read_bytes() for path in files}

    def records(self) -> list[dict[str, Any]]:
        """The records of the runs that came to their end, the latest last."""
        found = [json.loads(path.read_text()) for path in self.home.glob("runs/*/run.json")]
        return sorted((one for one in found if one["status"] != "running"), key=_started)

    def events(self) -> list[dict[str, Any]]:
        """Every event of every run so far; a line that is being written is left out."""
        files = self.home.glob("runs/*/events.jsonl")
        lines = [line for path in files for line in path.read_bytes().split(b"\n")[:-1]]
        return [json.loads(line) for line in lines]

    def wait_for(self, event: str, step: str | None, process: subprocess.Popen[str]) -> None:
        """Wait until a run tells an event, of a step if it is of one, or a process has ended."""
        while process.poll() is None:
            if any(one["event"] == event and one.get("step") == step for one in self.events()):
                return
            time.sleep(0.002)

    def makers(self) -> dict[str, str]:
        """The run that made each step's record, by the record's key; the store is left as it is."""
        copy = self.folder / "copy"
        (copy / "store").mkdir(parents=True)
        for path in self.store.glob("records.sqlite*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, copy / "store")
        if (self.store / "key").exists():  # a run that was killed before has no records either
            shutil.copy(self.store / "key", copy / "store")
        store = Store(copy, warn=print)
        found = {record.key: record.run for record in store.records.all()}
        store.close()
        shutil.rmtree(copy)
        return found

    def leftovers(self) -> list[str]:
        """Files that nobody will use any more, once the runs have been listed."""
        store = Store(self.home, warn=print)
        store.runs.rows()
        found = store.objects.strays()
        store.close()
        found += (self.store / "checkpoints").glob("*")
        found += [path for path in self.folder.rglob("*") if _TEMPORARY.fullmatch(path.name)]
        return [str(path.relative_to(self.folder)) for path in found]

    def calls_of(self, step: str) -> int:
        """How often a step of the plain plugin was called, by all processes together."""
        return self.calls.read_text().splitlines().count(step) if self.calls.exists() else 0

    def remove(self) -> None:
        """Remove the folder: a campaign makes thousands of them."""
        shutil.rmtree(self.folder)
        self.calls.unlink(missing_ok=True)

    def _start(
        self, before: tuple[str, ...], arguments: tuple[str, ...], told: Environment
    ) -> subprocess.Popen[str]:
        usual = {"CALLS": str(self.calls), **self.environment}
        settings: dict[str, Any] = {
            "cwd": self.folder,
            "env": {**os.environ, **usual, **told},
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        command = ["-m", "flowrun", *arguments]
        if before:
            return subprocess.Popen([*before, sys.executable, *command], text=True, **settings)
        return Python(command, **settings)

    def _same_of(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record without what differs from run to run."""
        same = {name: value for name, value in record.items() if name not in _OF_ONE_RUN}
        same["steps"] = [
            {name: value for name, value in step.items() if name not in _OF_ONE_CALL}
            for step in record["steps"]
        ]
        for step in same["steps"]:
            if step["files_written"]:  # the key holds where the step writes
                step["key"] = None
        same["environment"] = {**record["environment"], "command": None}
        text = json.dumps(same).replace(str(self.folder), "<folder>")
        return dict(json.loads(text))


def ended(process: subprocess.Popen[str]) -> Ended:
    """Wait for a process's end."""
    out, err = process.communicate(timeout=300)
    return Ended(process.returncode, out, err)


def _started(record: dict[str, Any]) -> str:
    return str(record["started"])
