"""`python -m benchmarks.path`: count the code from `main` to the first step call of a recipe."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.environments import CHECKOUT
from benchmarks.tables import publish, table

RECIPE = "recipes/red_linear.yaml"
ABOUT = """\
# From `main` to the first step call

Functions of flowrun and of its built-in plugin that `flowrun {recipe}` calls before its first step,
with nothing kept, and the files they stand in. A function counts once, however often it is called.
Not counted: modules, class bodies, lambdas and comprehensions."""

# Runs the command line in this process, and writes down each function called up to the first step.
WATCHED = """
import inspect, json, os, sys
import flowrun, flowrun_tensors

report, *arguments = sys.argv[1:]
roots = [os.path.dirname(package.__file__) for package in (flowrun, flowrun_tensors)]
passed = {}

def watch(frame, event, argument):
    code = frame.f_code
    if event != "call" or not any(code.co_filename.startswith(root + os.sep) for root in roots):
        return
    if code.co_name.startswith("<") or not code.co_flags & inspect.CO_OPTIMIZED:
        return
    passed[os.path.normpath(code.co_filename), code.co_qualname] = None
    if code.co_qualname == "Step.__call__":
        sys.setprofile(None)
        with open(report, "w") as file:
            json.dump(list(passed), file)
        os._exit(0)

sys.argv = ["flowrun", *arguments]
sys.setprofile(watch)
from flowrun.cli.start import main
main()
"""


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.path", description=__doc__)
    parser.add_argument("recipe", nargs="?", default=RECIPE, help=f"by default {RECIPE}")
    parser.add_argument("--list", action="store_true", help="name each file and its functions")
    parser.add_argument("--out", type=Path, help="a file for the report as well")
    return parser.parse_args()


def functions_passed(recipe: str) -> list[tuple[Path, str]]:
    """File and name of each function called by `flowrun RECIPE`, up to its first step."""
    with tempfile.TemporaryDirectory(prefix="path-") as scratch:
        report = Path(scratch) / "report.json"
        variables = {**os.environ, "FLOWRUN_HOME": scratch}
        command = [sys.executable, "-c", WATCHED, str(report), recipe]
        subprocess.run(command, env=variables, stdout=subprocess.DEVNULL, check=False)
        return [(Path(file), name) for file, name in json.loads(report.read_text())]


def room(file: Path) -> str:
    """The part of the code in which a file lies: `flowrun/running`, `flowrun_tensors`."""
    names = file.parts[:-1]
    package = max(index for index, name in enumerate(names) if name.startswith("flowrun"))
    return "/".join(names[package:])


def main() -> int:
    """Count, and write the table."""
    given = arguments()
    passed = functions_passed(given.recipe)
    functions = Counter(file for file, _ in passed)
    rooms = Counter(room(file) for file in functions)
    rows = [
        [name, str(count), str(sum(functions[file] for file in functions if room(file) == name))]
        for name, count in sorted(rooms.items())
    ]
    rows.append(["all", str(len(functions)), str(len(passed))])
    report = [ABOUT.format(recipe=given.recipe), table(("room", "files", "functions"), rows)]
    if given.list:
        report += [
            f"{file.relative_to(CHECKOUT) if file.is_relative_to(CHECKOUT) else file}: "
            + ", ".join(name for other, name in passed if other == file)
            for file in sorted(functions)
        ]
    publish("\n\n".join(report), given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
