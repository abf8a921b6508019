"""What a call of a step notes: files that its options name, paths, reports, and kept advice."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import flowrun
from flowrun.running.context import ContextState

STEPS = '''
from pathlib import Path
from flowrun import step

@step(outputs="n")
def take(*, text: str = "", texts: list[str] = [], table: dict[str, list[str]] = {}):
    """Take texts, and open nothing."""
    return len(text)

@step(outputs="paths")
def paths(*, names: list[str], ctx):
    """Give the paths of names."""
    return [str(ctx.path(name)) for name in names]

@step(outputs="n")
def declare(*, name: str, ctx):
    """Declare a read."""
    return str(ctx.reads(Path(name).absolute()))

@step(outputs="n")
def quiet_write():
    """Write a file, and say nothing."""
    Path("left.txt").write_text("1")
    return 1
'''


@pytest.fixture(autouse=True)
def _steps() -> None:
    Path("steps.py").write_text(STEPS)
    Path("a.txt").write_text("a")
    Path("folder").mkdir()
    Path("folder/b.txt").write_text("b")


def run(step: str, **options: object) -> dict[str, Any]:
    """The record of a step's run."""
    recipe = {"recipe": "r", "plugins": ["./steps.py"], "steps": [{step: options}]}
    found: dict[str, Any] = flowrun.run(recipe).record
    return found


def here(name: str) -> str:
    return str(Path.cwd() / name)


@pytest.mark.parametrize(
    "options",
    [
        {"text": "a.txt"},
        {"text": "folder/../a.txt"},
        {"texts": ["none.txt", "a.txt"]},
        {"table": {"x": ["a.txt"]}},
        {"text": "./" * 497 + "a.txt"},  # of 999 characters
    ],
    ids=lambda options: str(options)[:20],
)
def test_a_file_that_an_option_names_counts_as_read(options: dict[str, object]) -> None:
    (step,) = run("take", **options)["steps"]
    assert list(step["files_read"]) == [here("a.txt")]


@pytest.mark.parametrize("text", ["", "folder", "none.txt", "./" * 498 + "a.txt"])
def test_an_option_that_names_no_file_does_not(text: str) -> None:
    (step,) = run("take", text=text)["steps"]
    assert step["files_read"] == {}


def test_paths_start_from_the_recipe_and_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    names = ["a.txt", "../b", "/x/../y", "~/c", "~nobody_of_that_name/d"]
    recipe = {"recipe": "r", "plugins": ["./steps.py"], "steps": [{"paths": {"names": names}}]}
    assert flowrun.run(recipe).values["paths"] == [
        here("a.txt"), str(Path.cwd().parent / "b"), "/y", "/somewhere/c",
        here("~nobody_of_that_name/d"),
    ]  # fmt: skip


def test_a_folder_that_is_declared_counts_with_all_that_is_in_it() -> None:
    (step,) = run("declare", name="folder")["steps"]
    before = {f"tree:{here('folder')}"}
    assert before <= set(step["looked_at"])
    assert run("declare", name="folder")["steps"][0]["kept"] is not None
    Path("folder/b.txt").write_text("c")
    assert run("declare", name="folder")["steps"][0]["kept"] is None


def test_a_file_that_is_declared_and_is_not_there_counts_as_missing() -> None:
    (step,) = run("declare", name="none.txt")["steps"]
    assert step["files_read"] == {here("none.txt"): None}
    Path("none.txt").write_text("1")
    assert run("declare", name="none.txt")["steps"][0]["kept"] is None


def test_a_step_that_writes_unannounced_is_told_to_say_so() -> None:
    record = run("quiet_write")
    assert record["warnings"] == ["it writes left.txt: mark it with @step(..., effect=True)"]
    assert list(record["steps"][0]["files_written"]) == [here("left.txt")]


def test_a_report_of_progress_is_due_ten_times_a_second_at_most() -> None:
    state = ContextState(
        step="s", seed=0, device="cpu", dtype="float32", folder=Path(), report=lambda _: None
    )
    assert state.is_report_due()
    assert not state.is_report_due()
    assert 0 < state.next_report - time.monotonic() <= 0.1
    state.next_report = time.monotonic() - 0.001
    assert state.is_report_due()
    state.report, state.next_report = None, 0.0
    assert not state.is_report_due(), "nobody listens"
