"""The folder in which flowrun keeps its records and its store."""

from __future__ import annotations

import os
from pathlib import Path

HOME = "FLOWRUN_HOME"


def home_folder() -> Path:
    """The folder `FLOWRUN_HOME`, or `.flowrun` here."""
    return Path(os.environ.get(HOME) or ".flowrun")


def runs_folder() -> Path:
    """The folder of the records of runs."""
    return home_folder() / "runs"
