"""Draw mutants of the framework, and count those that the tests of their room notice.

python -m tests.campaigns.mutation [--results FILE] [--count N] [--seed N] [--only ROOM ...]

Each result is written as it comes; begun again with the same file, it goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"

from tests import processes
from tests.campaigns.mutation.drawing import FRAMEWORK, ROOT, Mutant, drawn

# The tests that are nearest to the code of each room, the nearest first.
ROOMS = {
    "recipes": ("recipes", "expectations", "planning", "cli/test_command_line.py"),
    "planning": ("planning", "plugins", "recipes", "cli/schema/test_agreement.py"),
    "expectations": ("expectations", "history/test_history_diff.py", "testing/recipes"),
    "running": ("running", "store", "cli/test_command_line.py"),
    "store": ("store", "running", "history"),
}
WANTED = 0.85  # the share of mutants that is to be noticed
LEAST_SECONDS = 120.0  # before a mutant is given up
TIMES = 5  # as long as the tests take without a mutant

Result = dict[str, Any]


def tested(room: str, mutant: Mutant | None, seconds: float) -> Result:
    """Run the tests of a room on a copy of the framework with a mutant, to the first that fails."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        copy = shutil.copytree(FRAMEWORK, folder / "copy" / "flowrun")  # with what is compiled
        if mutant is not None:
            (copy / mutant.file).write_text(mutant.code, encoding="utf-8")
        command = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--basetemp", folder / "t"]
        tests = [ROOT / "tests" / "core" / one for one in ROOMS[room]]
        try:
            done = processes.run(
                [*command, *tests], cwd=ROOT, timeout=seconds,
                env={**os.environ, "PYTHONPATH": str(folder / "copy")},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"noticed": True, "by": "timeout", "seconds": seconds}
    lines = done.stdout.splitlines() + done.stderr.splitlines()
    by = next((line for line in lines if line.startswith(("FAILED", "ERROR"))), lines[-1])
    taken = round(time.monotonic() - begun, 1)
    return {"noticed": done.returncode != 0, "by": by[:200], "seconds": taken}


def run(room: str, count: int, seed: int, file: Path) -> None:
    """Test the mutants of a room that the file has no result of."""
    results = read(file)
    usual = tested(room, None, 3600.0)
    if usual["noticed"]:
        sys.exit(f"the tests of {room} fail without a mutant: {usual['by']}")
    known = {(one["file"], one["line"], one["diff"]) for one in results}
    mutants = [one for one in drawn(room, count, seed)
               if (one.file, one.line, one.diff()) not in known]  # fmt: skip
    seconds = max(LEAST_SECONDS, TIMES * usual["seconds"])
    with ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(lambda one: tested(room, one, seconds), mutants)
        for mutant, outcome in zip(mutants, outcomes, strict=True):
            place = {"file": mutant.file, "line": mutant.line, "operator": mutant.operator}
            results.append({"room": room, **place, "diff": mutant.diff(), **outcome})
            file.write_text(json.dumps(results, indent=1), encoding="utf-8")


def read(file: Path) -> list[Result]:
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else []


def summary(results: list[Result]) -> tuple[str, bool]:
    """A line for each room, the survivors below, and whether enough were noticed in every room."""
    lines, is_enough = [], True
    for room in dict.fromkeys(one["room"] for one in results):
        noticed = [one["noticed"] for one in results if one["room"] == room]
        is_enough &= sum(noticed) >= WANTED * len(noticed)
        share = sum(noticed) / len(noticed)
        lines.append(f"{room:14} {sum(noticed)} of {len(noticed)} noticed, {share:.0%}")
    survivors = [one for one in results if not one["noticed"]]
    lines += [f"\nflowrun/{one['file']}:{one['line']}\n{one['diff']}" for one in survivors]
    return "\n".join(lines), is_enough


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.mutation")
    parser.add_argument("--results", type=Path, default=Path("mutants.json"))
    parser.add_argument("--count", type=int, default=60, help="mutants of each room")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=ROOMS, default=list(ROOMS))
    arguments = parser.parse_args()
    os.environ[processes.OWNER] = str(os.getpid())
    try:
        for room in arguments.only:
            run(room, arguments.count, arguments.seed, arguments.results)
    finally:
        shutil.rmtree(processes.folder(os.environ[processes.OWNER]), ignore_errors=True)
    text, is_enough = summary(read(arguments.results))
    print(text)
    return 0 if is_enough else 1


if __name__ == "__main__":
    sys.exit(main())
