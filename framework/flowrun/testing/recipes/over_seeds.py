"""Statistics of one value of a recipe over many seeds, judged by their bounds."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec

from flowrun.api import plan
from flowrun.errors import FlowrunError
from flowrun.expectations.check import CheckResult
from flowrun.expectations.checks.seeds import STATISTICS, Seeds, worst_seed
from flowrun.expectations.expectation import Expectations
from flowrun.planning.plan import Plan
from flowrun.recipes.keys import LARGEST_SEED
from flowrun.running.results import Listeners
from flowrun.running.runner import execute
from flowrun.store.home import home_folder
from flowrun.store.store import Store
from flowrun.testing.recipes.settings import RunSettings
from flowrun.values.codecs import Codecs, number_text
from flowrun.values.paths import follow, parse_path


class SeedError(FlowrunError):
    """A seed with which the recipe gives no number."""


class Judged(msgspec.Struct, frozen=True):
    """A statistic judged by one bound, and the seed that did most to it."""

    outcome: CheckResult
    seed: int
    value: float


def judge_over_seeds(
    path: Path, planned: Plan, value: str, over: Seeds, settings: RunSettings
) -> list[Judged]:
    """Run a recipe once for each seed, in several processes, and judge the statistics.

    value: its path. Steps that do not depend on the seed, and seeds that have run before, are
    found in the store. Raises SeedError, with every seed that gives no number.
    """
    first = planned.recipe.seed
    seeds = [seed for seed in range(first, first + over.bound) if seed <= LARGEST_SEED]
    values = _values(path, value, seeds, settings)
    failed = {seed: found for seed, found in values.items() if isinstance(found, str)}
    if failed:
        raise SeedError("\n".join(f"seed {seed}: {why}" for seed, why in failed.items()))
    numbers = {seed: found for seed, found in values.items() if not isinstance(found, str)}
    judged = []
    for statistic, bounds in over.bounds.items():
        found = float(STATISTICS[statistic](list(numbers.values())))
        for bound in bounds.values():
            outcome = bound.judge_number(value, found, f"{statistic} over {len(numbers)} seeds ")
            seed = worst_seed(numbers, statistic, bound.is_too_high(found))
            judged.append(Judged(outcome, seed, numbers[seed]))
    return judged


def worst_text(judged: Judged, command: Callable[[int], str]) -> str:
    """The seed that did most to a statistic, and the command that runs it."""
    return f"{judged.seed} gives {number_text(judged.value)}: {command(judged.seed)}"


def _values(
    path: Path, value: str, seeds: list[int], settings: RunSettings
) -> dict[int, float | str]:
    beside = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    workers = max(1, min(len(seeds), (os.cpu_count() or 1) // beside))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = {seed: pool.submit(run_seed, str(path), value, seed, settings) for seed in seeds}
        return {seed: each.result() for seed, each in waiting.items()}


def run_seed(path: str, value: str, seed: int, settings: RunSettings) -> float | str:
    """The number that a recipe gives with a seed, or why it gives none."""
    wanted = parse_path(value)
    complaints: list[str] = []
    try:
        planned = _needed(plan(path, device=settings.device, seed=seed), wanted.root)
        codecs = Codecs(planned.registry.codecs)
        store = Store(home_folder(), complaints.append)
        try:
            result = execute(
                planned,
                Listeners(planned.registry.manager, complaints.append),
                store=store,
                standin=settings.standin,
                fresh=settings.fresh,
                warn=complaints.append,
            )
            reached = follow(wanted, result.values[wanted.root], codecs.opened)
        finally:
            store.close()
    except FlowrunError as error:
        return str(error)
    except LookupError as error:
        return str(error).strip("'")
    found = codecs.plain(reached)
    if isinstance(found, (int, float)) and not isinstance(found, bool) and found == found:
        return float(found)
    return f"{found!r:.60} is no number"


def _needed(planned: Plan, value: str) -> Plan:
    """The plan with only the steps that the value depends on: no seed saves anything."""
    needed, steps = {value}, []
    for step in reversed(planned.steps):
        given = set(step.wires.outputs.values())
        if given & needed:
            steps.append(step)
            needed -= given
            needed |= {*step.wires.inputs.values(), *(step.wires.named or {}).values()}
    return msgspec.structs.replace(
        planned, steps=tuple(reversed(steps)), expectations=Expectations()
    )
