"""Draw mutants of the framework, and count those that the tests of their room notice.

python -m tests.campaigns.mutation [--results FILE] [--count N] [--seed N] [--only ROOM ...]
                                   [--jobs N]

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
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"

from tests import processes
from tests.campaigns.mutation.drawing import FRAMEWORK, ROOT, Mutant, drawn

COMMANDS = (
    "core/cli/schema/test_agreement.py core/cli/test_command_line.py "
    "core/history/test_plan_of_run.py"
)
MISTAKES = "campaigns/mistakes"  # it runs in full; of other campaigns a sample, as in `make test`
# The tests of each room in stages, the nearest first: a later stage runs for the mutants that the
# tests before it did not notice.
ROOMS = {
    "recipes": (
        "core/recipes core/planning core/expectations/test_expectations.py "
        "core/cli/test_recipe_options.py",
        COMMANDS,
        MISTAKES,
    ),
    "planning": (
        "core/planning core/plugins core/recipes",
        COMMANDS,
        MISTAKES,
    ),
    "expectations": (
        "core/expectations core/planning/test_planning.py",
        "core/testing/recipes core/cli/schema core/history/test_history_diff.py",
        MISTAKES,
    ),
    "running": (
        "core/running/test_failing.py core/running/test_record.py core/running/test_running.py "
        "core/running/test_values_of_a_run.py core/running/test_dependencies.py "
        "core/running/test_interrupts.py core/running/test_context.py "
        "core/running/test_looked_at.py core/store/test_keeping.py "
        "core/store/test_values.py",
        "core/running core/store core/plugins core/cli/test_command_line.py core/history "
        "core/testing/steps",
    ),
    "store": (
        "core/store/test_syntax.py core/store/test_changes.py core/store/test_files.py "
        "core/store/test_reached.py "
        "core/store/test_packages.py core/store/test_live_code.py core/store/test_maintenance.py "
        "core/store/test_keeping.py core/store/test_values.py core/store/test_plain_values.py "
        "core/store/test_code_in_keys.py core/store/test_locks.py",
        "core/store core/running core/plugins core/history core/planning/test_given.py "
        "campaigns/truth",
    ),
}
WANTED = 0.85  # the share of mutants that is to be noticed
LEAST_SECONDS = 60.0  # before a mutant is given up
TIMES = 5  # as long as the tests take without a mutant

Result = dict[str, Any]


def tested(room: str, mutant: Mutant) -> Result:
    """Run the tests of a room on a mutant, stage by stage, to the first test that fails."""
    begun = time.monotonic()
    result: Result = {}
    for stage in ROOMS[room]:
        result = _tested(stage, mutant, max(LEAST_SECONDS, TIMES * usual_seconds(stage)))
        if result["noticed"]:
            break
    return {**result, "seconds": round(time.monotonic() - begun, 1)}


@cache
def usual_seconds(stage: str) -> float:
    """How long a stage takes without a mutant; the program ends if a test fails without one."""
    begun = time.monotonic()
    result = _tested(stage, None, 3600.0)
    if result["noticed"]:
        sys.exit(f"a test of {stage} fails without a mutant: {result['by']}")
    return time.monotonic() - begun


def _tested(stage: str, mutant: Mutant | None, seconds: float) -> Result:
    """Run the tests of a stage on a copy of the framework with a mutant."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        copy = shutil.copytree(FRAMEWORK, folder / "copy" / "flowrun")  # with what is compiled
        if mutant is not None:
            (copy / mutant.file).write_text(mutant.code, encoding="utf-8")
        command = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--assert=plain"]
        command += ["--basetemp", str(folder / "t")]
        environment = {**os.environ, "PYTHONPATH": str(folder / "copy")}
        if stage == MISTAKES:
            environment["FLOWRUN_CAMPAIGNS"] = "all"
        tests = [ROOT / "tests" / one for one in stage.split()]
        try:
            done = processes.run([*command, *tests], cwd=ROOT, timeout=seconds, env=environment)
        except subprocess.TimeoutExpired:
            return {"noticed": True, "by": "timeout"}
    lines = done.stdout.splitlines() + done.stderr.splitlines()
    by = next((line for line in lines if line.startswith(("FAILED", "ERROR"))), lines[-1])
    return {"noticed": done.returncode != 0, "by": by[:200]}


def run(room: str, count: int, seed: int, jobs: int, file: Path) -> None:
    """Test the mutants of a room that the file has no result of."""
    results = read(file)
    known = {(one["file"], one["line"], one["diff"]) for one in results}
    mutants = [one for one in drawn(room, count, seed)
               if (one.file, one.line, one.diff()) not in known]  # fmt: skip
    with ThreadPoolExecutor(jobs) as pool:
        outcomes = pool.map(lambda one: tested(room, one), mutants)
        for mutant, outcome in zip(mutants, outcomes, strict=True):
            place = {"file": mutant.file, "line": mutant.line, "operator": mutant.operator}
            results.append({"room": room, **place, "diff": mutant.diff(), **outcome})
            file.write_text(json.dumps(results, indent=1), encoding="utf-8")
            print(_line(results[-1]), flush=True)


def read(file: Path) -> list[Result]:
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else []


def _line(result: Result) -> str:
    """A result as it comes: a line for a mutant that is noticed, and a survivor with its change."""
    place = f"{result['seconds']:6} s  flowrun/{result['file']}:{result['line']}"
    return f"{place}  {result['by']}" if result["noticed"] else f"{place}\n{result['diff']}"


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
    parser.add_argument("--jobs", type=int, default=2, help="mutants that are tested side by side")
    parser.add_argument("--only", nargs="+", choices=ROOMS, default=list(ROOMS))
    arguments = parser.parse_args()
    os.environ[processes.OWNER] = str(os.getpid())
    try:
        for room in arguments.only:
            run(room, arguments.count, arguments.seed, arguments.jobs, arguments.results)
    finally:
        shutil.rmtree(processes.folder(os.environ[processes.OWNER]), ignore_errors=True)
    text, is_enough = summary(read(arguments.results))
    print(text)
    return 0 if is_enough else 1


if __name__ == "__main__":
    sys.exit(main())
