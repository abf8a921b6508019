"""What a step that asks for `ctx` is given: its seed, device and dtype, and ways to speak."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowrun.extensions import Dataset, Format
from flowrun.plugins import Registry

_PROGRESS_INTERVAL = 0.1  # seconds between two reports of progress


@dataclass(frozen=True, slots=True)
class Message:
    """Something a step said: a note, or a warning that is repeated at the end of the run."""

    text: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step has come: `done` of `total`, with figures such as the loss."""

    done: int
    total: int
    figures: Mapping[str, float]


@dataclass(slots=True)
class Context:
    """One step's view of the run it is part of.

    step: the step's id in the recipe.
    seed: the step's own seed, from the recipe's seed and the step's id.
    device: the full name of the device it runs on: `cpu`, `cuda:0`.
    own_device: whether the recipe gives this step a `device` of its own.
    dtype: the name of the default floating-point type: `float32`.
    own_dtype: whether the recipe gives this step a `dtype` of its own.
    folder: the recipe's folder, from which relative paths start.
    standin: whether simulated stand-ins may take the place of data that cannot be had.
    present: the devices of this machine, by full name.
    """

    step: str
    seed: int
    device: str
    dtype: str
    folder: Path
    own_device: bool = False
    own_dtype: bool = False
    standin: bool = True
    present: Mapping[str, str] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    files_read: list[Path] = field(default_factory=list)
    files_written: list[Path] = field(default_factory=list)
    _registry: Registry | None = None
    _report: Callable[[Progress], None] | None = None
    _next_report: float = 0.0

    def path(self, name: str | Path) -> Path:
        """A path of the recipe: relative ones start from the recipe's folder, `~` is expanded."""
        return Path(os.path.normpath(self.folder / Path(name).expanduser()))

    def log(self, text: str) -> None:
        """Say something about what the step did; it is shown below the step's line."""
        self.messages.append(Message(text))

    def warn(self, text: str) -> None:
        """Say something the user should not miss; it is shown as a warning, and recorded."""
        self.messages.append(Message(text, is_warning=True))

    @property
    def wants_progress(self) -> bool:
        """Whether enough time has passed that a report of progress would be shown.

        Ask before computing figures for `progress` that cost something (a loss on a GPU, say).
        """
        return self._report is not None and time.monotonic() >= self._next_report

    def progress(self, done: int, total: int, **figures: float) -> None:
        """Report how far the step has come, with figures such as `loss=`; cheap to call often."""
        if self._report is not None and time.monotonic() >= self._next_report:
            self._next_report = time.monotonic() + _PROGRESS_INTERVAL
            self._report(Progress(done, total, figures))

    def reads(self, path: Path) -> Path:
        """Note that the step reads this file: its digest goes into the record."""
        self.files_read.append(path)
        return path

    def writes(self, path: Path) -> Path:
        """Note that the step has written this file: its digest goes into the record."""
        self.files_written.append(path)
        return path

    @property
    def formats(self) -> dict[str, Format]:
        """Every file format the plugins give, by suffix."""
        return self._registry.formats if self._registry is not None else {}

    @property
    def datasets(self) -> dict[str, Dataset]:
        """Every data set the plugins declare, by name."""
        return self._registry.datasets if self._registry is not None else {}
