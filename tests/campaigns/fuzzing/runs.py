"""`run.json` and `events.jsonl` of runs from elsewhere: listed, shown, compared, planned again."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import click
import msgspec

from flowrun import FlowrunError
from flowrun.api import new_registry
from flowrun.cli.diff import diff_command
from flowrun.cli.runs import runs_command
from flowrun.cli.show import show_command
from flowrun.expectations.check import CheckResult
from flowrun.history.finding import find_run
from flowrun.history.replanning import recipe_of
from flowrun.recipes.part import Part
from flowrun.running.record import Environment, PluginPlace, RunRecord, StepPlan, StepRun
from tests.campaigns.fuzzing.target import Target

RUN, OTHER = "20261129-000000-aaaaaa", "20261128-000000-bbbbbb"
BETWEEN = b"\n%%%\n"  # run.json and events.jsonl
TENSOR = {"type": "tensor", "shape": [2], "dtype": "float32", "device": "cpu", "value": [1.5, 2]}
RECORD = RunRecord(
    id=RUN, recipe="r", about="text", file="/tmp/r.yaml", started="2026-11-29T00:00:00.000+00:00",
    seed=3, device="cpu", dtype="float32", vars={"rate": 0.1, "list": [1, None, True, "x"]},
    plan=[StepPlan(id="tensor", step="tensor", options={"a": [1.5, 2]}, outputs={"a": "a"},
                   folder="/tmp", line="r.yaml:3")],
    expect={"a": {"below": 3}}, plugins=[PluginPlace(name="own.py", folder="")],
    environment=Environment(python="3.11", platform="Linux", cpus=2, plugins={"tensors": "0.1"},
                            packages={"torch": "2.13", "numpy": None}, command=["flowrun", "r"]),
    resolved={"recipe": "r", "steps": [{"tensor": {"a": [1.5, 2]}, "id": "tensor"}]},
    seconds=0.25, status="ok", metrics={"mae": 0.5, "per": [1, 2.5], "of": {"deep": 3}},
    steps=[StepRun(id="tensor", step="tensor", seconds=0.1, outputs={"a": TENSOR},
                   digests={"a": "0" * 64}, key="0" * 64, messages=["said"],
                   files_read={"/tmp/t.csv": "0" * 64}, looked_at={"env:HOME": "x", "cwd:": "y"})],
    expectations=[CheckResult("a", found="(2,)", wanted="below 3", met=True)],
)  # fmt: skip
EVENT = {"event": "step_finished", "step": "tensor", "seconds": 0.5, "outputs": {"a": TENSOR}}


def _changed(**fields: Any) -> bytes:
    return msgspec.json.encode({**RECORD.as_dict(), **fields})


SEEDS = [
    RECORD.as_json(),
    _changed(status="running", steps=[], process=1) + BETWEEN + msgspec.json.encode(EVENT),
    _changed(part=msgspec.to_builtins(Part("tensor", None, (), ("x",))), error="failed\nhere"),
    _changed(metrics={"a": {}}, started="yesterday", seconds=1e308, seed=-1),
    b'{"id": "x"}',
]
TOKENS = (
    *(f'"{name}":' for name in (*RunRecord.__struct_fields__, *StepRun.__struct_fields__)),
    '"ok"', '"running"', '"skipped"', '"killed"', "null", "[]", "{}", "1e308", "-1", '"\\u001b"',
    '"dict"', '"list"', '"length":', '"shape":', '"begin":', '"value":', '"items":', '"type":',
    "9223372036854775808", '"\\ud800"', "%%%",
)  # fmt: skip
_REGISTRY = new_registry()


def check(data: bytes, folder: Path) -> None:
    """A record is shown, or refused in words, by each command of the history."""
    record, _, events = data.partition(BETWEEN)
    runs = folder / ".flowrun" / "runs"
    for run, content in ((RUN, record), (OTHER, RECORD.as_json())):
        (runs / run).mkdir(parents=True, exist_ok=True)
        (runs / run / "run.json").write_bytes(content)
    (runs / RUN / "events.jsonl").write_bytes(events)
    _command(runs_command)
    errors = [
        error
        for command, *arguments in (
            (show_command, RUN),
            (diff_command, RUN, OTHER),
            (diff_command, OTHER, RUN),
        )
        if (error := _command(command, *arguments))
    ]
    if errors:
        raise errors[0]
    found = find_run(RUN)
    assert msgspec.json.decode(found.as_json(), type=RunRecord) == found
    recipe_of(found)


def _command(command: click.Command, *arguments: str) -> FlowrunError | None:
    """Run a command; gives its error, if it ends in one."""
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            command.main(arguments, standalone_mode=False, obj=_REGISTRY)
    except FlowrunError as error:
        return error
    assert out.getvalue().strip()
    return None


TARGETS = [Target(name="run", check=check, seeds=SEEDS, tokens=TOKENS)]
