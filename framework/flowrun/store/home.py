"""The folder in which flowrun keeps its records and its store; the ids of the runs in it."""

from __future__ import annotations

import os
import time
from pathlib import Path

HOME = "FLOWRUN_HOME"


def home_folder() -> Path:
    """The folder `FLOWRUN_HOME`, or `.flowrun` here."""
    return Path(os.environ.get(HOME) or ".flowrun")


def runs_folder() -> Path:
    """The folder of the records of runs."""
    return home_folder() / "runs"


def new_run_id(moment: float) -> str:
    """An id that sorts by time (UTC) and that no other run has: `20261124-061708-4ef4ff`.

    Its end is three digits of the second's fraction and three random ones, hexadecimal.
    """
    end = f"{int(moment % 1 * 0x1000):03x}{os.urandom(2).hex()[:3]}"
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(moment))}-{end}"


def iso_moment(moment: float) -> str:
    """A moment as ISO 8601 in UTC, to the millisecond."""
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
    return f"{seconds}.{int(moment % 1 * 1000):03d}+00:00"
