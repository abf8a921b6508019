"""Shows a run in the cell of a notebook that started it, as it goes on.

IPython is used if the process runs a notebook already, and never imported otherwise.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from flowrun.plugins.markers import hookimpl
from flowrun.recipes.part import left_out_lines, part_lines
from flowrun.running.events import Progress
from flowrun.running.results import RunInfo, StepResult
from flowrun.running.run_texts import (
    called_text,
    end_text,
    recomputed_texts,
    resumed_text,
    took_text,
)
from flowrun.running.run_view import (
    expectation_line,
    left_lines,
    running_line,
    step_line,
)
from flowrun.values.views import Line, Part, View

_AT_ONCE, _A_SECOND = 20, 10  # updates of a display that are allowed


def notebook() -> Any:
    """The shell of IPython if this process is the kernel of a notebook, or None.

    The IPython of a terminal is none: it cannot change what it has shown. Neither is a process
    that a kernel has forked, which must not send in its place.
    """
    find = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = find() if find is not None else None
    kernel = getattr(shell, "kernel", None)
    return shell if kernel is not None and kernel.session.pid == os.getpid() else None


class CellDisplay:
    """The listener that shows the lines of a run in the cell, in one display that it updates."""

    name = "notebook cell"

    def __init__(self, shell: Any) -> None:
        self._publish = shell.display_pub.publish
        self._lines: dict[str, Line] = {}  # by step, as one may run again after steps below it
        self._updates = 0
        self._start = time.monotonic()

    @hookimpl
    def flowrun_run_started(self, run: RunInfo) -> None:
        self._show(run)

    @hookimpl
    def flowrun_step_started(self, run: RunInfo, result: StepResult) -> None:
        self._lines[result.id] = running_line(result.id, None)
        self._show(run)

    @hookimpl
    def flowrun_step_progress(self, run: RunInfo, result: StepResult, progress: Progress) -> None:
        self._lines[result.id] = running_line(result.id, progress)
        self._show(run)

    @hookimpl
    def flowrun_step_finished(self, run: RunInfo, result: StepResult) -> None:
        more = [] if result.restored is None else [resumed_text(result)]
        more += recomputed_texts(result)
        self._end_step(run, result, called_text(run, result), *more)

    @hookimpl
    def flowrun_step_kept(self, run: RunInfo, result: StepResult) -> None:
        self._end_step(run, result, "kept")

    @hookimpl
    def flowrun_step_failed(self, run: RunInfo, result: StepResult) -> None:
        self._end_step(run, result, "not finished")

    @hookimpl
    def flowrun_run_finished(self, run: RunInfo) -> None:
        self._show(run, end=_last_line(run))

    def _end_step(self, run: RunInfo, result: StepResult, end: str, *more: str) -> None:
        self._lines[result.id] = step_line(result.id, result.texts, end, result.messages, *more)
        self._show(run)

    def _show(self, run: RunInfo, end: str = "") -> None:
        """Show the lines so far; in the middle of a run not more often than one can read."""
        allowed = _AT_ONCE + _A_SECOND * (time.monotonic() - self._start)
        if self._updates >= allowed and not end:
            return
        part = run.plan.part
        lines = part_lines(part)
        lines += [self._lines[step.id] for step in run.steps if step.id in self._lines]
        lines += map(expectation_line, run.outcomes)
        if end and run.status != "skipped":
            lines += [*left_out_lines(part), *left_lines(run.plan.expectations)]
        recipe = run.plan.recipe
        view = View(recipe.name, recipe.about, [Part(lines)], end)
        shown = {"text/plain": view.text(), "text/html": view.html()}
        name = {"display_id": f"flowrun {run.id}"}
        self._publish(data=shown, metadata={}, transient=name, update=self._updates > 0)
        self._updates += 1


def _last_line(run: RunInfo) -> str:
    """How a run ended, its seconds, device and seed, and its record."""
    if run.status == "skipped":
        return f"skipped: {run.error}"
    seconds = f"{run.seconds:.2f}"
    if run.status == "interrupted":
        return f"{run.error} ({took_text(run, seconds, run.folder)})"
    return end_text(run, seconds, run.folder)
