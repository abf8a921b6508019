"""The chain as a `dodo.py` of doit: Python actions, with `file_dep` and `targets`.

Kept: every number as a file, and doit's database of the sizes, times and MD5 sums of the files
each task read. A task runs again if one of these changed; a change of the code goes unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.chain.contender import Contender, number_in

DODO = """
from pathlib import Path

STEPS = {steps}
DOIT_CONFIG = {"default_tasks": [f"add_one:{STEPS}"]}


def start(targets):
    Path(targets[0]).write_text("0")


def add_one(dependencies, targets):
    number = int(Path(dependencies[0]).read_text())
    Path(targets[0]).write_text(str(number + 1))


def task_start():
    return {"actions": [start], "targets": ["number_0.txt"], "uptodate": [True]}


def task_add_one():
    for step in range(1, STEPS + 1):
        yield {
            "name": str(step),
            "actions": [add_one],
            "file_dep": [f"number_{step - 1}.txt"],
            "targets": [f"number_{step}.txt"],
        }
"""


def files(steps: int) -> Mapping[str, str]:
    """The tasks."""
    return {"dodo.py": DODO.replace("{steps}", str(steps))}


CONTENDERS = (
    Contender(
        name="doit",
        requirements=("doit==0.37.*",),
        packages=("doit",),
        keeps="every number, a database of sums",
        files=files,
        first=("doit",),
        again=("doit",),
        start=("doit", "--version"),
        result=number_in("number_{steps}.txt"),
    ),
)
