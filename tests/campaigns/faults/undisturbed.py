"""A recipe run without any fault: what every run under one is held against."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from tests.campaigns.faults.injecting import Call, Faults, calls_in
from tests.campaigns.faults.recipes import FIRST
from tests.campaigns.faults.worlds import CheckResult, Environment, World, ended


@dataclass(frozen=True)
class Undisturbed:
    """A recipe run without any fault.

    ran: where it ran; to be copied, not to be used. shown: what it printed.
    calls: the calls that write below its folder, where they can be counted.
    seconds: from the end of its first step to the end of the run.
    """

    ran: World
    outcome: CheckResult
    shown: list[str]
    calls: list[Call]
    seconds: float

    def world(self, folder: Path) -> World:
        """A fresh folder for the same recipe."""
        return World(folder, self.ran.files, self.ran.environment)


def undisturbed(
    folder: Path, files: dict[str, str], environment: Environment, library: Faults | str
) -> Undisturbed:
    """Run a recipe in a folder that several processes share; the first of them does it for all."""
    log, out, seconds = folder / "log", folder / "out", folder / "seconds"
    with FileLock(folder / "lock"):
        world = World(folder / "world", files, environment)
        if not seconds.exists():
            log.touch()
            counted = {} if isinstance(library, str) else library.counted(log, world.folder)
            process = world.start(told=counted)
            world.wait_for("step_finished", FIRST, process)
            begun = time.monotonic()
            world.wait_for("run_finished", None, process)
            taken = time.monotonic() - begun
            done = ended(process)
            assert (done.code, done.err) == (0, "")
            out.write_text("\n".join(world.shown(done)))
            seconds.write_text(str(taken))
    return Undisturbed(
        world,
        world.outcome(),
        out.read_text().splitlines(),
        calls_in(log, world.folder),
        float(seconds.read_text()),
    )
