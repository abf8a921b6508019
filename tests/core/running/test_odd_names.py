"""Folders, files and messages whose names are not UTF-8, and a step that closes flowrun's files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Flowrun, run_module

Write = Callable[[str, str], Path]

STEPS = """
import os
from flowrun import step

@step(outputs="a")
def look() -> str:
    open(b"written\\xff", "w").write("1")
    return open("data").read()

@step(outputs="a")
def close() -> str:
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            if os.readlink(f"/proc/self/fd/{number}").endswith("/store/lock"):
                os.close(number)
        except OSError:
            pass
    return "closed"
"""
RECIPE = "recipe: {step}\nplugins: [./steps.py]\nsteps: [{step}]\n"


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder with a recipe, of a name that is not UTF-8."""
    folder = tmp_path / "folder\udcff"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system has UTF-8 names alone")
    (folder / "steps.py").write_text(STEPS)
    (folder / "data").write_text("1")
    (folder / "look.yaml").write_text(RECIPE.format(step="look"))
    return folder


def kept(odd: Path) -> str | None:
    """The run that made the result of the recipe's step, as the command says."""
    done = run_module(odd, "flowrun", "look.yaml", "--json")
    assert done.returncode == 0, done.stderr
    run: str | None = json.loads(done.stdout)["steps"][0]["kept"]
    return run


def test_a_recipe_in_such_a_folder_is_kept_until_its_data_changes(odd: Path) -> None:
    assert kept(odd) is None
    assert kept(odd) is not None
    (odd / "data").write_text("22")
    assert kept(odd) is None


def test_such_names_are_shown_escaped_by_every_command(odd: Path, flowrun: Flowrun) -> None:
    done = run_module(odd, "flowrun", "look.yaml")
    assert "it writes written\\udcff: mark it" in done.stdout, done.stderr
    run = json.loads(run_module(odd, "flowrun", "look.yaml", "--json").stdout)["id"]
    shown = run_module(odd, "flowrun", "show", run)
    assert "written\\udcff" in shown.stdout, shown.stderr
    for command in (["explain", "look.yaml"], ["check", "look.yaml"], ["runs"]):
        done = run_module(odd, "flowrun", *command)
        assert done.returncode == 0, done.stderr
    missing = flowrun(odd / "missing.yaml")
    assert "folder\\udcff/missing.yaml" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_a_step_that_closes_the_file_of_the_locks_spoils_nothing(
    write: Write, flowrun: Flowrun
) -> None:
    write("steps.py", STEPS)
    done = flowrun(write("close.yaml", RECIPE.format(step="close")))
    assert done.returncode == 0, done.stderr
    assert "closed" in done.stdout
    assert "Traceback" not in done.stderr
