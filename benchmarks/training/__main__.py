"""`python -m benchmarks.training`: time gradient descent in flowrun and in other tools."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.environments import CHECKOUT, Environment
from benchmarks.tables import bullets, progress, publish
from benchmarks.timing import interleaved, machine
from benchmarks.training.cases import CASES
from benchmarks.training.contest import Entry, cuda_device, held, matrix_product
from benchmarks.training.participant import FailedError
from benchmarks.training.report import noise, report
from benchmarks.training.roster import ARTICLE, NAMES, taking_part
from benchmarks.training.surroundings import surroundings
from benchmarks.training.whole_process import FLOWRUN, IMPORT, SCRIPT, WholeProcess

PROCESS = "process"
PRODUCT = "product"
CHOICES = (*CASES, PROCESS, PRODUCT)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted rounds (5)")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=NAMES,
        metavar="NAME",
        help=f"besides {ARTICLE}, of: %(choices)s",
    )
    parser.add_argument(
        "--cases", nargs="+", choices=CHOICES, metavar="CASE", help="of: %(choices)s"
    )
    parser.add_argument("--checkout", type=Path, default=CHECKOUT, help="where flowrun comes from")
    parser.add_argument("--out", type=Path, help="a file for the report as well")
    given = parser.parse_args()
    if given.runs < 1:
        parser.error("--runs is 1 or more")
    return given


def whole_processes(environment: Environment, checkout: Path, runs: int) -> dict[str, list[float]]:
    """The seconds of each command, in turns, after a round that does not count."""
    commands = [WholeProcess(name, environment, checkout) for name in (FLOWRUN, SCRIPT, IMPORT)]
    measures = {command.name: command.seconds for command in commands}
    interleaved(measures, 1, lambda text: progress(f"warm-up, {text}"))
    return interleaved(measures, runs, progress)


def trainings(
    names: Sequence[str],
    only: Sequence[str] | None,
    devices: Sequence[str],
    environments: dict[str, Environment | str],
    runs: int,
) -> list[Entry]:
    """All entries of these cases."""
    entries: list[Entry] = []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="training-") as scratch:
            contenders = taking_part(name, only)
            entries += held(CASES[name], contenders, devices, environments, Path(scratch), runs)
    return entries


def main() -> int:
    """Make the environments, measure, hold the results against the reference, and report."""
    given = arguments()
    facts = machine()
    environments, versions = surroundings(given.checkout.resolve())
    rivals, flowrun = environments["rivals"], environments["flowrun"]
    if isinstance(rivals, str):
        raise SystemExit(f"the environment of the rivals, with the article's loop, {rivals}")
    gpu = cuda_device(rivals)
    chosen = given.cases or CHOICES
    cases = [name for name in chosen if name in CASES]
    devices = ["cpu", "cuda"] if gpu else ["cpu"]
    entries = trainings(cases, given.only, devices, environments, given.runs)
    processes: dict[str, list[float]] = {}
    problems = {}
    if PROCESS in chosen and isinstance(flowrun, Environment):
        try:
            processes = whole_processes(flowrun, given.checkout.resolve(), given.runs)
        except FailedError as error:
            problems["whole processes failed"] = str(error)
    product = matrix_product(rivals) if gpu and PRODUCT in chosen else None
    facts = {
        **problems,
        "noise": noise(entries),
        "threads": "one for each contender, whole processes included",
        **{f"versions, {name}": text for name, text in versions.items()},
        **facts,
    }
    if hasattr(os, "getloadavg"):
        facts["load when it ended, one of it this benchmark's own"] = f"{os.getloadavg()[0]:.2f}"
    parts = report(entries, processes, product, gpu, given.runs)
    publish("\n\n".join([*parts, bullets(facts)]), given.out)
    went_wrong = any(entry.is_mistake or entry.is_elsewhere for entry in entries)
    return int(went_wrong or bool(problems))


if __name__ == "__main__":
    sys.exit(main())
