"""`python -m benchmarks.rerun`: time the no-change rerun of recipes/red_linear.yaml."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import CHECKOUT, Environment, make_flowrun
from benchmarks.tables import bullets, progress, publish, table
from benchmarks.timing import Command, Spread, interleaved, machine, timed

RECIPE = "recipes/red_linear.yaml"
GOAL = 1.6
# What flowrun itself cannot do without, and the library that a rerun should not need.
LIBRARIES = "import click, pluggy, yaml, msgspec"
TORCH = "import torch"
HEADS = ("A", "B", "pairs", "A, s", "B, s", "A / B", "goal")
ABOUT = f"""\
# A rerun with nothing changed

Wall seconds of whole processes: median (minimum to maximum). A is `flowrun {RECIPE}`
after one run of the same; B is `python -c` with what is shown. They take turns, A B A B, after a
warm-up, and A / B is taken pair by pair. The goal is for the median."""

# Runs flowrun's own program inside this process, and writes down the modules loaded at its end.
LOADED_BY = """
import json, runpy, sys
report, program = sys.argv[1:3]
sys.argv = sys.argv[2:]
try:
    runpy.run_path(program, run_name="__main__")
finally:
    with open(report, "w") as file:
        json.dump(sorted(sys.modules), file)
"""


@dataclass(frozen=True)
class Pair:
    """The seconds of two commands, one run right after the other."""

    rerun: float
    other: float


class Rerun:
    """A copy of the recipes in a folder, in which the recipe has run once."""

    def __init__(self, environment: Environment, checkout: Path, folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        left_out = shutil.ignore_patterns("out", "__pycache__", ".*")
        shutil.copytree(checkout / "recipes", folder / "recipes", ignore=left_out)
        (folder / "home").mkdir()
        self._variables = {
            **environment.variables(folder / "home"),
            "FLOWRUN_HOME": str(folder / "flowrun"),
            "FLOWRUN_CACHE": str(folder / "cache"),
            "FLOWRUN_OFFLINE": "1",
        }
        self.first = self.rerun()

    def _seconds(self, program: str, *arguments: str) -> float:
        command = [str(self._environment.program(program)), *arguments]
        return timed(Command(command, self._folder, self._variables)).seconds

    def rerun(self) -> float:
        """The seconds of one run."""
        return self._seconds("flowrun", RECIPE)

    def pair(self, code: str) -> Pair:
        """A rerun, and right after it a Python that does nothing but `code`."""
        return Pair(self.rerun(), self._seconds("python", "-c", code))

    def modules(self) -> set[str]:
        """The modules that a rerun has loaded at its end."""
        report = self._folder / "modules.json"
        program = str(self._environment.program("flowrun"))
        self._seconds("python", "-c", LOADED_BY, str(report), program, RECIPE)
        return set(json.loads(report.read_text(encoding="utf-8")))


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rerun", description=__doc__)
    parser.add_argument("--pairs", type=int, default=20, help="counted pairs of each kind (20)")
    parser.add_argument("--checkout", type=Path, default=CHECKOUT, help="where flowrun comes from")
    parser.add_argument("--out", type=Path, help="a file for the table as well")
    given = parser.parse_args()
    if given.pairs < 1:
        parser.error("--pairs is 1 or more")
    return given


def row(code: str, pairs: Sequence[Pair], goal: float | None) -> list[str]:
    """The line of one comparison."""
    ratio = Spread.of(pair.rerun / pair.other for pair in pairs)
    verdict = "-"
    if goal is not None:
        verdict = f"at most {goal:g}: {'met' if ratio.median <= goal else 'NOT MET'}"
    return [
        "flowrun rerun",
        f"`{code}`",
        str(len(pairs)),
        Spread.of(pair.rerun for pair in pairs).text(),
        Spread.of(pair.other for pair in pairs).text(),
        ratio.text(digits=2),
        verdict,
    ]


def main() -> int:
    """Run the recipe once, look at what a rerun loads, measure, and write the table."""
    given = arguments()
    facts = machine()
    checkout = given.checkout.resolve()
    environment, versions = make_flowrun(checkout)
    with tempfile.TemporaryDirectory(prefix="rerun-") as scratch:
        progress("the first run")
        recipe = Rerun(environment, checkout, Path(scratch))
        torch_loaded = "torch" in recipe.modules()
        measures = {code: lambda code=code: recipe.pair(code) for code in (LIBRARIES, TORCH)}
        interleaved(measures, 1, lambda text: progress(f"warm-up, {text}"))
        found = interleaved(measures, given.pairs, progress)
    rows = [row(LIBRARIES, found[LIBRARIES], GOAL), row(TORCH, found[TORCH], None)]
    facts = {
        "first run": f"{recipe.first:.3f} s, with nothing kept",
        "torch": "IMPORTED by the rerun" if torch_loaded else "not imported by the rerun",
        "versions": versions,
        **facts,
    }
    publish("\n\n".join([ABOUT, table(HEADS, rows), bullets(facts)]), given.out)
    return int(torch_loaded)


if __name__ == "__main__":
    sys.exit(main())
