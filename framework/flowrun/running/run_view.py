"""The lines of a run: of its record, and those that terminal and notebook share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flowrun.errors.escaping import in_lines
from flowrun.expectations.check import CheckResult, short
from flowrun.expectations.expectation import Expectations
from flowrun.recipes.part import left_out_lines, part_lines
from flowrun.running.events import Message, Place, Progress
from flowrun.running.record import RunRecord, StepRun
from flowrun.values.codecs import Codecs, number_text
from flowrun.values.metrics import flat
from flowrun.values.views import Line, Part, View

_SHOWN_ITEMS = 6


def step_line(
    name: str,
    made: Mapping[str, str],
    end: str,
    messages: Iterable[Message],
    *more: str,
    warning: str = "warning: ",
) -> Line:
    """The line of a step that has ended.

    made: its outputs by name. more: texts above its messages. warning: the start of a warning.
    """
    text = ", ".join(f"{output} {value}" for output, value in made.items())
    said = [(warning if one.is_warning else "") + in_lines(one.text) for one in messages]
    return Line(name, text, end, (*more, *said))


def running_line(name: str, progress: Progress | None) -> Line:
    """The line of a step that runs. progress: the last that it has reported, if any."""
    if progress is None:
        return Line(name, "", "running")
    place = Place.of(progress.done, progress.total)
    figures = (f"{name} {number_text(float(value))}" for name, value in progress.figures.items())
    if place is None:
        return Line(name, "  ".join(figures), "running")
    text = "  ".join([f"{place.done}/{place.total}", *figures])
    return Line(name, text, "running", done=(place.done, place.total))


def expectation_line(result: CheckResult) -> Line:
    """An expectation: the value found, the value wanted, whether it is met."""
    text = f"{result.path} {result.found}, {result.wanted}:"
    if result.met:
        return Line("expect", text, "met")
    below = (in_lines(result.difference),) if result.difference else ()
    return Line("expect", text, "NOT MET", below, stands_out=True)


def left_lines(expectations: Expectations) -> list[Line]:
    """A line for each expectation that needs more than one run."""
    return [
        Line("expect", f"{one.path.text}, {one.over_seeds.text}:", "left to `flowrun test`")
        for one in expectations.values
        if one.over_seeds is not None
    ]


def record_view(run: RunRecord) -> View:
    """A run that is over: its expectations and metrics, and its steps folded."""
    metrics = [Line(path, _figure(value)) for path, value in flat(run.metrics)]
    kept = sum(step.kept is not None for step in run.steps)
    steps = f"{len(run.steps)} step{'s' * (len(run.steps) != 1)}, {kept} kept"
    warned = len(run.warnings)
    if warned:
        steps += f", {warned} warning{'s' * (warned != 1)}"
    values = Codecs({}, run.dtype)
    expected = [expectation_line(result) for result in run.expectations]
    shown = [
        Part([*part_lines(run.part), *expected, *left_out_lines(run.part)]),
        Part(metrics),
        Part([_recorded_step(step, values, run.warnings) for step in run.steps], steps),
    ]
    why = f": {run.error}" if run.error else ""
    end = f"{run.status}{why}, {run.seconds:.2f} s on {run.device}, seed {run.seed}, run {run.id}"
    return View(run.recipe, run.about, shown, end)


def _recorded_step(step: StepRun, values: Codecs, warnings: list[str]) -> Line:
    end = "kept" if step.kept is not None else f"{step.seconds:.3f} s"
    messages = [Message(text, text in warnings) for text in step.messages]
    return step_line(step.id, values.texts(step.outputs), end, messages)


def _figure(value: object) -> str:
    """A metric as a line shows it; of a long list only the length."""
    if isinstance(value, list) and len(value) > _SHOWN_ITEMS:
        return f"[{len(value)}]"
    return short(number_text(value))
