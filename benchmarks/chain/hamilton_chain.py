"""The chain as functions of Hamilton, wired by the names of their parameters.

Two ways of using it:

- `hamilton`: the driver alone. Nothing is kept, so a run again does everything again.
- `hamilton-cache`: the driver with `with_cache()`. Kept: the result of every function, with
  fingerprints of its code and inputs, in a folder and an SQLite database. Only what changed runs.

Hamilton is a library, so its start is the import of the driver.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.chain.contender import Contender

START = """
def number_0() -> int:
    return 0
"""

ADD_ONE = """

def number_{step}(number_{before}: int) -> int:
    return number_{before} + 1
"""

RUN = """
from hamilton import driver

import adding

chain = driver.Builder().with_modules(adding){cache}.build()
print(chain.execute(["number_{steps}"])["number_{steps}"])
"""


def plain(steps: int, cache: str = "") -> Mapping[str, str]:
    """A function for each number, and the script that asks for the last one."""
    functions = (ADD_ONE.format(step=step, before=step - 1) for step in range(1, steps + 1))
    run = RUN.format(steps=steps, cache=cache)
    return {"adding.py": START + "".join(functions), "run.py": run}


def cached(steps: int) -> Mapping[str, str]:
    """The same with Hamilton's cache."""
    return plain(steps, ".with_cache()")


def result(folder: Path, output: str, steps: int) -> int:
    """The script prints it last."""
    return int(output.split()[-1])


REQUIREMENTS = ("sf-hamilton==1.90.*",)
PACKAGES = ("sf-hamilton",)
IMPORT = ("python", "-c", "from hamilton import driver")

CONTENDERS = (
    Contender(
        name="hamilton",
        requirements=REQUIREMENTS,
        packages=PACKAGES,
        keeps="nothing",
        files=plain,
        first=("python", "run.py"),
        start=IMPORT,
        result=result,
    ),
    Contender(
        name="hamilton-cache",
        requirements=REQUIREMENTS,
        packages=PACKAGES,
        keeps="every number, fingerprints of code and inputs",
        files=cached,
        first=("python", "run.py"),
        again=("python", "run.py"),
        start=IMPORT,
        result=result,
    ),
)
