"""The chain as flowrun runs it: a recipe of steps from a plugin file.

Kept: the record of the run (`run.json`, `events.jsonl`), in a folder that begins empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.chain.contender import Contender

PLUGIN = '''
from flowrun import step


@step(outputs="number")
def start() -> int:
    """Give the number that the chain begins with."""
    return 0


@step(outputs="number")
def add_one(number: int) -> int:
    """Add one."""
    return number + 1
'''


def files(steps: int) -> Mapping[str, str]:
    """The plugin, and a recipe in which every step takes the number of the one above it."""
    lines = ["recipe: chain", "plugins: [./adding.py]", "steps:", "  - start"]
    lines += ["  - add_one"] * steps
    lines += ["expect:", f"  number: {{equals: {steps}}}"]
    return {"adding.py": PLUGIN, "chain.yaml": "\n".join(lines) + "\n"}


def result(folder: Path, output: str, steps: int) -> int:
    """What was expected of the last number is printed together with the number."""
    found = re.search(r"number (\d+), equals \d+: met", output)
    if not found:
        raise ValueError(f"no result in the output: {output[-500:]}")
    return int(found[1])


def variables(folder: Path) -> Mapping[str, str]:
    """Whatever flowrun keeps stays in the folder of this chain, and begins with nothing."""
    return {"FLOWRUN_HOME": str(folder / ".flowrun"), "FLOWRUN_CACHE": str(folder / "cache")}


CONTENDERS = (
    Contender(
        name="flowrun",
        requirements=(),
        packages=("flowrun-recipes", "torch"),
        keeps="a record of the run",
        files=files,
        first=("flowrun", "chain.yaml"),
        again=("flowrun", "chain.yaml"),
        start=("flowrun", "--version"),
        result=result,
        variables=variables,
    ),
)
