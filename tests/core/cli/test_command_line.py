"""The command line, in processes of its own: output, exit codes, signals, a terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

STEPS = '''
from flowrun import step

@step(outputs="x")
def one():
    """Give one."""
    import os
    print("printed by a step")
    os.system("echo printed by its subprocess")
    return 1.0

@step(outputs="x")
def fail(x):
    """Fail."""
    raise ValueError("that cannot be")

@step(outputs="x")
def wait(*, ctx):
    """Wait, showing progress."""
    import time
    for done in range(600):
        ctx.progress(done, 600, loss=0.5)
        time.sleep(0.05)
    return 1.0
'''
GOOD = "recipe: good\nabout: All is well.\nplugins: [./steps.py]\nsteps: [one]\n"
UNMET = GOOD + "expect: {x: {above: 5}}\n"
FAILING = GOOD.replace("[one]", "[one, fail]")
WAITING = GOOD.replace("[one]", "[wait]")


@pytest.fixture(autouse=True)
def _recipes(write: Write) -> None:
    write("steps.py", STEPS)
    for name, text in [("good", GOOD), ("unmet", UNMET), ("fail", FAILING), ("wait", WAITING)]:
        write(f"{name}.yaml", text)
    write("bad.yaml", GOOD + "colour: red\n")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["good.yaml"], 0),
        (["run", "good.yaml"], 0),
        (["unmet.yaml"], 1),
        (["bad.yaml"], 2),
        (["nothing.yaml"], 2),
        (["good.yaml", "--nonsense"], 2),
        (["good.yaml", "--set", "nothing=1"], 2),
        (["good.yaml", "--device", "cuda:99"], 2),
        (["good.yaml", "-p", "nothing.py"], 2),
        (["fail.yaml"], 3),
        (["good.yaml", "unmet.yaml"], 1),
        (["good.yaml", "fail.yaml", "unmet.yaml"], 3),
        (["steps"], 0),
        (["steps", "nothing"], 2),
        (["plugins"], 0),
        ([], 0),
    ],
    ids=str,
)
def test_the_exit_code_tells_how_it_went(flowrun: Flowrun, arguments: list[str], code: int) -> None:
    done = flowrun(*arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_a_line_a_step_then_the_expectations(flowrun: Flowrun) -> None:
    done = flowrun("unmet.yaml")
    lines = done.stdout.splitlines()
    assert lines[0] == "good: All is well."
    assert any(line.startswith("  one           x 1  ") for line in lines)
    assert "  expect        x 1, above 5: NOT MET" in lines
    assert "record in .flowrun/runs/" in lines[-1]
    assert "\x1b" not in done.stdout


def test_quiet_prints_only_what_matters(flowrun: Flowrun) -> None:
    good, unmet = flowrun("good.yaml", "-q"), flowrun("unmet.yaml", "--quiet")
    assert "it starts processes: the files these read are not seen" in good.stderr
    assert len(good.stderr.splitlines()) == 1
    assert good.stdout == "printed by a step\nprinted by its subprocess\n"
    assert "expected x above 5, found 1" in unmet.stderr


@pytest.mark.parametrize(
    ("recipe", "status"), [("good", "ok"), ("unmet", "unmet"), ("fail", "failed")]
)
def test_json_is_one_document_and_nothing_else(flowrun: Flowrun, recipe: str, status: str) -> None:
    done = flowrun(f"{recipe}.yaml", "--json")
    document = json.loads(done.stdout)
    assert document["status"] == status
    assert "printed by its subprocess" in done.stderr


def test_json_of_a_refused_recipe_holds_its_problems(flowrun: Flowrun) -> None:
    document = json.loads(flowrun("bad.yaml", "--json").stdout)
    assert document["status"] == "refused"
    assert [(error["line"], error["column"]) for error in document["errors"]] == [(5, 1)]


def test_json_of_several_recipes_is_a_list(flowrun: Flowrun) -> None:
    documents = json.loads(flowrun("good.yaml", "bad.yaml", "unmet.yaml", "--json").stdout)
    assert [document["status"] for document in documents] == ["ok", "refused", "unmet"]


def test_several_recipes_end_with_a_table(flowrun: Flowrun) -> None:
    done = flowrun("good.yaml", "bad.yaml", "unmet.yaml")
    table = [line.split()[:3] for line in done.stdout.splitlines()[-3:]]
    assert table == [["good", "ok", "0"], ["bad.yaml", "refused"], ["good", "not", "met"]]


def test_a_failed_step_is_shown_without_a_traceback_unless_asked_for(flowrun: Flowrun) -> None:
    plain, traced = flowrun("fail.yaml"), flowrun("fail.yaml", "--traceback")
    assert "fail.yaml:4:14: the step `fail` failed" in plain.stderr
    assert "ValueError: that cannot be" in plain.stderr
    assert "Traceback" not in plain.stderr
    assert "Traceback" in traced.stderr
    assert "steps.py" in traced.stderr


def test_an_interrupt_ends_with_130_and_a_record(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "flowrun", "wait.yaml"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    events = wait_for_event(tmp_path, "step_started")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "interrupted after" in out
    assert json.loads((events.parent / "run.json").read_text())["status"] == "interrupted"


def wait_for_event(folder: Path, event: str) -> Path:
    """Wait until a run below `folder` has logged the event; gives its events file."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for events in folder.glob(".flowrun/runs/*/events.jsonl"):
            if event in events.read_text():
                return events
        time.sleep(0.05)
    raise AssertionError(f"no {event} within 30 s")


def test_a_terminal_is_shown_progress_with_the_loss(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "flowrun", "wait.yaml"],
        cwd=tmp_path, stdin=follower, stdout=follower, stderr=follower,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(follower)
    shown = ""
    deadline = time.monotonic() + 30
    while "loss 0.5" not in shown and time.monotonic() < deadline:
        shown += os.read(leader, 4096).decode(errors="replace")
    process.send_signal(signal.SIGINT)
    while True:
        try:
            shown += os.read(leader, 4096).decode(errors="replace")
        except OSError:
            break
    assert process.wait(timeout=20) == 130
    assert "wait" in shown
    assert "/600" in shown
    assert "Traceback" not in shown


def test_output_to_a_reader_that_has_gone_is_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m flowrun steps | head -1",
        shell=True, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.startswith("apply_encoding")


def test_a_misspelt_command_runs_nothing(write: Write, flowrun: Flowrun) -> None:
    path = write("r.yaml", "recipe: r\nsteps: [{tensor: {a: [1.0]}}]\n")
    done = flowrun("rnu", path)
    assert done.returncode == 2
    assert "there is no command and no file `rnu`\n    did you mean `run`?" in done.stderr
    assert done.stdout == ""
    assert not Path(".flowrun", "runs").exists()
