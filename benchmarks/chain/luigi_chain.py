"""The chain as tasks of Luigi, run in one process with its local scheduler.

Kept: every number as a file. A task counts as done if its output exists, and only the last one is
looked at as long as that exists; neither code nor inputs are compared. Luigi logs some lines for
each task; it is at its best without, so it logs warnings only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.chain.contender import Contender, number_in

TASKS = """
import luigi


class Start(luigi.Task):
    def output(self):
        return luigi.LocalTarget("number_0.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write("0")


class AddOne(luigi.Task):
    step = luigi.IntParameter()

    def requires(self):
        return AddOne(step=self.step - 1) if self.step > 1 else Start()

    def output(self):
        return luigi.LocalTarget(f"number_{self.step}.txt")

    def run(self):
        with self.input().open() as file:
            number = int(file.read())
        with self.output().open("w") as file:
            file.write(str(number + 1))
"""


def files(steps: int) -> Mapping[str, str]:
    """The tasks; how many there are is a parameter of the last one."""
    return {"adding.py": TASKS}


def variables(folder: Path) -> Mapping[str, str]:
    """Luigi finds its module on Python's path, as in its documentation."""
    return {"PYTHONPATH": str(folder)}


RUN = (
    *("luigi", "--module", "adding", "AddOne", "--step", "{steps}"),
    *("--local-scheduler", "--log-level", "WARNING"),
)

CONTENDERS = (
    Contender(
        name="luigi",
        requirements=("luigi==3.8.*",),
        packages=("luigi",),
        keeps="every number; skips by existence alone",
        files=files,
        first=RUN,
        again=RUN,
        start=("luigi", "--help"),  # it has no --version
        result=number_in("number_{steps}.txt"),
        variables=variables,
    ),
)
