"""`python -m benchmarks.csv.reading READER FILE`: read a file twice in this process.

Prints one JSON document: seconds to import what reads, seconds of the first and of the second
reading, and the bytes by which the first one raised the most this process ever held.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import flowrun


def polars_reader() -> Callable[[Path], Any]:
    """polars, with nothing told but the file."""
    import polars

    return polars.read_csv


def pyarrow_reader() -> Callable[[Path], Any]:
    """pyarrow, with nothing told but the file."""
    from pyarrow import csv

    return csv.read_csv


def pandas_reader() -> Callable[[Path], Any]:
    """pandas, told to round as Python does, as the values must be the same."""
    import pandas

    return lambda path: pandas.read_csv(path, float_precision="round_trip")


def numpy_reader() -> Callable[[Path], Any]:
    """NumPy, told of the line of names."""
    import numpy

    return lambda path: numpy.loadtxt(path, delimiter=",", skiprows=1)


def flowrun_reader() -> Callable[[Path], Any]:
    """What the step `load` reads with: a tensor in float32, each cell checked."""
    plan = flowrun.plan({"recipe": "r", "steps": [{"load": {"source": "wine-red"}}]})
    load = plan.registry.formats[".csv"].read
    return lambda path: load(path, dtype="float32")


def flowrun_without_engine() -> Callable[[Path], Any]:
    """The same where no engine is installed."""
    sys.modules["pyarrow"] = None  # type: ignore[assignment]
    return flowrun_reader()


READERS = {
    "polars": polars_reader,
    "pyarrow": pyarrow_reader,
    "pandas": pandas_reader,
    "numpy.loadtxt": numpy_reader,
    "flowrun": flowrun_reader,
    "flowrun without an engine": flowrun_without_engine,
}


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """How long some work takes, and what it gives."""
    start = time.perf_counter()
    given = work()
    return time.perf_counter() - start, given


def highest() -> int:
    """The most bytes this process ever held (Linux counts them in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Read twice, and tell."""
    reader, path = READERS[sys.argv[1]], Path(sys.argv[2])
    torch.zeros(1).numpy()  # torch and NumPy are there in every run
    importing, read = seconds(reader)
    before = highest()
    first, _ = seconds(lambda: read(path))
    grown = highest() - before
    again, _ = seconds(lambda: read(path))
    print(json.dumps({"import": importing, "first": first, "again": again, "grown": grown}))


if __name__ == "__main__":
    main()
