"""The report: a table for each case, the goals, and what a reader has to know of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.tables import table
from benchmarks.timing import Spread
from benchmarks.training import goals
from benchmarks.training.cases import CASES, Case
from benchmarks.training.contest import Entry
from benchmarks.training.goals import figures, quotient
from benchmarks.training.roster import ARTICLE
from benchmarks.training.whole_process import IMPORT

PROCESS_HEADS = ("command", "seconds", f"by `{IMPORT}`")
MORE_THAN_ONE_THREAD = 1.1
ABOUT = """\
# Training, beside other tools

Full-batch gradient descent on squared error with the learning rate 0.01, in float32: the same data,
the same first parameters and 1000 steps for everyone, each loss kept. Medians of {runs} rounds
(minimum to maximum), after a warm-up. Each contender is a process of its own, on one thread, and
the processes take turns: a turn lasts 0.2 s or one training, whichever is longer, and its mean
counts.

- *times the loop*: the time of the article's loop by that of the contender, round by round.
- *measured*: tools that walk step by step are timed in fewer steps on large data. "20 steps x 50":
  20 steps were timed, and the time is multiplied by 50.
- *compiling*: what the first training took more than a later one, with all that was prepared for
  it, but without imports.
- *away by*: the largest difference from where the article's loop ends after as many steps:
  parameters, as a part of the largest one, and losses, each as a part of its own. The tolerance is
  {tolerances};
  in float32 the loop itself rounds sums of ten million numbers by more than those of a thousand.
  relu with a slope of 0 at 0 is held against the article's loop with torch.relu.
- *mse*: squared error of the predictions after the measured steps, computed in float64.
- *GPU*: {gpu}"""


def report(
    entries: Sequence[Entry],
    processes: Mapping[str, Sequence[float]],
    product: Mapping[str, float | None] | None,
    gpu: str,
    runs: int,
) -> list[str]:
    """The parts of the report, all but the facts of the machine."""
    names: dict[float, list[str]] = {}
    for case in CASES.values():
        names.setdefault(case.tolerance, []).append(case.name)
    tolerances = ", ".join(f"{value:g} ({', '.join(of)})" for value, of in names.items())
    where = gpu or "empty, as there is no CUDA device here."
    parts = [ABOUT.format(runs=runs, tolerances=tolerances, gpu=where)]
    parts += ["## Goals", table(goals.HEADS, goals.rows(entries, processes))]
    for case in CASES.values():
        found = [entry for entry in entries if entry.case is case]
        if found:
            parts += [f"## {case.title} ({case.name})", table(heads(case), case_rows(case, found))]
    if processes:
        parts += ["## Whole processes, nothing kept", table(PROCESS_HEADS, process_rows(processes))]
    if product:
        parts += ["## Product of two 10,000 x 10,000 matrices, float32, on the GPU"]
        parts += [table(("found, TFLOP/s", "the card's peak, TFLOP/s"), [product_row(product)])]
    return parts


def unit(case: Case) -> tuple[str, float]:
    """In what the times of a case are given, and how much of it a second is."""
    return ("s", 1) if case.rows >= 1_000_000 else ("ms", 1000)


def heads(case: Case) -> list[str]:
    """Of the table of a case."""
    name, _ = unit(case)
    measured = ["measured", "compiling, s", "away by", "mse"]
    cpu, gpu = ([f"{device}, {name}", f"times the loop, {device}"] for device in ("CPU", "GPU"))
    return ["contender", *cpu, *measured, *gpu, "note"]


def case_rows(case: Case, entries: Sequence[Entry]) -> list[list[str]]:
    """A line for each contender, with both devices."""
    by_device: dict[str, dict[str, Entry]] = {"cpu": {}, "cuda": {}}
    for entry in entries:
        by_device[entry.device][entry.contender.name] = entry
    loops = {device: found.get(ARTICLE) for device, found in by_device.items()}
    lines = []
    for name, entry in by_device["cpu"].items():
        other = by_device["cuda"].get(name)
        lines.append(
            [
                entry.contender.title,
                *_times(entry, loops["cpu"]),
                _measured(entry),
                _compiling(entry),
                _away(entry),
                "" if entry.mse is None else f"{entry.mse:.6f}",
                *_times(other, loops["cuda"]),
                _note(entry, other),
            ]
        )
    return lines


def _times(entry: Entry | None, loop: Entry | None) -> tuple[str, str]:
    """Its time, and the times the loop; empty where there are none."""
    if entry is None or not entry.seconds:
        return "", ""
    is_comparable = loop is not None and loop.seconds and entry.contender.kind != "yardstick"
    return (
        figures(Spread.of(entry.seconds), scale=unit(entry.case)[1]),
        figures(quotient(loop.seconds, entry.seconds)) if loop and is_comparable else "",
    )


def _measured(entry: Entry) -> str:
    if entry.contender.kind == "yardstick":
        return "whole"
    if entry.steps == entry.case.steps:
        return f"{entry.steps} steps"
    return f"{entry.steps} steps x {entry.case.steps / entry.steps:g}"


def _compiling(entry: Entry) -> str:
    if not entry.seconds:
        return ""
    later = Spread.of(entry.seconds).median * entry.steps / entry.case.steps
    return f"{max(entry.first - later, 0):.2f}"


def _away(entry: Entry) -> str:
    if entry.away is None:
        return "not compared" if entry.seconds else ""
    return (f"{entry.away:.1e}" if entry.away else "0") + (
        ": ENDS ELSEWHERE" if entry.is_elsewhere else ""
    )


def _note(entry: Entry, other: Entry | None) -> str:
    """What a reader should know of this line."""
    notes = [entry.contender.note, entry.note, _problem(entry)]
    if entry.threads > MORE_THAN_ONE_THREAD:
        notes.append(f"took {entry.threads:.1f} threads")
    if other is not None:
        elsewhere = f"ends {other.away:.1e} away: ELSEWHERE" if other.is_elsewhere else ""
        notes += [f"GPU: {text}" for text in (_problem(other), elsewhere) if text]
    return "; ".join(note for note in notes if note)


def _problem(entry: Entry) -> str:
    return f"{'FAILED: ' if entry.is_mistake else ''}{entry.problem}" if entry.problem else ""


def process_rows(processes: Mapping[str, Sequence[float]]) -> list[list[str]]:
    """A line for each command."""
    return [
        [f"`{name}`", Spread.of(seconds).text(), quotient(seconds, processes[IMPORT]).text(2)]
        for name, seconds in processes.items()
    ]


def product_row(product: Mapping[str, float | None]) -> list[str]:
    """What was found, and the peak where it is known."""
    return ["" if (value := product[key]) is None else f"{value:.1f}" for key in ("found", "peak")]


def noise(entries: Sequence[Entry]) -> str:
    """How far the rounds of the article's loop were apart: what no contender has to answer for."""
    spreads = {
        entry.case.name: Spread.of(entry.seconds)
        for entry in entries
        if entry.contender.name == ARTICLE and entry.device == "cpu" and entry.seconds
    }
    texts = (
        f"{name} {100 * (spread.maximum - spread.minimum) / spread.median:.0f} %"
        for name, spread in spreads.items()
    )
    return "the rounds of the article's loop lie apart by " + (", ".join(texts) or "-: none timed")
