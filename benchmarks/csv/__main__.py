"""`python -m benchmarks.csv`: read tables of numbers in flowrun, and in engines for text.

Runs in the environment it is started from, which needs `flowrun-recipes[csv]`, polars and pandas.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import distribution, version
from pathlib import Path

import numpy

from benchmarks.csv.reading import READERS
from benchmarks.environments import CHECKOUT
from benchmarks.tables import bullets, progress, publish, table
from benchmarks.timing import Command, Spread, interleaved, machine, timed

ROWS, COLUMNS = 1_000_000, 12
WINE = CHECKOUT / "data" / "wine-red-standin.csv"
# What each engine brings that flowrun does not have already.
PACKAGES = {
    "polars": ("polars", "polars-runtime-32"),
    "pyarrow": ("pyarrow",),
    "pandas": ("pandas", "python-dateutil"),
}
MIB = 2**20
ABOUT = """\
# Tables of numbers from text, by flowrun and by engines

Medians of {runs} rounds (minimum to maximum), the file system's cache warm, {threads} threads. Each
reading is a process of its own that has torch and NumPy loaded, and the processes take turns.

- *first*: the first reading in a process; *again*: the next one.
- *above the tensor*: by how much the first reading raised the most memory the process ever held,
  without the bytes of the table in float32.
- pandas is told to round as Python does (`float_precision="round_trip"`); the others do.
- *flowrun* is the reading of `load`: it finds delimiter and names, checks each cell, and gives a
  tensor in float32."""
HEADS = ("reader", "import, s", "first, {unit}", "again, {unit}", "above the tensor, MiB")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.csv", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted rounds (5)")
    parser.add_argument("--out", type=Path, help="a file for the report as well")
    return parser.parse_args()


def write_large(path: Path) -> None:
    """A table of normal numbers in float32, each as short as tells it from its neighbours."""
    draw = numpy.random.default_rng(0)
    with path.open("w", encoding="ascii") as file:
        file.write(",".join(f"c{column}" for column in range(COLUMNS)) + "\n")
        for _ in range(100):
            block = draw.standard_normal((ROWS // 100, COLUMNS)).astype(numpy.float32)
            file.writelines(",".join(map(str, row)) + "\n" for row in block)


def measured(reader: str, path: Path) -> dict[str, float]:
    """What one process tells of one reader."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.csv.reading", reader, path]
    output = timed(Command(command, CHECKOUT, os.environ)).output
    return dict(json.loads(output.splitlines()[-1]))


def rows(
    found: Mapping[str, list[dict[str, float]]], tensor: int, scale: float, digits: int
) -> list[list[str]]:
    """A line for each reader."""

    def cell(reader: str, name: str) -> str:
        return Spread.of(one[name] for one in found[reader]).text(digits, scale)

    return [
        [
            reader,
            Spread.of(one["import"] for one in found[reader]).text(3),
            cell(reader, "first"),
            cell(reader, "again"),
            f"{(Spread.of(one['grown'] for one in found[reader]).median - tensor) / MIB:.0f}",
        ]
        for reader in found
    ]  # fmt: skip


def weights() -> dict[str, str]:
    """What each engine takes on disk, with what it needs and flowrun does not."""
    return {
        f"installed weight of {name}": f"{sum(map(_weight, packages)) / MIB:.0f} MiB"
        for name, packages in PACKAGES.items()
    }


def _weight(package: str) -> int:
    files = distribution(package).files or []
    places = [Path(str(file.locate())) for file in files]
    return sum(place.stat().st_size for place in places if place.is_file())


def contest(path: Path, tensor: int, runs: int, unit: str) -> str:
    """The table of one file."""
    scale, digits = (1000, 1) if unit == "ms" else (1, 2)
    readers = [name for name in READERS if name != "numpy.loadtxt" or unit == "ms"]
    measures: dict[str, Callable[[], dict[str, float]]] = {
        name: partial(measured, name, path) for name in readers
    }
    found = interleaved(measures, runs, progress)
    return table([head.format(unit=unit) for head in HEADS], rows(found, tensor, scale, digits))


def main() -> int:
    """Write the large file, let everyone read both, and report."""
    given = arguments()
    facts = {**weights(), **machine()}
    with tempfile.TemporaryDirectory() as scratch:
        large, wine = Path(scratch) / "large.csv", Path(scratch) / "wine.csv"
        progress("writing the large file")
        write_large(large)
        # With commas, which every reader expects where nothing is told.
        wine.write_text(WINE.read_text(encoding="utf-8").replace(";", ","), encoding="utf-8")
        parts = [
            ABOUT.format(
                runs=given.runs, threads=os.environ.get("OMP_NUM_THREADS", os.cpu_count())
            ),
            f"## {ROWS:,} rows of {COLUMNS} numbers ({large.stat().st_size / MIB:.0f} MiB)",
            contest(large, ROWS * COLUMNS * 4, given.runs, "s"),
            f"## The wine table ({wine.stat().st_size / 1024:.0f} KiB)",
            contest(wine, 1599 * 12 * 4, given.runs, "ms"),
        ]
    names = ("polars", "pyarrow", "pandas", "numpy", "torch")
    facts = {"versions": ", ".join(f"{name} {version(name)}" for name in names), **facts}
    publish("\n\n".join([*parts, bullets(facts)]), given.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
