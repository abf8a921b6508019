"""`python -m benchmarks.values`: bytes and seconds of kept values, for the table in docs/values.md.

Measured in this environment and process, on one thread, the file system's cache warm.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.tables import publish, table
from benchmarks.values.examples import EXAMPLES
from flowrun.api import new_registry
from flowrun.store.plan_classes import PlanClasses
from flowrun.store.store import Store
from flowrun.store.value_files import value_paths
from flowrun.values.codecs import Codecs
from flowrun.values.digests import value_digest

ROUNDS = 5
HEADS = ("value", "bytes on disk", "digest, s", "keep, s", "read, s")
ABOUT = "Medians of five rounds on one thread, the file system's cache warm."


def seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median of some rounds."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def measured(name: str, value: Any, store: Store, codecs: Codecs, folder: Path) -> list[str]:
    """One row of the table."""
    digest = value_digest(value, codecs)
    if digest is None:
        return [name, "not kept", "", "", ""]

    def keep() -> None:
        assert digest is not None
        store.objects.remove([digest[:32]])
        assert store.objects.keep(value, digest, codecs) == digest[:32]

    digesting = seconds(lambda: value_digest(value, codecs))
    keeping = seconds(keep)
    size = sum(path.stat().st_size for path in value_paths(folder, digest[:32]))
    reading = seconds(lambda: store.objects.read(digest[:32], digest, codecs))
    return [name, f"{size:,}", *(f"{one:.4f}" for one in (digesting, keeping, reading))]


def main() -> int:
    """Measure every example of which the library is installed, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.values", description=__doc__)
    parser.add_argument("--out", type=Path, help="a file for the table as well")
    given = parser.parse_args()
    registry = new_registry()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        store = Store(Path(scratch), print)
        codecs = Codecs(registry.codecs, classes=PlanClasses(registry, store.code))
        for name, make in EXAMPLES.items():
            try:
                value = make()
            except ImportError:
                continue
            rows.append(measured(name, value, store, codecs, store.folder / "objects"))
        store.close()
    publish("\n\n".join([ABOUT, table(HEADS, rows)]), given.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
