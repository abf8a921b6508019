"""What happens in a case's processes: its files are made, edited, and its recipe is run.

It is run as a script, too, with the case as JSON: each further argument is one thing to do, and the
results of its runs are printed, each on a line that begins with `OUTCOME`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

Plain = dict[str, Any]
OUTCOME = "outcome: "
SETTLING = 1.1  # seconds


def write(name: str, text: str) -> None:
    """Write a file of the current folder."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def change(name: str, old: str, new: str) -> None:
    """Put a text in place of another one, which must be in the file."""
    text = Path(name).read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {name}"
    write(name, text.replace(old, new))


KNOWN = {
    "Path": Path, "change": change, "json": json, "os": os, "shutil": shutil,
    "subprocess": subprocess, "time": time, "write": write,
}  # fmt: skip


def make(case: Plain) -> None:
    """Make a case's files in the current folder."""
    for name, text in case["files"].items():
        write(name, text)
    exec(case["made"], {**KNOWN, "N": 1})
    if case["settles"]:
        time.sleep(SETTLING)


def edit(case: Plain) -> None:
    """Make a case's edit in the current folder."""
    if case["cells"]:
        vars(sys.modules["__main__"]).update(KNOWN)
        _in_main(case["edit"])
    else:
        exec(case["edit"] or case["made"], {**KNOWN, "N": 2})


def outcome(record: Plain) -> Plain:
    """What a run's record tells: the value `y` given last, and the steps that were called."""
    called = [step["id"] for step in record["steps"] if not step["kept"]]
    if record["status"] not in ("ok", "unmet"):
        return {"value": "failed", "called": called}
    measured = [step for step in record["steps"] if "y" in step["outputs"]][-1]
    value = measured["outputs"]["y"].get("value")
    return {"value": f"{value} {measured['digests']['y']}", "called": called}


def run() -> Plain:
    """Run the case's recipe in this process."""
    import flowrun

    try:
        return outcome(flowrun.run(RECIPE).record)
    except flowrun.FlowrunError as error:
        return {"value": "failed", "called": [], "error": str(error)}


def _in_main(code: str) -> None:
    exec(compile(code, "<cell>", "exec"), vars(sys.modules["__main__"]))


def act(case: Plain, what: str) -> None:
    """Do one thing in this process."""
    if what == "cells":
        _in_main(case["cells"])
    elif what == "edit":
        edit(case)
    elif what == "after":
        os.environ.update(case["variables"][1])
        for name in case["variables"][0].keys() - case["variables"][1].keys():
            del os.environ[name]
        os.chdir(Path(RECIPE).parent / case["folders"][1])
    elif what == "new store":
        os.environ["FLOWRUN_HOME"] += "-new"
    else:
        print(OUTCOME, json.dumps(run()), sep="")


if __name__ != "tests.campaigns.truth.acting":
    case = json.loads(sys.argv[1])
    RECIPE = sys.argv[2]
    for one in sys.argv[3:]:
        act(case, one)
