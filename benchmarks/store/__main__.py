"""`python -m benchmarks.store`: what the store costs, beside what it must not cost."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.environments import CHECKOUT, make_flowrun
from benchmarks.tables import bullets, progress, publish, table
from benchmarks.timing import Command, machine, timed

ABOUT = """\
# What the store costs

Medians. Digests and values on one thread, the file system's cache warm; lists of runs as whole
processes; planning inside one process."""
HEADS = ("what", "found", "goal")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__)
    parser.add_argument("--checkout", type=Path, default=CHECKOUT, help="where flowrun comes from")
    parser.add_argument("--out", type=Path, help="a file for the table as well")
    return parser.parse_args()


def verdict(found: float, goal: float, *, more: bool = False) -> str:
    """Whether a figure is what it must be."""
    is_met = found >= goal if more else found <= goal
    return f"{'at least' if more else 'at most'} {goal:g}: {'met' if is_met else 'NOT MET'}"


def main() -> int:
    """Measure in flowrun's environment, and write the table."""
    given = arguments()
    facts = machine()
    environment, versions = make_flowrun(given.checkout.resolve())
    progress("measuring; some minutes")
    script = Path(__file__).with_name("measures.py")
    command = [environment.program("python"), script]
    variables = environment.variables(Path.home())
    output = timed(Command(command, Path.cwd(), variables)).output
    found = json.loads(output.splitlines()[-1])
    rows = [
        [
            f"digest of a tensor, {name}, GB/s",
            f"{speed / 1e9:.2f}",
            verdict(speed / 1e9, 1, more=True),
        ]
        for name, speed in found["digests"].items()
    ]
    rows += [
        [f"{one['bytes']:,} bytes kept, then read back, ms",
         f"{1000 * one['keep']:.2f}, {1000 * one['read']:.2f}",
         verdict(1000 * one["read"], 1000 * one["rule"])]
        for one in found["keeping"]
    ]  # fmt: skip
    rows += [
        [f"10,000 runs listed ({name}), s", f"{seconds:.3f}", verdict(seconds, 0.5)]
        for name, seconds in found["listing"].items()
    ]
    rows += [
        [f"10,000 steps planned ({name}), s", f"{seconds:.3f}", verdict(seconds, 1)]
        for name, seconds in found["planning"].items()
    ]
    facts = {"versions": versions, **facts}
    publish("\n\n".join([ABOUT, table(HEADS, rows), bullets(facts)]), given.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
