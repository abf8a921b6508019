"""What a step that takes `ctx` is given: its seed, device and dtype, and ways to report."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowrun.running.context_state import ContextState
from flowrun.running.events import Message, Progress
from flowrun.running.plugin_items import PluginItems

if TYPE_CHECKING:
    from flowrun.plugins.check_mode import CheckMode
    from flowrun.plugins.datasets import Found
    from flowrun.plugins.extensions import Dataset


class Context:
    """One step's view of the run it is part of.

    What a step reads of its context while it is called belongs to its record: a kept result is
    used again only if all of it is as it was.
    """

    __slots__ = ("_state",)

    def __init__(self, state: ContextState) -> None:
        self._state = state

    @property
    def step(self) -> str:
        """The step's id in the recipe."""
        self._state.note("step")
        return self._state.step

    @property
    def seed(self) -> int:
        """The step's own seed, from the recipe's seed and the step's id."""
        self._state.note("seed")
        return self._state.seed

    @property
    def device(self) -> str:
        """The full name of the device it runs on: `cpu`, `cuda:0`."""
        return self._state.device

    @property
    def dtype(self) -> str:
        """The name of the default floating-point type: `float32`."""
        return self._state.dtype

    @property
    def plugins(self) -> PluginItems:
        """What the plugins give: formats, data sets, devices, and items of further hooks."""
        return PluginItems(self._state)

    def path(self, name: str | Path) -> Path:
        """A path of the recipe: a relative one starts from its folder; `~` is expanded."""
        self._state.note(f"path:{name}")
        return self._state.path(name)

    def env(self, name: str) -> str | None:
        """The value of an environment variable, or None."""
        self._state.note(f"env:{name}")
        return os.environ.get(name)

    def reads(self, path: Path) -> Path:
        """Declare that the step reads this file, there or not; returns the path.

        The file's digest belongs to the step's record.
        """
        self._state.note(f"file:{path}")
        self._state.files_read.append(path)
        return path

    def writes(self, path: Path) -> Path:
        """Declare that the step has written this file; returns the path.

        The file's digest belongs to the step's record.
        """
        self._state.files_written.append(path)
        return path

    def log(self, text: str) -> None:
        """Show a message below the step's line, and record it."""
        self._state.messages.append(Message(text))

    def warn(self, text: str) -> None:
        """Show a warning below the step's line, and record it."""
        self._state.warn(text)

    def progress(self, done: int, total: int, **figures: float | Callable[[], float]) -> None:
        """Report how far the step has come, with figures such as `loss=`; cheap to call often.

        At most ten reports a second are shown. A figure that is costly to compute (a loss on a
        GPU, say) is given as a function, which is called only for a report that is shown.
        """
        if self._state.is_report_due():
            assert self._state.report is not None
            numbers = {name: one() if callable(one) else one for name, one in figures.items()}
            self._state.report(Progress(done, total, numbers))

    @property
    def restored(self) -> Any:
        """The last state that an interrupted call saved; None if there is none."""
        checkpoints = self._state.checkpoints
        return None if checkpoints is None else checkpoints.restored

    def checkpoint(self, state: Callable[[], Any]) -> None:
        """Offer to save how far the step has come; cheap to call often.

        state: returns a value (tensors, numbers, lists and dicts of them) from which the step can
        resume and give results identical to those of an uninterrupted run. It is called when there
        is time to save: every 10 s (FLOWRUN_CHECKPOINT_SECONDS), and saving never takes more than
        2 % of the time. If the user has interrupted the run, the state is saved and the step ends
        here.
        """
        if self._state.checkpoints is not None:
            self._state.checkpoints.offer(state)

    @property
    def should_stop(self) -> bool:
        """Whether the run is to end early, because the user interrupted it; cheap to read often.

        A step that reads it is not ended in the middle by a first Ctrl-C or SIGTERM: it sees True,
        releases what it holds, and returns as soon as it can. What it returns then is discarded,
        the run ends as interrupted, and the next run calls the step again. A second signal ends
        the step at once.
        """
        interrupts = self._state.interrupts
        if interrupts is None or not interrupts.look():
            return False
        self._state.saw_stop = True
        return True

    def locate(self, dataset: Dataset) -> Found:
        """The file of a data set: the real one, or its stand-in if that is allowed.

        Looked for in the folders of `FLOWRUN_DATA_PATH`, in the cache, and at its address. Raises
        DataError if it is not available. In a check nothing is downloaded: NeedsDataError is raised
        if only a download could give the file.
        """
        return self._located(dataset, fetch=True)

    def _located(self, dataset: Dataset, *, fetch: bool) -> Found:
        from flowrun.plugins.datasets import CACHE, DATA_PATH, OFFLINE, locate

        for variable in (DATA_PATH, CACHE, OFFLINE):
            self.env(variable)
        self._state.note("standin")
        found = locate(dataset, standin=self._state.standin, fetch=fetch)
        for path in (*found.missed, found.path):
            self._state.note(f"file:{path}")
        return found


class CheckContext(Context):
    """The `ctx` of a step in a check, with what a function on shapes needs beside it.

    promised: the values, by path and name, of the files and folders that the steps above will have
        written. A function on shapes of a step that writes a file adds to it.
    """

    __slots__ = ("_mode", "promised")

    def __init__(
        self, state: ContextState, mode: CheckMode, promised: dict[Path, dict[str, Any]]
    ) -> None:
        super().__init__(state)
        self._mode = mode
        self.promised = promised

    def repeated(self, times: int) -> AbstractContextManager[None]:
        """Operations inside count `times` times.

        `with ctx.repeated(steps):` around one pass of a loop, so that the check counts the
        floating-point operations of all passes.
        """
        return self._mode.repeated(times)

    def mapped(self) -> AbstractContextManager[None]:
        """Tensors made inside lie in a file, and take no memory."""
        return self._mode.mapped()

    def locate(self, dataset: Dataset) -> Found:
        """As in a run, and nothing is downloaded."""
        return self._located(dataset, fetch=False)


def state_of(ctx: Context) -> ContextState:
    """What flowrun itself knows of a call, by the context that its step was given."""
    return ctx._state
