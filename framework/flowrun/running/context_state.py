"""What flowrun knows of one call of a step; the step itself sees it through its `Context`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flowrun.running.events import Message, Progress
from flowrun.store.file_digests import Stamp, stamp_of

if TYPE_CHECKING:
    from flowrun.plugins.registry import Registry
    from flowrun.running.checkpoints import Checkpoints, Interrupts

_PROGRESS_INTERVAL = 0.1  # seconds between two reports of progress


class ContextState(msgspec.Struct):
    """The settings of one call of a step, and what the step looked at, wrote and said.

    step: the step's id. seed: its own. device: a full name. dtype: a name. folder: that of the
        recipe. standin: whether stand-ins may replace missing data. present: the devices of this
        machine. registry: the plugins; None only in tests.
    messages, files_read, files_written: in order. peak_bytes: as a backend measured it.
    noted: what the step looked at, of files with their stamp; filled only while `is_noting`.
    checkpoints, report, interrupts: None if nothing is saved, shown or interrupted.
    saw_stop: whether the step read that it should end early.
    """

    step: str
    seed: int
    device: str
    dtype: str
    folder: Path
    standin: bool = True
    present: Mapping[str, str] = {}
    registry: Registry | None = None
    messages: list[Message] = []
    files_read: list[Path] = []
    files_written: list[Path] = []
    peak_bytes: int | None = None
    noted: dict[str, Stamp | None] = {}
    is_noting: bool = False
    checkpoints: Checkpoints | None = None
    report: Callable[[Progress], None] | None = None
    interrupts: Interrupts | None = None
    saw_stop: bool = False
    next_report: float = 0.0

    def equip(
        self,
        checkpoints: Checkpoints | None,
        report: Callable[[Progress], None] | None,
        interrupts: Interrupts,
    ) -> None:
        """Let the step save its progress, report it, and see that the run is to end."""
        self.checkpoints = checkpoints
        self.report = report
        self.interrupts = interrupts

    def note(self, what: str) -> None:
        """Add what the step looked at to its record (`seed`, `env:NAME`, `file:PATH`)."""
        if self.is_noting:
            kind, _, name = what.partition(":")
            self.noted[what] = stamp_of(name) if kind == "file" else None

    def path(self, name: str | Path) -> Path:
        """A path of the recipe; not noted."""
        return Path(os.path.normpath(self.folder / Path(name).expanduser()))

    def warn(self, text: str) -> None:
        """Add a warning to the step's messages."""
        self.messages.append(Message(text, is_warning=True))

    def is_report_due(self) -> bool:
        """Whether a report of progress is wanted now; the next one is then due a while later."""
        if self.report is None or time.monotonic() < self.next_report:
            return False
        self.next_report = time.monotonic() + _PROGRESS_INTERVAL
        return True
