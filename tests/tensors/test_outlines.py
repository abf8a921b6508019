"""What a run would fail with is found by names, headers and counts before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import processes
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

TABLE = "height,width,score\n" + "".join(f"{row},{row + 1},{row * 2}\n" for row in range(10))
OWN = """
from flowrun import step


@step(outputs="data")
def doubled(data):
    return data * 2


@step(outputs="columns")
def renamed(columns):
    return ["a", "b", "c"]


@step(outputs=())
def make_table(*, rows: int = 3):
    \"\"\"Writes a file, and does not say so.\"\"\"
    with open("made.csv", "w") as file:
        file.write("a,b\\n" + "1,2\\n" * rows)


@step(outputs=(), effect=True)
def write_table(*, rows: int = 3, ctx):
    with open(ctx.writes("made.csv"), "w") as file:
        file.write("a,b\\n" + "1,2\\n" * rows)
"""
LOADED = """
import sys
sys.argv = ["flowrun", *{arguments!r}]
from flowrun.cli.start import main
try:
    main()
except SystemExit as end:
    print(end.code, *sorted(sys.modules), file=sys.stderr)
"""


def recipe(*steps: str, top: str = "") -> str:
    lines = "".join(f"  - {step}\n" for step in steps)
    return f"recipe: r\n{top}plugins: [./own.py]\nsteps:\n{lines}"


@pytest.fixture(autouse=True)
def _files(write: Write) -> None:
    write("own.py", OWN)
    write("t.csv", TABLE)


REFUSED = {
    "no file": (
        ["load: {source: u.csv}"],
        "r.yaml:4:20: the step `load` fails: there is no file ",
        "did you mean `t.csv`?",
    ),
    "no such column": (
        ["load: {source: t.csv}", "shuffle", "split: {train: 0.8, targets: scor}"],
        "r.yaml:6:34: the step `split` fails: there is no column `scor`; there are: height, width, "
        "score\n",
        "did you mean `score`?",
    ),
    "no such column of a table that a step of one's own has changed": (
        ["load: {source: t.csv}", "doubled", "split: {train: 0.8, targets: scor}"],
        "r.yaml:6:34: the step `split` fails: there is no column `scor`",
        "did you mean `score`?",
    ),
    "more training rows than there are": (
        ["load: {source: t.csv}", "show: [columns]", "split: {train: 10}"],
        "r.yaml:6:20: the step `split` fails: train: 10 asks for 10 of 10 rows",
        "give at most 9",
    ),
    "more training rows than there are between quotes": (
        ["load: {source: marks.txt, delimiter: '\"'}", "split: {train: 30}"],
        "r.yaml:5:20: the step `split` fails: train: 30 asks for 30 of 30 rows",
        "give at most 29",
    ),
    "no column left": (
        ["load: {source: t.csv, values: [data]}", "split: {train: 0.5, targets: 3}"],
        "r.yaml:5:34: the step `split` fails: targets: 3 leaves no feature",
        "the table has 3 columns",
    ),
    "a word in the first rows": (
        ["load: {source: word.csv}"],
        "word.csv, line 3, column 2 (b): `x` is not a finite number",
        "",
    ),
    "a data set that may be downloaded": (
        ["load: {source: wine-red}", "split: {train: 1599, targets: qualty}"],
        "r.yaml:5:35: the step `split` fails: there is no column `qualty`",
        "train: 1599 asks for 1599 of 1599 rows",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_without_torch_and_without_a_record(
    what: str, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, *said = REFUSED[what]
    if "downloaded" in what:
        monkeypatch.delenv("FLOWRUN_OFFLINE")
    write("word.csv", "a,b\n1,2\n3,x\n")
    write("marks.txt", '1"2\n' * 30)
    write("r.yaml", recipe(*steps))
    script = LOADED.format(arguments=["r.yaml"])
    done = processes.run(["-c", script], cwd=tmp_path, fresh=True)
    *message, modules = done.stderr.splitlines()
    for text in said:
        assert text in "\n".join([*message, ""])
    assert "nothing was run (use `--no-check` to run it anyway)" in message[-1]
    assert modules.split()[0] == "2"
    assert not {"torch", "numpy"} & set(modules.split())
    assert not Path(".flowrun").exists()


def test_json_names_each_place(flowrun: Flowrun, write: Write) -> None:
    write("r.yaml", recipe("load: {source: t.csv}", "split: {train: 20, targets: [x, score]}"))
    done = flowrun("r.yaml", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["status"]) == (2, "refused")
    assert [(one["line"], one["column"]) for one in document["errors"]] == [(5, 33), (5, 20)]


RUN = {
    "a file that a step above writes": ["write_table", "load: {source: made.csv}"],
    "a file that a step above writes, and does not say so": [
        "make_table", "load: {source: made.csv}",
    ],
    "rows of a file that a step above writes anew": [
        "write_table: {rows: 30}", "load: {source: made.csv}", "split: {train: 20}",
    ],
    "columns of a table that a step above gives": [
        "load: {source: t.csv}", "renamed",
        "split: {train: 3, targets: b}",
    ],
    "rows of a table that a step above gives": [
        "load: {source: t.csv}", "compute: {data: 'torch.cat([data, data])'}", "split: {train: 15}",
    ],
    "rows far below blank lines": ["load: {source: low.csv}", "split: {train: 2}"],
    "quoted line ends": ["load: {source: quoted.csv}", "split: {train: 2}"],
}  # fmt: skip


EVALUATED = recipe(
    "load: {source: t.csv}", "split: {train: 0.8}", "init_params: {layers: [1]}",
    "gd_train: {lr: 0.001, steps: 5}", "evaluate: {metrics: [mae, r2]}",
)  # fmt: skip


def test_an_expectation_of_another_metric_is_found_before_the_run(
    flowrun: Flowrun, write: Write
) -> None:
    write(
        "r.yaml", f"{EVALUATED}expect:\n  metrics.mae: {{below: 1e9}}\n  metrics.r: {{above: 0}}\n"
    )
    done = flowrun("r.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("r.yaml:11:3: the expectation of `metrics.r` cannot be met")
    assert "its keys: mae, r2" in done.stderr
    assert not Path(".flowrun").exists()
    assert flowrun("r.yaml", "--no-check").returncode == 1


@pytest.mark.parametrize(
    "path", ["metrics.mae", "data[0]", "data[0, 1]", "columns[0]", "losses[-1]"]
)
def test_an_expectation_of_what_is_there_is_left_to_the_run(
    path: str, flowrun: Flowrun, write: Write
) -> None:
    write("r.yaml", f"{EVALUATED}expect:\n  {path}: {{finite: true}}\n")
    assert "cannot be met" not in flowrun("r.yaml").stderr


@pytest.mark.parametrize("what", RUN)
def test_what_is_not_certain_runs(what: str, flowrun: Flowrun, write: Write) -> None:
    write("made.csv", "a,b\n1,2\n") if "anew" in what else None
    write("quoted.csv", '"a","b\nc"\n1,2\n\n3,4\n5,6\n')
    write("low.csv", "a,b\n" + "\n" * 40 + "1,2\n3,4\n5,6\n")
    write("r.yaml", recipe(*RUN[what]))
    done = flowrun("r.yaml")
    assert done.returncode == 0, done.stderr


def test_a_step_that_is_expected_to_fail_is_called(flowrun: Flowrun, write: Write) -> None:
    expected = "expect: {error: {step: load, matches: there is no file}}\n"
    write("r.yaml", recipe("load: {source: u.csv}", top=expected))
    done = flowrun("r.yaml")
    assert done.returncode == 0, done.stderr


def test_a_recipe_that_is_skipped_here_is_not_refused(flowrun: Flowrun, write: Write) -> None:
    write("r.yaml", recipe("load: {source: u.csv}", top="needs: cuda\n"))
    done = flowrun("r.yaml")
    assert (done.returncode, done.stderr) == (0, "")


def test_no_check_runs_the_steps(flowrun: Flowrun, write: Write) -> None:
    write("r.yaml", recipe("load: {source: t.csv}", "split: {train: 20}"))
    done = flowrun("r.yaml", "--no-check")
    assert done.returncode == 3
    assert "the step `split` failed" in done.stderr
    assert len(list(Path(".flowrun/runs").iterdir())) == 1


def test_a_step_of_a_plugin_has_one_too(flowrun: Flowrun, write: Write) -> None:
    write(
        "own.py",
        OWN
        + """
from flowrun import OptionError, Unknown


@step(outputs="data")
def first_rows(data, *, count: int):
    return data[:count]


@first_rows.on_outlines
def _on_outlines(data, *, count: int):
    if count > data.rows():
        found = f"there are {data.rows()} rows; blank lines, and the line of names, are none"
        raise OptionError(
            f"{found}, however many of them the file has", hint="give fewer", option="count"
        )
    return Unknown("tensor")


@step(outputs="x")
def broken():
    return 1


@broken.on_outlines
def _on_outlines():
    return 1 / 0
""",
    )
    write("r.yaml", recipe("load: {source: t.csv}", "broken", "first_rows: {count: 11}"))
    done = flowrun("r.yaml")
    assert done.returncode == 2
    assert (
        "r.yaml:6:25: the step `first_rows` fails: there are 10 rows; blank lines, and the line of "
        "names, are none, however many of them the file has\n"
    ) in done.stderr
    assert "give fewer" in done.stderr
    assert flowrun("r.yaml", "--set", "first_rows.count=9").returncode == 0
