"""Measured inside of flowrun's own environment: prints one JSON document.

Digests of tensors on one thread; a value kept and read back, by size; ten thousand runs listed and
ten thousand steps planned, each in a process of its own.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

import flowrun
from flowrun.api import new_registry
from flowrun.store.cost_rule import BYTES_A_SECOND, FIXED_SECONDS
from flowrun.store.store import Store
from flowrun.values.codecs import Codecs
from flowrun.values.digests import value_digest

SIZES = (1_000, 100_000, 10_000_000, 200_000_000)  # bytes
ROUNDS = 7
RUNS = 10_000
STEPS = 10_000
PLUGIN = """
from flowrun import step

@step(outputs="number")
def add(number: int = 0, *, by: int = 1) -> int:
    return number + by
"""


def seconds(work: Callable[[], object]) -> float:
    """The median of some rounds, after one that is not counted."""
    work()
    found = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def digests(values: Codecs) -> dict[str, float]:
    """Bytes a second, by the kind of tensor: 200 MB of float32."""
    tensor = torch.randn(25_000_000, 2)
    kinds = {"contiguous": tensor, "every second column": tensor[:, 1]}
    return {
        name: kind.nbytes / seconds(lambda kind=kind: value_digest(kind, values))
        for name, kind in kinds.items()
    }


def keeping(values: Codecs, folder: Path) -> list[dict[str, float]]:
    """Seconds to keep and to read back a tensor, by its size, and what the rule allows for it."""
    store = Store(folder, print)
    found = []
    for size in SIZES:
        tensor = torch.randn(size // 4)
        digest = value_digest(tensor, values)
        assert digest is not None
        start = time.perf_counter()
        name = store.objects.keep(tensor, digest, values)
        kept = time.perf_counter() - start
        assert name is not None
        read = seconds(lambda: store.objects.read(name, digest, values))  # noqa: B023
        rule = FIXED_SECONDS + size / BYTES_A_SECOND
        found.append({"bytes": size, "keep": kept, "read": read, "rule": rule})
    store.close()
    return found


def listing(folder: Path) -> dict[str, float]:
    """Seconds of `flowrun runs`, whole process, over ten thousand runs that are in the table."""
    (folder / "adding.py").write_text(PLUGIN)
    recipe = folder / "r.yaml"
    recipe.write_text("recipe: r\nplugins: [./adding.py]\nsteps: [add]\n")
    result = flowrun.run(recipe)
    store = Store(Path(".flowrun"), print)
    for number in range(RUNS):
        run = f"20200101-000000-{number:06x}"
        record = {**result.record, "id": run, "metrics": {"mae": number / RUNS}}
        target = Path(".flowrun/runs", run)
        target.mkdir()
        content = json.dumps(record).encode()
        (target / "run.json").write_bytes(content)
        store.runs.add(run, content)
    store.close()
    commands = {"all": ["runs"], "20": ["runs", "-n", "20"],
                "where": ["runs", "--where", "metrics.mae<0.5"]}  # fmt: skip
    return {name: whole_process(arguments) for name, arguments in commands.items()}


def whole_process(arguments: list[str]) -> float:
    """Seconds of the command line, from start to end."""
    command = [sys.executable, "-m", "flowrun", *arguments]
    return seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def planning(folder: Path) -> dict[str, float]:
    """Seconds to plan ten thousand steps, in this process."""
    (folder / "adding.py").write_text(PLUGIN)
    found = {}
    for name, step in (("bare", "  - add\n"), ("with an option", "  - add: {by: 2}\n")):
        recipe = folder / f"{name}.yaml"
        recipe.write_text("recipe: r\nplugins: [./adding.py]\nsteps:\n" + step * STEPS)
        registry = new_registry()
        found[name] = seconds(lambda: flowrun.plan(recipe, registry=registry.copy()))  # noqa: B023
    return found


def main() -> None:
    """Measure everything, in a folder of its own."""
    torch.set_num_threads(1)
    values = Codecs(new_registry().codecs)
    with tempfile.TemporaryDirectory() as scratch:
        import os

        os.chdir(scratch)
        folder = Path(scratch)
        document = {
            "digests": digests(values),
            "keeping": keeping(values, folder / "home"),
            "listing": listing(folder),
            "planning": planning(folder),
        }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
