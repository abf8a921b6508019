"""The `ctx` of a step, and the state of the call behind it, which flowrun itself uses."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flowrun.plugins.local_modules import LocalModules
from flowrun.plugins.observation.record import Observation, absolute, unobserved
from flowrun.plugins.observation.states import variable_state
from flowrun.running.events import Message, Place, Progress
from flowrun.running.tracked_mapping import TrackedMapping
from flowrun.values.stamps import Stamp, stamp_of

if TYPE_CHECKING:
    from flowrun.plugins.check_mode import CheckMode
    from flowrun.plugins.datasets import Found
    from flowrun.plugins.extensions import Dataset, Format
    from flowrun.plugins.registry import Registry
    from flowrun.running.checkpoints import Checkpoints, Interrupts


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
        with unobserved():
            return os.environ.get(name)

    def reads(self, path: str | Path) -> Path:
        """Declare that the step reads this file or folder, there or not; returns the path.

        The digest of the file, or of all files below the folder, belongs to the step's record.
        Files that Python opens are seen without it; those that a library opens itself, or another
        process, are not.
        """
        path = Path(path)
        kind = "tree" if path.is_dir() else "file"
        self._state.note(f"{kind}:{absolute(path)}")
        self._state.has_declared = True
        return path

    def writes(self, path: str | Path) -> Path:
        """Declare that the step has written this file; returns the path.

        The file's digest belongs to the step's record.
        """
        self._state.files_written.append(Path(absolute(path)))
        return Path(path)

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
        self._state.reached = done, total
        if self._state.is_report_due():
            assert self._state.report is not None
            numbers = {name: one() if callable(one) else one for name, one in figures.items()}
            with unobserved():
                self._state.report(Progress(done, total, numbers))

    @property
    def restored(self) -> Any:
        """The last state that an interrupted call saved; None if there is none."""
        checkpoints = self._state.checkpoints
        return None if checkpoints is None else checkpoints.restored

    def checkpoint(self, state: Callable[[], Any]) -> None:
        """Offer to save how far the step has come; cheap to call often.

        state: returns a value (tensors, numbers, lists and dicts of them) from which the step can
        resume and give results identical to those of an uninterrupted run. It is called when it is
        time to save: every 10 s (FLOWRUN_CHECKPOINT_SECONDS), or less often: after each save the
        step goes on for at least 50 times as long as the save took. If the user has interrupted the
        run, the state is saved and the step ends here.
        """
        if self._state.checkpoints is not None:
            with unobserved():
                self._state.checkpoints.offer(state)

    @property
    def should_stop(self) -> bool:
        """Whether the run is to end early, because the user interrupted it; cheap to read often.

        A step that reads it is not ended in the middle by a first Ctrl-C or SIGTERM: it sees True,
        releases its resources, and returns as soon as it can. Its result is then discarded, the
        run ends as interrupted, and the next run calls the step again. A second signal ends the
        step at once.
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
        with unobserved():
            found = locate(dataset, standin=self._state.standin, fetch=fetch)
        for path in (*found.missed, found.path):
            self._state.note(f"file:{absolute(path)}")
        return found


class CheckContext(Context):
    """The `ctx` of a step in a check, with additions for functions on shapes.

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


class OutlineContext(Context):
    """The `ctx` of a function on outlines, before a run."""

    __slots__ = ()

    def locate(self, dataset: Dataset) -> Found:
        """As in a run; raises NeedsDataError if a download might give another file."""
        from flowrun.errors import MissingDataError
        from flowrun.plugins.datasets import locate

        try:
            return locate(dataset, standin=False, fetch=False)
        except MissingDataError:
            return locate(dataset, standin=self._state.standin, fetch=False)


def state_of(ctx: Context) -> ContextState:
    """What flowrun itself knows of a call, by the context that its step was given."""
    return ctx._state


_PROGRESS_INTERVAL = 0.1  # seconds between two reports of progress


class ContextState(msgspec.Struct):
    """The settings of one call of a step, and the things it looked at, wrote and reported.

    step: the step's id. seed: its own. device: a full name. dtype: a name. folder: that of the
        recipe. standin: whether stand-ins may replace missing data. present: the devices of this
        machine. registry: the plugins; None only in tests.
    local: the modules beside the step's own.
    messages, files_written: as the step said, in order. peak_bytes: as a backend measured it.
    observation: the things it looked at and wrote, seen or declared; changed only if `is_noting`.
    named_files: files that its options name, with their stamps before the call. has_declared:
        whether it has declared its reads.
    checkpoints, report, interrupts: None if nothing is saved, shown or interrupted.
    saw_stop: whether the step has seen that it should end early.
    reached: how far it has come, as it last reported: done, and of how many.
    """

    step: str
    seed: int
    device: str
    dtype: str
    folder: Path
    standin: bool = True
    present: Mapping[str, str] = {}
    registry: Registry | None = None
    local: LocalModules | None = None
    messages: list[Message] = []
    files_written: list[Path] = []
    peak_bytes: int | None = None
    observation: Observation = msgspec.field(default_factory=Observation)
    named_files: dict[str, Stamp | None] = {}
    has_declared: bool = False
    is_noting: bool = False
    checkpoints: Checkpoints | None = None
    report: Callable[[Progress], None] | None = None
    interrupts: Interrupts | None = None
    saw_stop: bool = False
    reached: tuple[int, int] | None = None
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

    @property
    def place(self) -> Place | None:
        """How far the step has come; None if it has not reported that."""
        return None if self.reached is None else Place.of(*self.reached)

    def note(self, what: str) -> None:
        """Add a thing that the step looked at to its record (`seed`, `env:NAME`, `file:PATH`)."""
        if self.is_noting and what not in self.observation.seen:
            kind, _, name = what.partition(":")
            state = _AT_FIRST[kind](name) if kind in _AT_FIRST else None
            self.observation.see(what, state)

    def note_named_files(self, options: Any) -> None:
        """Count files that options name as read: a library may open them unseen."""
        for text in _texts(options):
            for path in {self.path(text), Path(absolute(text))}:
                stamp = stamp_of(path)
                self.named_files[str(path)] = stamp
                if stamp is not None and path.is_file():
                    self.observation.seen.setdefault(f"file:{path}", stamp)

    def all_written(self) -> list[str]:
        """The files that the step wrote and that are to last, in order.

        Those that it said, those it was seen to write, and those its options name that changed.
        """
        said = [absolute(path) for path in self.files_written]
        projects = [str(self.folder)]
        with suppress(OSError):  # the step may have removed the current folder
            projects.append(os.getcwd())  # noqa: PTH109
        seen = self.observation.files_written(projects)
        left = [path for path in seen if Path(path).is_file()]  # not those that it removed
        found = self.named_files.items()
        changed = [
            path for path, stamp in found if stamp_of(path) != stamp and Path(path).is_file()
        ]
        return list(dict.fromkeys([*said, *left, *changed]))

    def path(self, name: str | Path) -> Path:
        """A path of the recipe; not noted."""
        # Not Path.expanduser: it raises for `~c`, which may be an expression and no user's folder.
        return Path(os.path.normpath(self.folder / os.path.expanduser(name)))  # noqa: PTH111

    def say(self, text: str) -> None:
        """Add a line to the step's messages."""
        self.messages.append(Message(text))

    def warn(self, text: str) -> None:
        """Add a warning to the step's messages."""
        self.messages.append(Message(text, is_warning=True))

    def is_report_due(self) -> bool:
        """Whether a report of progress is wanted now; the next one is then due a while later."""
        if self.report is None or time.monotonic() < self.next_report:
            return False
        self.next_report = time.monotonic() + _PROGRESS_INTERVAL
        return True


_AT_FIRST = {"file": stamp_of, "env": variable_state}
_LONGEST_PATH = 1000  # characters of an option that may be a path


def _texts(options: Any) -> Iterator[str]:
    """Every string and path in options, at any depth."""
    if isinstance(options, (str, os.PathLike)):
        text = os.fspath(options)
        if isinstance(text, str) and 0 < len(text) < _LONGEST_PATH and "\0" not in text:
            yield text
    elif isinstance(options, dict):
        for item in options.values():
            yield from _texts(item)
    elif isinstance(options, (list, tuple)):
        for item in options:
            yield from _texts(item)


class PluginItems:
    """What the plugins give. What a step looks up here belongs to its record."""

    __slots__ = ("_state",)

    def __init__(self, state: ContextState) -> None:
        self._state = state

    @property
    def formats(self) -> Mapping[str, Format]:
        """Every file format, by lower-case suffix (`.csv`)."""
        registry, note = self._state.registry, self._state.note
        formats = {} if registry is None else registry.formats
        return TrackedMapping(formats, lambda suffix: note(f"format:{suffix}"))

    @property
    def datasets(self) -> Mapping[str, Dataset]:
        """Every data set, by name."""
        registry, note = self._state.registry, self._state.note
        datasets = {} if registry is None else registry.datasets
        return TrackedMapping(datasets, lambda name: note(f"dataset:{name}"))

    @property
    def devices(self) -> Mapping[str, str]:
        """The devices of this machine, by full name with a description, best first."""
        self._state.note("present")
        return self._state.present

    def items(self, hook: str) -> Mapping[str, Any]:
        """The items that plugins give by a hook that another plugin declares, by their `name`.

        Raises PluginError if no loaded plugin declares this hook.
        """
        registry, note = self._state.registry, self._state.note
        items = {} if registry is None else registry.items(hook)
        return TrackedMapping(items, lambda name: note(f"item:{hook}:{name}"))
