"""`flowrun test --against RUN.json`: where two machines part."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

RECIPE = """\
recipe: two
steps:
  - random: {a: {randn: [3]}}
  - compute: {b: a * 2}
  - compute: {metrics: b.mean()}
"""


@pytest.fixture
def record(write: Write, flowrun: Flowrun) -> dict[str, Any]:
    """The record of a run with another seed than the recipe's."""
    write("two.yaml", RECIPE)
    write("other.yaml", "recipe: other\nsteps: [tensor: {a: 1}]\n")
    done = flowrun("two.yaml", "--seed", "7", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def against(record: dict[str, Any], flowrun: Flowrun) -> tuple[int, str]:
    """Test the folder's recipes against a record; gives the exit code and what is said."""
    Path("run.json").write_text(json.dumps(record))
    done = flowrun("test", "--against", "run.json")
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def changed(record: dict[str, Any], first: int) -> dict[str, Any]:
    """A record in which the steps from this one on gave other bits."""
    for step in record["steps"][first:]:
        step["digests"] = dict.fromkeys(step["digests"], "0" * 64)
    return record


def test_the_same_bits_are_found_with_the_seed_of_the_record(record, flowrun: Flowrun) -> None:
    code, said = against(record, flowrun)
    assert code == 0
    assert "1 passed" in said
    assert "other bits" not in said


def test_the_first_step_that_departs_is_named(record, flowrun: Flowrun) -> None:
    changed(record, 1)["steps"][2]["outputs"]["metrics"]["value"] += 0.5
    record["environment"]["packages"]["torch"] = "1.0"
    code, said = against(record, flowrun)
    assert code == 1
    message = "two.yaml:4:5: `compute` is the first step that gives other bits than in run.json"
    assert message in said
    assert "after it    compute_2" in said
    assert "numbers     metrics of compute_2: " in said
    assert "package.torch: 1.0 -> " in said


def test_numbers_that_are_near_pass_and_that_is_said(record, flowrun: Flowrun) -> None:
    changed(record, 1)["steps"][2]["outputs"]["metrics"]["value"] *= 1 + 1e-6
    code, said = against(record, flowrun)
    assert code == 0
    assert "`compute` is the first step that gives other bits" in said
    assert "all 4 in the record are within the dtype's precision" in said


def test_without_numbers_nobody_can_say_how_far_it_is(record, flowrun: Flowrun) -> None:
    del record["steps"][2]
    for step in record["steps"]:
        for summary in step["outputs"].values():
            del summary["value"]
    code, said = against(changed(record, 0), flowrun)
    assert code == 1
    assert "the size of the differences is unknown" in said


def test_another_shape_is_no_small_difference(record, flowrun: Flowrun) -> None:
    changed(record, 1)["steps"][1]["outputs"]["b"]["shape"] = [4]
    code, said = against(record, flowrun)
    assert code == 1
    assert "compute gives other shapes or dtypes" in said


def test_a_record_that_is_none_or_of_another_recipe_is_an_error(record, flowrun: Flowrun) -> None:
    record["recipe"] = "third"
    assert against(record, flowrun)[0] == 2
    Path("run.json").write_text("{")
    done = flowrun("test", "--against", "run.json")
    assert done.returncode == 2
    assert "is unreadable: run.json" in done.stdout + done.stderr
