"""Time whole processes, sum up what was measured, and describe the machine it was measured on."""

from __future__ import annotations

import os
import platform
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Command:
    """A program with its arguments, the folder it runs in, and all of its environment."""

    arguments: Sequence[str | Path]
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Timed:
    """What one run of a command took, from start to end, and what it printed."""

    seconds: float
    output: str


class CommandFailedError(Exception):
    """A command ended with another exit code than 0; the message ends with what it printed last."""


class TooSlowError(Exception):
    """A command was stopped, because it reached its limit."""


def timed(command: Command, limit: float | None = None) -> Timed:
    """Run a command to its end and say how long that took, in wall seconds.

    After `limit` seconds it is stopped, together with the processes it started.
    """
    # A file rather than a pipe: nobody has to read while the clock runs.
    with tempfile.TemporaryFile() as output:
        before = time.perf_counter()
        process = subprocess.Popen(
            [str(argument) for argument in command.arguments],
            cwd=command.folder,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        # Popen.wait with a timeout looks only every 50 ms whether the process has ended, which
        # would be in the figures. So the wait has none, and a thread keeps the limit.
        stopped = threading.Event()

        def stop() -> None:
            stopped.set()
            os.killpg(process.pid, signal.SIGKILL)

        keeper = threading.Timer(limit, stop) if limit is not None else None
        if keeper:
            keeper.start()
        code = process.wait()
        seconds = time.perf_counter() - before
        if keeper:
            keeper.cancel()
        output.seek(0)
        text = output.read().decode("utf-8", errors="replace")
    name = Path(command.arguments[0]).name
    if stopped.is_set():
        raise TooSlowError(f"{name} was stopped after {limit:g} s")
    if code:
        raise CommandFailedError(f"{name} ended with exit code {code}:\n{text[-2000:]}")
    return Timed(seconds, text)


def interleaved(
    measures: Mapping[Key, Callable[[], Value]], runs: int, progress: Callable[[str], None]
) -> dict[Key, list[Value]]:
    """Call each of the measures `runs` times, one round after the other.

    Taking turns spreads a drift of the machine (heat, other work) over all of them alike.
    """
    found: dict[Key, list[Value]] = {key: [] for key in measures}
    for turn in range(1, runs + 1):
        for key, measure in measures.items():
            progress(f"round {turn} of {runs}: {key}")
            found[key].append(measure())
    return found


@dataclass(frozen=True)
class Spread:
    """Minimum, median and maximum of some measurements."""

    minimum: float
    median: float
    maximum: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Sum up one or more measurements."""
        given = list(values)
        return cls(min(given), statistics.median(given), max(given))

    def text(self, digits: int = 3, scale: float = 1) -> str:
        """The median, and the other two in brackets."""
        low, middle, high = (
            f"{scale * value:.{digits}f}" for value in (self.minimum, self.median, self.maximum)
        )
        return f"{middle} ({low} to {high})"


def machine() -> dict[str, str]:
    """What a reader needs to know of this machine, without its name."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{_system()}, {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "load when it began": _load(),
        "date": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z"),
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _system() -> str:
    kernel = f"{platform.system()} {platform.release()}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']} ({kernel})"
    except (OSError, KeyError):
        return kernel


def _load() -> str:
    """Other work on the machine shows here: an idle one has a load near 0."""
    return f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"
