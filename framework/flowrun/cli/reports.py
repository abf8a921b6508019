"""The lines of a run on a terminal: one for each step, a progress bar, the expectations."""

from __future__ import annotations

import sys
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowrun.errors import listed, shown_path
from flowrun.expectations.check import CheckResult
from flowrun.plugins.markers import hookimpl
from flowrun.running.events import Progress
from flowrun.running.results import RunInfo, StepResult

if TYPE_CHECKING:
    from rich.progress import TaskID

_NAME_WIDTH = 14
_INDENT = " " * (_NAME_WIDTH + 2)


class Lines:
    """The listener that prints a line for each step as it finishes, and the result at the end.

    All recipes of one command share it, so that a warning of several lines is shown in full only
    once.
    """

    name = "report"

    def __init__(self) -> None:
        self._bar = _ProgressBar() if sys.stderr.isatty() and sys.stdout.isatty() else None
        self._warned: set[str] = set()

    @hookimpl
    def flowrun_run_started(self, run: RunInfo) -> None:
        click.echo(title(run))

    @hookimpl
    def flowrun_step_progress(self, result: StepResult, progress: Progress) -> None:
        if self._bar is not None:
            self._bar.show(result.id, progress)

    @hookimpl
    def flowrun_step_finished(self, result: StepResult) -> None:
        self._end_bar()
        self._show(result, f"{result.seconds:.3f} s")
        if result.restored is not None:
            click.echo(f"{_INDENT}resumed from a checkpoint of {result.restored:.0f} s before")
        if result.made_again:
            click.echo(f"{_INDENT}recomputed for it: {listed(result.made_again)}")

    @hookimpl
    def flowrun_step_kept(self, result: StepResult) -> None:
        self._show(result, "kept")

    def _show(self, result: StepResult, end: str) -> None:
        click.echo(step_text(result, end, self._warned))
        self._warned |= {message.text for message in result.messages if message.is_warning}

    @hookimpl
    def flowrun_step_failed(self) -> None:
        self._end_bar()

    @hookimpl
    def flowrun_run_finished(self, run: RunInfo) -> None:
        self._end_bar()
        if run.status == "skipped":
            click.echo(f"  skipped: {run.error}")
            return
        for outcome in run.outcomes:
            click.echo(outcome_line(outcome))
        for text in left_lines(run):
            click.echo(text)
        click.echo(end_text(run, f"{run.seconds:.2f}", run.folder))

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.end()


def title(run: RunInfo) -> str:
    """The first line of a run: the recipe's name and its `about`."""
    about = run.plan.recipe.about
    return click.style(run.plan.recipe.name, bold=True) + (f": {about}" if about else "")


def step_text(result: StepResult, end: str, warned: Container[str] = ()) -> str:
    """The line of a step, which ends in its seconds or in `kept`, and its messages below it.

    warned: the warnings that were shown before.
    """
    made = ", ".join(f"{name} {text}" for name, text in result.texts.items())
    end = click.style(end, dim=True)
    lines = [f"  {result.id:<{_NAME_WIDTH}}{made}{'  ' if made else ''}{end}"]
    for message in result.messages:
        kind = click.style("warning: ", fg="yellow") if message.is_warning else ""
        text = warning_text(message.text, warned) if message.is_warning else message.text
        newline = f"\n{_INDENT}"
        lines.append(f"{_INDENT}{kind}{text.replace(chr(10), newline)}")
    return "\n".join(lines)


def warning_text(text: str, warned: Container[str]) -> str:
    """A warning; only the first line of one that has several and was shown before."""
    first, several, _ = text.partition("\n")
    return f"{first.rstrip(';:,')} (as above)" if several and text in warned else text


def end_text(run: RunInfo, seconds: str, folder: Path | None) -> str:
    """The last line of a run: its seconds, device and seed, and the folder of its record."""
    where = f", record in {shown_path(folder)}" if folder is not None else ""
    ended = f"{run.status} after " if run.status in ("failed", "interrupted") else ""
    seed = run.plan.recipe.seed
    return click.style(f"  {ended}{seconds} s on {run.device}, seed {seed}{where}", dim=True)


def outcome_line(outcome: CheckResult) -> str:
    """An expectation in a line: the value found, the value wanted, whether it is met."""
    verdict = click.style("met", fg="green") if outcome.met else click.style("NOT MET", fg="red")
    line = f"  {'expect':<{_NAME_WIDTH}}{outcome.path} {outcome.found}, {outcome.wanted}: {verdict}"
    if outcome.met or not outcome.difference:
        return line
    newline = f"\n{_INDENT}"
    return f"{line}{newline}{outcome.difference.replace(chr(10), newline)}"


def left_lines(run: RunInfo) -> list[str]:
    """A line for each expectation that needs more than one run."""
    return [
        f"  {'expect':<{_NAME_WIDTH}}{one.path.text}, {one.over_seeds.text}: left to `flowrun test`"
        for one in run.plan.expectations.values
        if one.over_seeds is not None
    ]


class RunSummary:
    """The listener that keeps a run's state, for the table after several recipes."""

    name = "summary"

    def __init__(self, recipe: str) -> None:
        self.recipe = recipe
        self.run: RunInfo | None = None

    @hookimpl
    def flowrun_run_started(self, run: RunInfo) -> None:
        self.run = run

    def line(self, width: int, with_sections: bool) -> str:
        """One row of the table: recipe, section, result, expectations met, seconds."""
        if self.run is None:
            return f"{self.recipe:<{width}}  refused"
        section = f"  {self.run.plan.recipe.section:<10}" if with_sections else ""
        start = f"{self.recipe:<{width}}{section}"
        if self.run.status == "skipped":
            return f"{start}  skipped  {self.run.error}"
        met = sum(outcome.met for outcome in self.run.outcomes)
        expected = f"{met} of {len(self.run.outcomes)} expectations met"
        result = {"unmet": "not met"}.get(self.run.status, self.run.status)
        return f"{start}  {result:<8} {expected}  {self.run.seconds:.2f} s"


class _ProgressBar:
    """A bar with the loss, on standard error; rich is imported with the first one."""

    def __init__(self) -> None:
        self._progress: Any = None
        self._task: TaskID | None = None

    def show(self, step: str, progress: Progress) -> None:
        figures = "  ".join(f"{name} {value:.5g}" for name, value in progress.figures.items())
        if self._progress is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as RichProgress

            self._progress = RichProgress(
                TextColumn("  {task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[figures]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._progress.start()
            self._task = self._progress.add_task(step, total=progress.total, figures=figures)
        self._progress.update(
            self._task, completed=progress.done, total=progress.total, figures=figures
        )

    def end(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
