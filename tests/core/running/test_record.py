"""The record of a run: everything it says of the plan and the steps, and how it is read."""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import flowrun
from flowrun import FlowrunError
from flowrun.planning.plan import step_seed
from flowrun.running.record import local_time, read_record, short_digest

STEPS = '''
from pathlib import Path
from flowrun import step

@step(outputs="x")
def one(*, value: float = 1.0):
    """Give a number."""
    return value

@step(outputs="y", effect=True)
def copy(x, *, source: str, ctx):
    """Copy a file, and say so."""
    ctx.log("copied")
    ctx.env("MODE")
    text = ctx.reads(ctx.path(source)).read_text()
    path = ctx.writes(ctx.path("copy.txt"))
    path.write_text(text)
    return len(text)
'''
RECIPE = """\
recipe: r
about: A copy.
section: copies
tags: [quick]
needs: cpu
seed: 3
dtype: float64
vars: {file: a.txt, large: .inf}
plugins: [./steps.py]
steps:
  - one: {value: .inf}
  - copy: {source: "${file}"}
    in: {x: x}
    out: {y: length}
    id: second
expect:
  length: {below: 3, above: -.inf}
"""


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The record of a run of the recipe."""
    monkeypatch.setenv("MODE", "fast")
    Path("steps.py").write_text(STEPS)
    Path("a.txt").write_text("abc")
    Path("r.yaml").write_text(RECIPE)
    found: dict[str, Any] = flowrun.run("r.yaml").record
    return found


def test_a_record_holds_the_recipe(record: dict[str, Any]) -> None:
    here = Path.cwd()
    assert {name: record[name] for name in ("recipe", "about", "file", "seed", "dtype")} == {
        "recipe": "r", "about": "A copy.", "file": str(here / "r.yaml"), "seed": 3,
        "dtype": "float64",
    }  # fmt: skip
    assert record["vars"] == {"file": "a.txt", "large": "inf"}
    assert record["expect"] == {"length": {"below": 3, "above": "-inf"}}
    assert record["plugins"] == [{"name": str(here / "steps.py"), "folder": str(here)}]
    assert (record["status"], record["error"], record["process"]) == ("unmet", None, None)
    assert [(one["check"], one["met"]) for one in record["expectations"]] == [
        ("below", False), ("above", True),
    ]  # fmt: skip


def test_a_record_holds_the_plan(record: dict[str, Any]) -> None:
    here = str(Path.cwd())
    assert record["plan"] == [
        {"id": "one", "step": "one", "plugin": "steps.py", "options": {"value": "inf"}, "in": {},
         "out": {"x": "x"}, "seed": step_seed(3, "one"), "device": None, "dtype": None,
         "folder": here, "line": "r.yaml:11:5"},
        {"id": "second", "step": "copy", "plugin": "steps.py", "options": {"source": "a.txt"},
         "in": {"x": "x"}, "out": {"y": "length"}, "seed": step_seed(3, "second"), "device": None,
         "dtype": None, "folder": here, "line": "r.yaml:12:5"},
    ]  # fmt: skip


def test_a_record_holds_what_each_step_did(record: dict[str, Any]) -> None:
    first, second = record["steps"]
    assert first["outputs"] == {"x": {"type": "float", "value": "inf"}}
    assert second["inputs"] == {"x": {"type": "float", "value": "inf"}}
    assert second["outputs"] == {"length": {"type": "int", "value": 3}}
    assert (second["id"], second["step"], second["dtype"]) == ("second", "copy", "float64")
    assert second["messages"] == ["copied"]
    assert list(second["digests"]) == ["length"]
    a, copy = (str(Path.cwd() / name) for name in ("a.txt", "copy.txt"))
    assert list(second["files_read"]) == [a]
    assert second["files_written"] == {copy: second["files_read"][a]}
    assert [what for what in second["looked_at"] if what.startswith("env:")] == ["env:MODE"]
    assert second["kept"] is None
    assert second["key"] != first["key"]
    assert 0 < second["seconds"] == round(second["seconds"], 6) < record["seconds"]


def test_a_record_of_a_kept_step_names_the_run_that_made_it(record: dict[str, Any]) -> None:
    again = flowrun.run("r.yaml").record
    assert [step["kept"] for step in again["steps"]] == [record["id"]] * 2
    assert [step["key"] for step in again["steps"]] == [step["key"] for step in record["steps"]]
    assert again["steps"][1]["messages"] == ["copied"]
    folder = Path(".flowrun/runs") / again["id"]
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == [
        "run_started", "step_kept", "step_kept", "run_finished",
    ]  # fmt: skip
    assert events[0] == {**events[0], "id": again["id"], "recipe": "r", "device": "cpu"}
    assert events[2] == {
        **events[2], "step": "second", "outputs": {"length": {"type": "int", "value": 3}},
        "messages": ["copied"], "made_by": record["id"],
    }  # fmt: skip
    assert events[3]["status"] == "unmet"


def test_a_record_holds_the_surroundings_of_the_run(record: dict[str, Any]) -> None:
    around = record["environment"]
    assert around["python"] == platform.python_version()
    assert around["platform"] == platform.platform()
    assert around["cpus"] == os.cpu_count()
    assert around["command"] == sys.argv
    assert set(around["packages"]) == {"flowrun", "torch"}
    assert around["plugins"]["steps.py"] == "a local file"
    started = datetime.fromisoformat(record["started"])
    assert abs((datetime.now(UTC) - started).total_seconds()) < 60
    assert len(record["started"]) == len("2026-01-01T00:00:00.000+00:00")


def test_a_record_holds_the_recipe_with_everything_filled_in(record: dict[str, Any]) -> None:
    assert record["resolved"] == {
        "recipe": "r", "about": "A copy.", "seed": 3, "device": "auto", "dtype": "float64",
        "vars": {"file": "a.txt", "large": "${.inf}"}, "plugins": [str(Path.cwd() / "steps.py")],
        "section": "copies", "needs": ["cpu"], "tags": ["quick"],
        "steps": [
            {"one": {"value": "${.inf}"}, "id": "one"},
            {"copy": {"source": "a.txt"}, "in": {"x": "x"}, "out": {"y": "length"}, "id": "second"},
        ],
        "expect": {"length": {"below": 3, "above": "${-.inf}"}},
    }  # fmt: skip


def test_a_run_that_goes_on_has_a_record_with_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("steps.py").write_text(
        "import json\nfrom pathlib import Path\nfrom flowrun import step\n\n\n"
        "@step(outputs='seen')\ndef look():\n    'Look at the record of the run.'\n"
        "    (path,) = Path('.flowrun/runs').glob('*/run.json')\n"
        "    return json.loads(path.read_text())\n"
    )
    steps = {"recipe": "r", "plugins": ["./steps.py"], "steps": ["look"]}
    seen = flowrun.run(steps).values["seen"]
    assert (seen["status"], seen["process"]) == ("running", os.getpid())
    assert seen["file"] is None
    assert seen["steps"][0]["id"] == "look"


def test_a_run_leaves_no_file_open(record: dict[str, Any]) -> None:
    gc.collect()  # what other tests have left
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        flowrun.run("r.yaml", fresh=True)
        gc.collect()
    assert [one for one in caught if issubclass(one.category, ResourceWarning)] == []


@pytest.mark.parametrize(
    ("content", "events", "reason"),
    [
        (b"{", False, "Input data was truncated"),
        (b"[]", True, "Expected `object`, got `array`"),
        (b'{"id": 3}', False, "Expected `str`, got `int` - at `$.id`"),
        (b'{"id": "\xff"}', False, "invalid start byte"),
        (None, False, "No such file or directory"),
    ],
)
def test_a_record_that_cannot_be_read_says_why(
    content: bytes | None, events: bool, reason: str
) -> None:
    folder = Path("runs/20260101")
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "run.json").write_bytes(content)
    if events:
        (folder / "events.jsonl").touch()
    with pytest.raises(FlowrunError) as caught:
        read_record(folder / "run.json")
    first, *more = str(caught.value).splitlines()
    place = "the record of the run 20260101 is unreadable: runs/20260101/run.json: "
    assert first.startswith(place)
    assert reason in first
    assert more == ["    runs/20260101/events.jsonl lists its events"] * events


def test_a_moment_is_shown_in_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-2")
    time.tzset()
    try:
        assert local_time("2026-01-01T23:59:59.900+00:00") == "2026-01-02 01:59:59"
    finally:
        monkeypatch.undo()
        time.tzset()
    assert local_time("never") == "never"


def test_a_digest_is_shown_by_its_beginning() -> None:
    assert short_digest("0123456789abcdef") == "0123456789ab"
    assert short_digest(None) == "unknown"
