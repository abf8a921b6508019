"""A recipe run many times over, in several processes: does it give the same bits each time?"""

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
from flowrun.history.past_run import short_digest
from flowrun.planning.plan import Plan
from flowrun.running.listeners import Listeners
from flowrun.running.runner import execute
from flowrun.store.store import Store
from flowrun.testing.recipes.failures import line
from flowrun.testing.recipes.settings import RunSettings
from flowrun.values.codecs import Codecs

_MOST_VALUES = 5  # of an output that a message shows


class Repeat(msgspec.Struct, frozen=True):
    """What one run of a recipe gave: by step and output its digest, and its value in words."""

    digests: dict[str, dict[str, str | None]]
    texts: dict[str, dict[str, str]]
    error: str | None = None


def repeats(path: Path, times: int, settings: RunSettings) -> list[Repeat]:
    """Run a recipe so many times, nothing found in a store.

    The runs are spread over processes, because what differs between two processes (the order of
    sets, where memory lies) does not differ between two runs in one.
    """
    workers = min(times, max(2, os.cpu_count() or 2))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(run_apart, str(path), settings) for _ in range(times)]
        return [each.result() for each in waiting]


def run_apart(path: str, settings: RunSettings) -> Repeat:
    """Run a recipe with a store of its own, which is empty before and gone afterwards."""
    digests: dict[str, dict[str, str | None]] = {}
    texts: dict[str, dict[str, str]] = {}
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
        return Repeat(digests, texts, str(error))
    words = Codecs({}, planned.recipe.dtype)
    for step in result.record["steps"]:
        digests[step["id"]] = step["digests"]
        texts[step["id"]] = {name: words.text(told) for name, told in step["outputs"].items()}
    return Repeat(digests, texts)


def what_differs(planned: Plan, found: list[Repeat]) -> str | None:
    """The first step that did not give the same bits each time, and what it gave; None if none."""
    errors = Counter(repeat.error for repeat in found)
    if len(errors) > 1 or found[0].error is not None:
        told = [text for text in errors if text is not None]
        failed = sum(errors[text] for text in told)
        return "\n".join([f"{failed} of {len(found)} runs failed", *told])
    for step in planned.steps:
        for output in step.wires.outputs.values():
            digests = Counter(repeat.digests.get(step.id, {}).get(output) for repeat in found)
            if len(digests) > 1:
                problem = f"`{step.id}` does not give the same `{output}` each time"
                return "\n".join(
                    [str(Problem(problem, step.mark)), *_shown(step.id, output, found)]
                )
    return None


def _shown(step: str, output: str, found: list[Repeat]) -> list[str]:
    """How often each value was given, in words, and by the digest where those are the same."""
    told = [(repeat.texts[step][output], repeat.digests[step][output]) for repeat in found]
    texts = {text for text, _ in told}
    named = [text if len(texts) > 1 else f"{text} {short_digest(digest)}" for text, digest in told]
    counted = [f"{text} ({count} of {len(found)})" for text, count in Counter(named).most_common()]
    return [line("found", "\n".join(counted[:_MOST_VALUES]))]


def _ignore(text: str) -> None:
    """Nothing of this store matters when the run is over."""
