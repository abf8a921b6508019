"""What a step that asks for `ctx` is given: its seed, device and dtype, and ways to speak."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowrun.plugins.extensions import Dataset, Format, Model
from flowrun.running.events import Message, Progress
from flowrun.running.tracked_mapping import TrackedMapping
from flowrun.store.file_digests import Stamp, stamp_of

if TYPE_CHECKING:
    from flowrun.plugins.check_mode import CheckMode
    from flowrun.plugins.datasets import Found
    from flowrun.plugins.registry import Registry
    from flowrun.running.checkpoints import Checkpoints

_PROGRESS_INTERVAL = 0.1  # seconds between two reports of progress


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
    promised: in a check, what files and folders the steps above will have written: the values by
        name of each path. Empty in a run.

    What a step asks of its context while it is called belongs to its record: a kept result is used
    again only where all of it is as it was.
    """

    def __init__(
        self,
        step: str,
        seed: int,
        device: str,
        dtype: str,
        folder: Path,
        own_device: bool = False,
        own_dtype: bool = False,
        standin: bool = True,
        present: Mapping[str, str] | None = None,
        *,
        registry: Registry | None = None,
    ) -> None:
        self.device = device
        self.dtype = dtype
        self.own_device = own_device
        self.own_dtype = own_dtype
        self.messages: list[Message] = []
        self.files_read: list[Path] = []
        self.files_written: list[Path] = []
        self.peak_bytes: int | None = None
        self.promised: dict[Path, dict[str, Any]] = {}
        self.noted: dict[str, Stamp | None] = {}
        self.is_noting = False
        self._step = step
        self._seed = seed
        self._folder = folder
        self._standin = standin
        self._present = present or {}
        self._registry = registry
        self._checkpoints: Checkpoints | None = None
        self._report: Callable[[Progress], None] | None = None
        self._next_report = 0.0
        self._mode: CheckMode | None = None

    def equip(
        self, checkpoints: Checkpoints | None, report: Callable[[Progress], None] | None
    ) -> None:
        """Let the step save its progress, and have somebody hear of it."""
        self._checkpoints = checkpoints
        self._report = report

    def equip_check(self, promised: dict[Path, dict[str, Any]], mode: CheckMode) -> None:
        """Let a step that is checked see what the steps above promise, and tell the mode of it."""
        self.promised = promised
        self._mode = mode

    def note(self, what: str) -> None:
        """Have what the step looked at belong to its record (`seed`, `env:NAME`, `file:PATH`)."""
        if self.is_noting:
            kind, _, name = what.partition(":")
            self.noted[what] = stamp_of(name) if kind == "file" else None

    @property
    def step(self) -> str:
        """The step's id in the recipe."""
        self.note("step")
        return self._step

    @property
    def seed(self) -> int:
        """The step's own seed."""
        self.note("seed")
        return self._seed

    @property
    def folder(self) -> Path:
        """The recipe's folder."""
        self.note("folder")
        return self._folder

    @property
    def standin(self) -> bool:
        """Whether simulated stand-ins may take the place of data that cannot be had."""
        self.note("standin")
        return self._standin

    @property
    def present(self) -> Mapping[str, str]:
        """The devices of this machine, by full name."""
        self.note("present")
        return self._present

    def path(self, name: str | Path) -> Path:
        """A path of the recipe: relative ones start from the recipe's folder, `~` is expanded."""
        self.note(f"path:{name}")
        return Path(os.path.normpath(self._folder / Path(name).expanduser()))

    def env(self, name: str) -> str | None:
        """The value of an environment variable, or None."""
        self.note(f"env:{name}")
        return os.environ.get(name)

    def log(self, text: str) -> None:
        """Say something about what the step did; it is shown below the step's line."""
        self.messages.append(Message(text))

    def warn(self, text: str) -> None:
        """Say something the user should not miss; it is shown as a warning, and recorded."""
        self.messages.append(Message(text, is_warning=True))

    def repeated(self, times: int) -> AbstractContextManager[None]:
        """For a step's `fake=`: what is done inside stands for so many repetitions of it.

        `with ctx.repeated(steps):` round one pass of a loop, so that a check counts its
        floating-point operations in full.
        """
        return nullcontext() if self._mode is None else self._mode.repeated(times)

    def mapped(self) -> AbstractContextManager[None]:
        """For a step's `fake=`: tensors made inside lie in a file, and take no memory."""
        return nullcontext() if self._mode is None else self._mode.mapped()

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

    @property
    def restored(self) -> Any:
        """What the step last gave to `checkpoint` before it was ended; None where it begins."""
        return None if self._checkpoints is None else self._checkpoints.restored

    def checkpoint(self, state: Callable[[], Any]) -> None:
        """Offer to save how far the step has come; cheap to call often.

        state: gives a value (tensors, numbers, lists and dicts of them) from which the step can go
        on to the very bits of an uninterrupted run. It is called when there is time to save: every
        10 s (FLOWRUN_CHECKPOINT_SECONDS), and never more than 2 % of the time is spent on it.
        Where the user has interrupted the run, the state is saved and the step ends here.
        """
        if self._checkpoints is not None:
            self._checkpoints.offer(state)

    def reads(self, path: Path) -> Path:
        """Say that the step looks at this file, there or not; its digest belongs to the record."""
        self.note(f"file:{path}")
        self.files_read.append(path)
        return path

    def writes(self, path: Path) -> Path:
        """Say that the step has written this file: its digest belongs to the record."""
        self.files_written.append(path)
        return path

    def locate(self, dataset: Dataset, *, fetch: bool = True) -> Found:
        """The file of a data set: the real one, or its stand-in where that is allowed.

        Looked for in the folders of `FLOWRUN_DATA_PATH`, in the cache, and at its address. Raises
        DataError where it cannot be had. Without `fetch`, as in a check, nothing is downloaded:
        NeedsDataError is raised where only that would tell.
        """
        from flowrun.plugins.datasets import CACHE, DATA_PATH, OFFLINE, locate

        for variable in (DATA_PATH, CACHE, OFFLINE):
            self.env(variable)
        found = locate(dataset, standin=self.standin, fetch=fetch)
        for path in (*found.missed, found.path):
            self.note(f"file:{path}")
        return found

    @property
    def formats(self) -> Mapping[str, Format]:
        """Every file format the plugins give, by suffix."""
        formats = self._registry.formats if self._registry is not None else {}
        return TrackedMapping(formats, lambda suffix: self.note(f"format:{suffix}"))

    @property
    def datasets(self) -> Mapping[str, Dataset]:
        """Every data set the plugins declare, by name."""
        datasets = self._registry.datasets if self._registry is not None else {}
        return TrackedMapping(datasets, lambda name: self.note(f"dataset:{name}"))

    @property
    def models(self) -> Mapping[str, Model]:
        """Every model with a forward pass of its own that the plugins give, by name."""
        models = self._registry.models if self._registry is not None else {}
        return TrackedMapping(models, lambda name: self.note(f"model:{name}"))
