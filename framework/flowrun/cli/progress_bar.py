"""The bar that shows how far a step has come, on a terminal while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowrun.cli.waiting import waiting
from flowrun.errors.escaping import on_one_line
from flowrun.running.events import Place, Progress

if TYPE_CHECKING:
    from rich.progress import TaskID

_WIDEST_BAR = 40  # columns
_NARROWEST_BAR = 6  # one that would be narrower is left out
_WIDEST_NAME = 20  # columns of the step's name


class ProgressBar:
    """A bar with the figures of a step, on standard error; rich is imported with the first one."""

    def __init__(self) -> None:
        self._progress: Any = None
        self._task: TaskID | None = None
        self._was_off = False

    def show(self, step: str, progress: Progress) -> None:
        """Show how far a step has come; nothing if what it reports are no numbers."""
        place = Place.of(progress.done, progress.total)
        if place is None:
            return
        figures = "  ".join(f"{name} {value:.5g}" for name, value in progress.figures.items())
        if self._progress is None:
            self._begin(step, place.total)
        self._progress.update(
            self._task, completed=place.done, total=place.total, figures=on_one_line(figures)
        )

    def end(self) -> None:
        """Remove the bar."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            waiting.is_off = self._was_off

    def _begin(self, step: str, total: int) -> None:
        from rich.console import Console
        from rich.progress import Progress as RichProgress
        from rich.progress import ProgressColumn, Task
        from rich.text import Text

        console = Console(stderr=True)

        class Line(ProgressColumn):
            """The whole line: rich would squeeze columns of its own in a narrow terminal."""

            def render(self, task: Task) -> Text:
                left = None if task.time_remaining is None else round(task.time_remaining)
                parts = bar_line(
                    task.description, int(task.completed), int(task.total or 0),
                    task.fields["figures"], left, console.width,
                )  # fmt: skip
                start, done, rest, end = parts
                full, empty = "━─" if console.encoding.startswith("utf") else "=-"
                return Text.assemble(
                    start, (full * done, "cyan"), (empty * rest, "dim"), end, no_wrap=True
                )

        self._progress = RichProgress(Line(), console=console, transient=True)
        # rich moves what is written to standard error above the bar, where it would stay.
        self._was_off, waiting.is_off = waiting.is_off, True
        self._progress.start()
        self._task = self._progress.add_task(step, total=total, figures="")


def bar_line(
    name: str, done: int, total: int, figures: str, left: int | None, width: int
) -> tuple[str, int, int, str]:
    """The text before the bar, the columns of its two parts, and the text behind it.

    All of it takes less than `width` columns. In a narrow terminal the remaining time goes first,
    then the bar, then the end of the figures.
    """
    if len(name) > _WIDEST_NAME:
        name = f"{name[: _WIDEST_NAME - 3]}..."
    room = width - 1
    start, counts = f"  {name} ", f" {done}/{total}"
    needed = len(start) + len(counts)
    numbers = f"  {figures}" if figures else ""
    time = "" if left is None else f"  {left // 3600}:{left // 60 % 60:02}:{left % 60:02}"
    if needed + len(numbers) + len(time) + _NARROWEST_BAR > room:
        time = ""
    free = room - needed - len(numbers) - len(time)
    size = min(free, _WIDEST_BAR) if free >= _NARROWEST_BAR else 0
    filled = min(size, size * done // total) if total > 0 else 0
    end = f"{counts}{numbers}{time}"
    return start[:room], filled, size - filled, end[: max(0, room - len(start))]
