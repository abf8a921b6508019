"""The chain as stages of DVC, each of which is a command: a process, or two, for each step.

Kept: every number as a file, a copy of it in DVC's cache, and `dvc.lock` with the MD5 sums of what
each stage read and wrote and with its command. What differs from that runs again. The commands are
those of a shell, as that starts quicker than Python, and the project is one without Git.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.chain.contender import Contender, number_in

START = """
stages:
  start:
    cmd: echo 0 > number_0.txt
    outs:
      - number_0.txt
"""

ADD_ONE = """
  add_one_{step}:
    cmd: echo $(($(cat number_{before}.txt) + 1)) > number_{step}.txt
    deps:
      - number_{before}.txt
    outs:
      - number_{step}.txt
"""


def files(steps: int) -> Mapping[str, str]:
    """A stage for each step."""
    stages = (ADD_ONE.format(step=step, before=step - 1) for step in range(1, steps + 1))
    return {"dvc.yaml": START + "".join(stages)}


def variables(folder: Path) -> Mapping[str, str]:
    """What DVC keeps for the whole machine begins with nothing as well."""
    return {"DVC_SITE_CACHE_DIR": str(folder / "site"), "DVC_NO_ANALYTICS": "1"}


CONTENDERS = (
    Contender(
        name="dvc",
        requirements=("dvc==3.67.*",),
        packages=("dvc",),
        keeps="every number twice, sums, commands",
        files=files,
        prepare=(
            ("dvc", "init", "--no-scm", "--quiet"),
            # Otherwise a process in the background asks a server for newer versions.
            ("dvc", "config", "core.check_update", "false"),
        ),
        first=("dvc", "repro", "--quiet"),
        again=("dvc", "repro", "--quiet"),
        start=("dvc", "--version"),
        result=number_in("number_{steps}.txt"),
        variables=variables,
    ),
)
