"""The lines of a run on a terminal: one for each step, a progress bar, the expectations."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Container, Sequence
from pathlib import Path

import click
import msgspec

from flowrun.cli.printing import OutputClosedError, echo
from flowrun.cli.progress_bar import ProgressBar
from flowrun.errors.escaping import below, on_one_line
from flowrun.expectations.check import CheckResult
from flowrun.planning.plan import Plan
from flowrun.plugins.datasets import STANDIN
from flowrun.plugins.markers import hookimpl
from flowrun.recipes.part import left_out_lines, part_lines
from flowrun.running.events import Progress
from flowrun.running.results import RunInfo, StepResult
from flowrun.running.run_texts import called_text, end_text, recomputed_texts, resumed_text
from flowrun.running.run_view import (
    expectation_line,
    left_lines,
    step_line,
)
from flowrun.values.terminal import can_overwrite, is_terminal
from flowrun.values.views import Line, title_line

_SHORTEST_IMPORT = 0.1  # seconds of an import that has a line of its own


class Lines:
    """The listener that prints a line for each step as it finishes, and the result at the end.

    All recipes of one command share it, so that a warning of several lines is shown in full only
    once. Lines that are added before a run, or while a step runs, stand above the next line.
    """

    name = "report"

    def __init__(self) -> None:
        can_show = can_overwrite(sys.stderr) and is_terminal(sys.stdout)
        self._bar = ProgressBar() if can_show else None
        self._warned: set[str] = set()
        self._added: list[str] = []
        self._is_closed = False

    def add(self, name: str, text: str, seconds: float) -> None:
        """Add a line for something beside the steps that took time."""
        end = click.style(f"{seconds:.3f} s", dim=True)
        self._added.append(Line(name, text, end).shown())

    def imported(self, name: str, seconds: float) -> None:
        """Add a line for an import, unless it was short."""
        if seconds >= _SHORTEST_IMPORT:
            self.add("importing", name, seconds)

    @hookimpl
    def flowrun_run_started(self, run: RunInfo) -> None:
        self._print(head(run.plan))

    @hookimpl
    def flowrun_step_started(self, result: StepResult) -> None:
        if result.restored is not None:
            self._end_bar()
            self._print(Line(result.id, resumed_text(result)).shown())

    @hookimpl
    def flowrun_step_progress(self, result: StepResult, progress: Progress) -> None:
        if self._bar is not None:
            before = len(self._added)
            self._bar.show(result.id, progress)
            del self._added[before:]  # what the bar itself has imported

    @hookimpl
    def flowrun_step_finished(self, run: RunInfo, result: StepResult) -> None:
        self._end_bar()
        self._show(result, called_text(run, result), recomputed_texts(result))

    @hookimpl
    def flowrun_step_kept(self, result: StepResult) -> None:
        self._show(result, "kept")

    def _show(self, result: StepResult, end: str, more: Sequence[str] = ()) -> None:
        self._print(*self._added, step_text(result, end, self._warned, more))
        self._added = []
        self._warned |= {message.text for message in result.messages if message.is_warning}

    @hookimpl
    def flowrun_step_failed(self) -> None:
        self._end_bar()

    @hookimpl
    def flowrun_run_finished(self, run: RunInfo) -> None:
        self._end_bar()
        lines = [*self._added, *_last_lines(run)]
        self._added = []
        with contextlib.suppress(OutputClosedError):  # others should hear of the end all the same
            self._print(*lines)

    def _print(self, *lines: str) -> None:
        """Print lines, unless nobody reads them any more; raises OutputClosedError at the first."""
        if self._is_closed:
            return
        try:
            echo("\n".join(lines))
        except BrokenPipeError:
            self._is_closed = True
            raise OutputClosedError from None

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.end()


def _last_lines(run: RunInfo) -> list[str]:
    """The expectations, and the end of a run."""
    if run.status == "skipped":
        return [f"  skipped: {below(run.error or '')}"]
    outcomes = map(outcome_text, run.outcomes)
    return [*outcomes, *left_texts(run), last_line(run, f"{run.seconds:.2f}", run.folder)]


def head(plan: Plan) -> str:
    """The name of a plan's recipe and its `about`; below it the part that the plan is of."""
    recipe = plan.recipe
    line = title_line(click.style(on_one_line(recipe.name), bold=True), recipe.about)
    return "\n".join([line, *(one.shown() for one in part_lines(plan.part))])


def step_text(
    result: StepResult, end: str, warned: Container[str] = (), more: Sequence[str] = ()
) -> str:
    """The line of a step, which ends in its seconds or in `kept`, and its messages below it.

    warned: the warnings that were shown before. more: texts above the messages.
    """
    messages = [
        msgspec.structs.replace(one, text=warning_text(one.text, warned)) if one.is_warning else one
        for one in result.messages
        if not (one.is_warning and is_said(one.text, warned))
    ]
    end, warning = click.style(end, dim=True), click.style("warning: ", fg="yellow")
    return step_line(result.id, result.texts, end, messages, *more, warning=warning).shown()


def is_said(text: str, warned: Container[str]) -> bool:
    """Whether a warning needs no repetition at all: that a certain stand-in is used."""
    return text in warned and text.startswith(STANDIN)


def warning_text(text: str, warned: Container[str]) -> str:
    """A warning; only the first line of one that has several and was shown before."""
    first, several, _ = text.partition("\n")
    return f"{first.rstrip(';:,')} (as above)" if several and text in warned else text


def last_line(run: RunInfo, seconds: str, folder: Path | None) -> str:
    """The last line of a run: its seconds, device and seed, and the folder of its record."""
    return click.style(f"  {end_text(run, seconds, folder)}", dim=True)


def outcome_text(outcome: CheckResult) -> str:
    """An expectation in a line: the value found, the value wanted, whether it is met."""
    line = expectation_line(outcome)
    verdict = click.style(line.end, fg="red" if line.stands_out else "green")
    return msgspec.structs.replace(line, end=verdict).shown()


def left_texts(run: RunInfo) -> list[str]:
    """A line for each expectation that this run does not check."""
    lines = [*left_out_lines(run.plan.part), *left_lines(run.plan.expectations)]
    return [line.shown() for line in lines]


def notes_text(plan: Plan) -> str:
    """The notes of a plan, a line each."""
    return "".join(f"note: {below(text)}\n" for text in plan.notes)


class RunSummary:
    """The listener that keeps a run's state, for the table after several recipes."""

    name = "summary"

    def __init__(self, recipe: str) -> None:
        self.recipe = recipe
        self.run: RunInfo | None = None

    @hookimpl
    def flowrun_run_started(self, run: RunInfo) -> None:
        self.run = run

    @property
    def shown_name(self) -> str:
        """The recipe's name, or its file if it is refused, as lines show it."""
        return on_one_line(self.recipe)

    def line(self, width: int, with_sections: bool) -> str:
        """One row of the table: recipe, section, result, expectations met, seconds."""
        if self.run is None:
            return f"{self.shown_name:<{width}}  refused"
        section = on_one_line(self.run.plan.recipe.section)
        start = f"{self.shown_name:<{width}}" + (f"  {section:<10}" if with_sections else "")
        if self.run.status == "skipped":
            return f"{start}  skipped  {on_one_line(self.run.error or '')}"
        met = sum(outcome.met for outcome in self.run.outcomes)
        expected = f"{met} of {len(self.run.outcomes)} expectations met"
        result = {"unmet": "not met"}.get(self.run.status, self.run.status)
        return f"{start}  {result:<8} {expected}  {self.run.seconds:.2f} s"
