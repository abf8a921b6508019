"""A recipe run many times, in several processes, to find the first output that is not the same."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec

from flowrun.api import plan
from flowrun.errors import FlowrunError, Problem
from flowrun.history.outputs import content
from flowrun.planning.plan import Plan
from flowrun.running.record import RunRecord, StepRun, short_digest
from flowrun.running.results import Listeners
from flowrun.running.runner import execute
from flowrun.store.store import Store
from flowrun.testing.recipes.failures import line
from flowrun.testing.recipes.settings import RunSettings
from flowrun.values.codecs import Codecs

_MOST_VALUES = 5  # of an output that a message shows


def repeats(path: Path, times: int, settings: RunSettings) -> list[RunRecord | str]:
    """The records of that many runs of a recipe, with nothing found in a store; or their errors.

    The runs are spread over processes: some differences show only between processes (the order of
    sets, addresses in memory).
    """
    workers = min(times, max(2, os.cpu_count() or 2))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(run_apart, str(path), settings) for _ in range(times)]
        return [each.result() for each in waiting]


def run_apart(path: str, settings: RunSettings) -> RunRecord | str:
    """Run a recipe with an empty store of its own, which is removed afterwards."""
    try:
        planned = plan(path, device=settings.device)
        with tempfile.TemporaryDirectory() as home:
            store = Store(Path(home), _ignore)
            try:
                heard = Listeners(planned.registry.manager, _ignore)
                standin = settings.standin
                result = execute(planned, heard, store=store, standin=standin, warn=_ignore)
            finally:
                store.close()
    except FlowrunError as error:
        return str(error)
    return msgspec.convert(result.record, RunRecord)


def what_differs(planned: Plan, found: list[RunRecord | str]) -> str | None:
    """The first step whose bits differ between runs, and its outputs; None if there is none."""
    runs = [run for run in found if isinstance(run, RunRecord)]
    errors = [run for run in found if isinstance(run, str)]
    if errors:
        failed = f"{len(errors)} of {len(found)} runs failed"
        return "\n".join([failed, *dict.fromkeys(errors)])
    for planned_step in planned.steps:
        steps = [step for run in runs for step in run.steps if step.id == planned_step.id]
        for output in planned_step.wires.outputs.values():
            if len({content(step, output) for step in steps}) > 1:
                message = f"`{planned_step.id}` does not give the same `{output}` each time"
                problem = Problem(message, planned_step.mark)
                return f"{problem}\n{_shown(steps, output, planned.recipe.dtype)}"
    return None


def _shown(steps: list[StepRun], output: str, dtype: str) -> str:
    """How often each value was given, in words, and by its digest if the words are the same."""
    counted = Counter(content(step, output) for step in steps)
    words = Codecs({}, dtype)
    texts = {content(step, output): words.text(step.outputs[output]) for step in steps}
    if len(set(texts.values())) == 1:
        digests = {content(step, output): step.digests.get(output) for step in steps}
        texts = {one: f"{text} {short_digest(digests[one])}" for one, text in texts.items()}
    shown = [f"{texts[one]} ({count} of {len(steps)})" for one, count in counted.most_common()]
    return line("found", "\n".join(shown[:_MOST_VALUES]))


def _ignore(text: str) -> None:
    """Nothing in this store matters after the run."""
