"""A terminal: lines that fit its width, colours as wanted, nothing left of what was shown."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Flowrun
from tests.processes import Python
from tests.terminals import lines_seen, on_terminal

Write = Callable[[str, str], Path]

STEPS = '''
from flowrun import step

@step(outputs=("x", "metrics"))
def say(*, ctx):
    """Say a lot."""
    ctx.warn("beware of the hail that falls from above in the months of April and of November;\\n"
             "it is cold and wet and nobody likes to be out in the fields while it falls there")
    ctx.log("and this is a sentence that is longer than a line of any usual terminal is, by far")
    return 1.0, {"accuracy": 0.25, "loss": 0.5, "precision": 0.125, "recall": 0.0625}

@step(outputs="y")
def fail(x):
    """Fail."""
    raise ValueError("that " + "cannot be and " * 20)

@step(outputs="z")
def count(*, times: int = 30, wait: float = 0.02, ctx):
    """Count, showing how far it is."""
    import time
    for done in range((ctx.restored or {"done": 0})["done"], times):
        ctx.progress(done, times, loss=0.125 + done, accuracy=0.5, precision=0.25)
        ctx.checkpoint(lambda: {"done": done})
        time.sleep(wait)
    return times

@step(outputs="z")
def learn(*, ctx):
    """Use a library that takes long to import."""
    import slow_library
    return slow_library.Z
'''
THREADED = '''
from flowrun import step

def library():
    import slow_library
    return slow_library.Z

@step(outputs="n")
def begin():
    """Import a library that takes long, in a thread."""
    import threading, time
    threading.Thread(target=library).start()
    time.sleep(0.2)
    return 1

@step(outputs="z")
def end(n):
    """Wait until it is imported."""
    return library() + n
'''
LEARNING = '''
from flowrun import step

@step(outputs="z")
def learn(*, ctx):
    """Use a library that takes long to import, after a report of progress."""
    ctx.progress(1, 2)
    import time
    time.sleep(0.3)
    import slow_library
    return slow_library.Z
'''
LOUD = """recipe: loud
about: A recipe with a description that is much longer than a narrow terminal is wide.
plugins: [./steps.py]
steps: [say]
expect: {metrics.accuracy: {above: 0.5}}
"""
WIDTHS = [40, 60, 80, 200]


@pytest.fixture(autouse=True)
def _recipes(write: Write) -> None:
    write("steps.py", STEPS)
    write("loud.yaml", LOUD)
    write("site-packages/slow_library.py", "import time\ntime.sleep(0.5)\nZ = 1\n")
    for name in ("count", "learn"):
        write(f"{name}.yaml", f"recipe: {name}\nplugins: [./steps.py]\nsteps: [{name}]\n")
    mistaken = "{metrics.accuracy: {above: 0.5}, metrics.loss: {below: 1}, x: {aboev: 1}}"
    write("bad.yaml", f"recipe: bad\nplugins: [./steps.py]\nsteps: [say]\nexpect: {mistaken}\n")
    write("fail.yaml", "recipe: fail\nplugins: [./steps.py]\nsteps: [say, fail]\n")


@pytest.fixture
def with_library(tmp_path: Path) -> dict[str, str]:
    """The variables with which a library is installed that takes half a second to import."""
    return {"PYTHONPATH": str(tmp_path / "site-packages")}


@pytest.mark.parametrize("columns", WIDTHS)
def test_lines_wrap_at_words_below_their_text(tmp_path: Path, columns: int) -> None:
    for _ in range(2):  # run, then answered from its note
        _, written = on_terminal(tmp_path, "loud.yaml", columns=columns)
        seen = lines_seen(written, 1000)
        words = " ".join(" ".join(seen).split())
        assert "warning: beware of the hail that falls from above in the months of April" in words
        assert "and this is a sentence that is longer than a line of any usual terminal" in words
        too_long = [line for line in seen if len(line) > columns]
        assert all(len(line.split()) == 1 for line in too_long), too_long
        assert all(line.startswith((" ", "loud:")) for line in seen if line)
        start = next(number for number, line in enumerate(seen) if "warning" in line)
        end = next(number for number, line in enumerate(seen) if "expect" in line)
        assert {len(line) - len(line.lstrip()) for line in seen[start:end]} == {16}


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize(
    "arguments",
    [("steps",), ("steps", "load"), ("explain", "loud.yaml"), ("store",), ("nothing.yaml",),
     ("fail.yaml",), ("bad.yaml",), ("--help",), ("run", "--help"), ("check", "--nothing"),
     ("plugins",)],
    ids=" ".join,
)  # fmt: skip
def test_other_commands_wrap_as_well(
    tmp_path: Path, columns: int, arguments: tuple[str, ...]
) -> None:
    _, written = on_terminal(tmp_path, *arguments, columns=columns)
    lines = [line for line in lines_seen(written, 1000) if len(line) > columns]
    # Long words, and examples that one may copy, are left as they are.
    assert all(len(line.split()) == 1 or line.startswith("  flowrun ") for line in lines), lines


def test_the_variable_columns_overrules_the_terminal(tmp_path: Path) -> None:
    _, written = on_terminal(tmp_path, "loud.yaml", columns=200, COLUMNS="60")
    assert max(map(len, lines_seen(written, 1000))) <= 60


def test_nothing_is_wrapped_in_a_pipe(flowrun: Flowrun) -> None:
    said = "and this is a sentence that is longer than a line of any usual terminal is, by far"
    assert said in flowrun("loud.yaml", COLUMNS="40").stdout


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_bar_fits_and_leaves_nothing_behind(tmp_path: Path, columns: int) -> None:
    code, written = on_terminal(tmp_path, "count.yaml", columns=columns)
    assert code == 0
    assert re.search(r"count .*\d+/30", written)
    bars = [line for line in re.split(r"[\r\n]", written) if re.search(r"\d+/30", line)]
    plain = [re.sub(r"\x1b\[\??[\d;]*[A-Za-z]", "", line) for line in bars]
    assert max(map(len, plain)) < columns
    seen = lines_seen(written, columns)
    assert not [line for line in seen if "/30" in line or "━" in line or "loss" in line]
    assert seen[0] == "count"
    assert seen[1].startswith("  count         z 30")


NAMES = ("loud.yaml", "count.yaml", "fail.yaml", "steps", "explain loud.yaml", "check loud.yaml")


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
@pytest.mark.parametrize("arguments", NAMES)
def test_without_colours_no_control_character_is_written(
    tmp_path: Path, variable: dict[str, str], arguments: str
) -> None:
    for _ in range(2):
        _, written = on_terminal(tmp_path, *arguments.split(), **variable)
        assert not re.search(r"\x1b\[[\d;]*m", written) or "TERM" not in variable
        assert not re.search(r"\x1b\[(?:3\d|9\d|1)m", written)  # a colour, or bold
        if "TERM" in variable:
            assert "\x1b" not in written
            assert "\r" not in written


@pytest.mark.parametrize("arguments", NAMES)
def test_a_pipe_gets_no_control_character(flowrun: Flowrun, arguments: str) -> None:
    for _ in range(2):
        done = flowrun(*arguments.split())
        assert done.stdout + done.stderr
        assert not re.search(r"[\x00-\x09\x0b-\x1f]", done.stdout + done.stderr)


def test_colours_can_be_forced_in_a_pipe(flowrun: Flowrun) -> None:
    for _ in range(2):
        assert "\x1b[31mNOT MET\x1b[0m" in flowrun("loud.yaml", FORCE_COLOR="1").stdout
    assert "\x1b" not in flowrun("loud.yaml", FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b" not in flowrun("loud.yaml").stdout


def test_an_import_has_its_own_line_and_its_own_seconds(
    tmp_path: Path, flowrun: Flowrun, with_library: dict[str, str]
) -> None:
    first, again = (flowrun("learn.yaml", **with_library).stdout for _ in range(2))
    found = re.fullmatch(
        r"learn\n  importing     slow_library  (\d\.\d{3}) s\n  learn         z 1  (\d\.\d{3}) s\n"
        r"  (\d+\.\d\d) s on .*\n",
        first,
    )
    assert found is not None, first
    imported, step, total = map(float, found.groups())
    assert step < 0.3 < 0.5 <= imported < total
    assert "importing" not in again
    records = [json.loads(path.read_text()) for path in tmp_path.glob(".flowrun/runs/*/run.json")]
    assert max(record["steps"][0]["seconds"] for record in records) < 0.3
    assert not list(tmp_path.glob(".flowrun/store/objects/*"))  # cheap, but for the import


def test_an_import_in_another_thread_counts_for_no_step(
    tmp_path: Path, flowrun: Flowrun, with_library: dict[str, str], write: Write
) -> None:
    write("steps.py", THREADED)
    write("threaded.yaml", "recipe: threaded\nplugins: [./steps.py]\nsteps: [begin, end]\n")
    done = flowrun("threaded.yaml", "--json", **with_library)
    assert done.returncode == 0, done.stderr
    begin, end = (step["seconds"] for step in json.loads(done.stdout)["steps"])
    assert 0 <= begin < 0.3
    assert 0 <= end < 0.3


def test_an_import_is_shown_while_one_waits(tmp_path: Path, with_library: dict[str, str]) -> None:
    code, written = on_terminal(tmp_path, "learn.yaml", **with_library)
    assert code == 0
    assert "  importing slow_library ...\r" in written
    assert not [line for line in lines_seen(written, 80) if "..." in line]
    _, quiet = on_terminal(tmp_path, "learn.yaml", "-q", "--fresh", **with_library)
    assert quiet == ""


def test_an_import_leaves_nothing_above_a_bar(
    tmp_path: Path, with_library: dict[str, str], write: Write
) -> None:
    write("steps.py", LEARNING)
    code, written = on_terminal(tmp_path, "learn.yaml", columns=60, **with_library)
    assert code == 0
    assert re.search(r"learn .*1/2", written)
    assert "importing slow_library ..." not in written
    seen = lines_seen(written, 60)
    assert not [line for line in seen if "1/2" in line]
    assert [line.split()[0] for line in seen[:3]] == ["learn", "importing", "learn"]


def test_progress_that_is_no_number_harms_no_run(tmp_path: Path, write: Write) -> None:
    write("steps.py", LEARNING.replace("(1, 2)", "(1, float('inf'))").replace("slow_", ""))
    write("library.py", "Z = 1\n")
    code, written = on_terminal(tmp_path, "learn.yaml", columns=60)
    assert code == 0
    assert "switched off" not in written
    assert "1/" not in written


def test_what_a_step_prints_is_never_cropped(tmp_path: Path, write: Write) -> None:
    rows = ["   3 | " + " ".join(f"{row}{number:03}" for number in range(30)) for row in "ab"]
    text = "\n".join([*rows, "     |     ^"])
    code = f"@step(outputs='x')\ndef rows(*, ctx):\n    ctx.log({text!r})\n    return 1\n"
    write("steps.py", f"from flowrun import step\n\n{code}")
    write("rows.yaml", "recipe: rows\nplugins: [./steps.py]\nsteps: [rows]\n")
    for _ in range(2):  # run, then answered from its note
        _, written = on_terminal(tmp_path, "rows.yaml", columns=60)
        assert re.findall(r"\b[ab]\d\d\d\b", written) == [
            f"{row}{number:03}" for row in "ab" for number in range(30)
        ]


def test_a_line_of_a_file_is_cropped_around_its_mark(tmp_path: Path, write: Write) -> None:
    options = "{text: '" + "words and " * 8 + "'}"
    write("wrong.yaml", f"recipe: r\nsteps: [{{loda: {options}}}, sya]\n")
    _, written = on_terminal(tmp_path, "wrong.yaml", columns=60)
    lines = lines_seen(written, 1000)
    marks = [(lines[at - 1], line) for at, line in enumerate(lines) if line.endswith("^")]
    assert len(marks) == 2
    assert all(len(line) <= 60 and "..." in line for line, _ in marks)
    assert [line[mark.index("^") :][:3] for line, mark in marks] == ["lod", "sya"]


def test_a_note_wraps_alike_in_every_command(tmp_path: Path, write: Write) -> None:
    code = "from flowrun import step\n\n@step(outputs='x')\ndef tensor():\n    return 1\n"
    write("my_own_steps.py", code)
    write("own.yaml", "recipe: own\nplugins: [./my_own_steps.py]\nsteps: [tensor]\n")
    for arguments in (["own.yaml"], ["own.yaml"], ["check", "own.yaml"]):
        _, written = on_terminal(tmp_path, *arguments, columns=40)
        assert written.startswith("note: `tensor` is the step of")
        lines = lines_seen(written, 1000)
        note = lines[: lines.index("own")]
        assert len(note) == 4
        assert max(map(len, note)) <= 40


def test_the_total_is_what_one_waited(tmp_path: Path, flowrun: Flowrun) -> None:
    script = "import time; time.sleep(0.7); import runpy; runpy.run_module('flowrun')"
    done = subprocess.run(
        [sys.executable, "-c", script, "loud.yaml"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    total = re.search(r"  (\d+\.\d\d) s on ", done.stdout)
    assert total is not None
    (path,) = tmp_path.glob(".flowrun/runs/*/run.json")
    assert float(total[1]) == pytest.approx(json.loads(path.read_text())["seconds"], abs=0.01)
    assert float(total[1]) > 0.7


def test_a_reader_that_has_seen_enough_ends_the_command_quietly(tmp_path: Path) -> None:
    for arguments in ("loud.yaml", "count.yaml", "steps", "loud.yaml count.yaml", "--help"):
        command = f"{sys.executable} -m flowrun {arguments} | head -n 1; exit ${{PIPESTATUS[1]}}"
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert len(done.stdout.splitlines()) == 1, arguments
        assert done.stderr == "", arguments


def test_a_run_that_nobody_reads_is_recorded_as_interrupted(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = Python(["-m", "flowrun", "loud.yaml"], cwd=tmp_path, stdout=writer)
    os.close(writer)
    assert process.wait(60) != 0
    (path,) = tmp_path.glob(".flowrun/runs/*/run.json")
    record = json.loads(path.read_text())
    assert (record["status"], record["error"]) == (
        "interrupted", "interrupted before the first step",
    )  # fmt: skip


def test_ctrl_c_says_how_far_it_came_and_the_next_run_from_where_it_goes_on(
    tmp_path: Path, write: Write
) -> None:
    write("long.yaml", "recipe: long\nplugins: [./steps.py]\nsteps: [say, count]\n")
    arguments = ("long.yaml", "--set", "count.times=60", "--set", "count.wait=0.05")
    sent: list[int] = []

    def interrupt(process: subprocess.Popen[str], written: str) -> None:
        if re.search(r"[1-9]\d?/60", written) and not sent:
            sent.append(process.pid)
            process.send_signal(signal.SIGINT)

    code, written = on_terminal(tmp_path, *arguments, during=interrupt, columns=200)
    assert code == 130
    found = re.search(
        r"^interrupted in `count`, step 2 of 2, at (\d+ of 60); a checkpoint of it is saved: "
        r"run the same command to resume$",
        written,
        re.MULTILINE,
    )
    assert found is not None, written
    assert "━" not in "".join(lines_seen(written, 200))
    code, written = on_terminal(tmp_path, *arguments, columns=200)
    assert code == 0
    assert f"  count         goes on from {found[1]}, saved 0 s ago\n".replace("0 s", "") in (
        re.sub(r"\d+ s ago", " ago", written)
    )


def test_ctrl_c_says_which_steps_are_kept(tmp_path: Path, write: Write) -> None:
    write("steps.py", STEPS.replace("ctx.checkpoint", "(lambda state: None)"))
    write("long.yaml", "recipe: long\nplugins: [./steps.py]\nsteps: [say, count]\n")
    sent: list[int] = []

    def interrupt(process: subprocess.Popen[str], written: str) -> None:
        if re.search(r"[1-9]\d?/600", written) and not sent:
            sent.append(process.pid)
            process.send_signal(signal.SIGINT)

    code, written = on_terminal(
        tmp_path, "long.yaml", "--set", "count.times=600", during=interrupt, columns=200
    )
    assert code == 130
    assert re.search(
        r"^interrupted in `count`, step 2 of 2, at \d+ of 600; the step before it is kept: run "
        r"the same command to resume$",
        written,
        re.MULTILINE,
    ), written


def test_a_file_of_the_recipes_folder_is_pointed_at(write: Write, flowrun: Flowrun) -> None:
    step = "from flowrun import step\n\n@step(outputs='x')\ndef read():\n    {}\n    return 1\n"
    write("sub/steps.py", step.format("open('numbers.txt').read()"))
    write("sub/r.yaml", "recipe: r\nplugins: [./steps.py]\nsteps: [read]\n")
    write("sub/numbers.txt", "1\n")
    said = flowrun("sub/r.yaml").stderr
    assert "`numbers.txt` is in the recipe's folder, sub, and the step looks in the current" in said
    assert "open `ctx.path('numbers.txt')`" in said
    assert "*, ctx" in said
    os.remove("sub/numbers.txt")  # noqa: PTH107
    assert "ctx.path" not in flowrun("sub/r.yaml").stderr
    Path("sub/out").mkdir()
    write("sub/steps.py", step.format("open('out/x.txt', 'w').close()"))
    said = flowrun("sub/r.yaml").stderr
    assert "`out` is in the recipe's folder, sub" in said
    assert "open `ctx.path('out/x.txt')`" in said
