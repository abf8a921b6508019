"""Looking back at runs: the list of them, and one of them in full."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flowrun as fr
from flowrun import StepError
from tests import processes
from tests.conftest import Flowrun
from tests.processes import Python
from tests.sealing import write_record

Write = Callable[[str, str], Path]

STEPS = '''
"""Steps without torch, to look back at."""
import os
import signal
from flowrun import step

@step(outputs="x")
def one(*, value: float = 1.0, names: list[str] = ["a"]):
    """Give a number."""
    return value

@step(outputs=("x", "metrics"))
def add(x, *, by: float = 1.0, ctx):
    """Add to a number."""
    ctx.log("that is\\nall")
    if by > 10:
        ctx.warn("that is much")
    return x + by, {"sum": x + by, "cpu": {"share": 0.5}, "parts": [x, by], "name": "n"}

@step(outputs="x")
def fail(x):
    """Fail."""
    raise ValueError("that cannot be")

@step(outputs="x")
def end(x):
    """End the process as a power failure would."""
    os.kill(os.getpid(), signal.SIGKILL)
'''


@pytest.fixture
def recipe(write: Write) -> Callable[..., Path]:
    write("steps.py", STEPS)

    def make(name: str, steps: str = "[one, add]", rest: str = "") -> Path:
        text = f"recipe: {name}\nplugins: [./steps.py]\nsteps: {steps}\n{rest}"
        return write(f"{name}.yaml", text)

    return make


Make = Callable[..., Path]


def listed(flowrun: Flowrun, *arguments: str) -> list[dict[str, Any]]:
    done = flowrun("runs", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def refused(flowrun: Flowrun, *arguments: str) -> str:
    done = flowrun(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


# --- the list ---


def test_runs_are_listed_the_latest_first(recipe: Make, flowrun: Flowrun) -> None:
    path = recipe("r")
    ids = [fr.run(path, set={"add.by": by}).record["id"] for by in (1, 2, 3)]
    done = flowrun("runs")
    heading, *lines = done.stdout.splitlines()
    assert heading.split() == "id when recipe result seconds seed sum cpu.share parts name".split()
    assert [line.split()[0] for line in lines] == ids[::-1]
    assert re.search(r" r +ok +\d+\.\d\d s +0 +4 +0.5 +\[1, 3\] +n$", lines[0])


def test_where_there_are_no_runs_none_are_listed_and_nothing_is_made(flowrun: Flowrun) -> None:
    done = flowrun("runs", "--where", "metrics.mae<1", "--recipe", "r")
    assert (done.returncode, done.stdout) == (0, "there are no runs in .flowrun/runs\n")
    assert not Path(".flowrun").exists()


def test_the_moment_is_told_in_local_time(flowrun: Flowrun) -> None:
    fabricate(Path(".flowrun"), [("20260101-150000-aaaaaa", {})])
    assert "2026-01-02 00:00:00" in flowrun("runs", TZ="Asia/Tokyo").stdout
    assert "2026-01-02 00:00:00" in flowrun("show", "last", TZ="Asia/Tokyo").stdout


def test_runs_of_one_second_are_in_the_order_of_their_start(flowrun: Flowrun) -> None:
    first, second = "20260101-150000-bbbbbb", "20260101-150000-aaaaaa"
    record = {"started": "2026-01-01T15:00:00.500+00:00"}
    fabricate(Path(".flowrun"), [(first, {}), (second, record)])
    assert [run["id"] for run in listed(flowrun)] == [second, first]
    assert second in flowrun("show", "last").stdout


def test_a_recipe_is_chosen_by_name_or_file(recipe: Make, flowrun: Flowrun) -> None:
    for path in (recipe("red"), recipe("white")):
        fr.run(path)
    for chosen in ("red", "red.yaml", str(Path("red.yaml").resolve())):
        assert [run["recipe"] for run in listed(flowrun, "--recipe", chosen)] == ["red"]
    said = refused(flowrun, "runs", "--recipe", "rde")
    assert "there is no run of the recipe `rde`" in said
    assert "name or file that has runs: white, red" in said
    assert "did you mean `red`?" in said


def test_a_status_is_chosen(recipe: Make, flowrun: Flowrun) -> None:
    fr.run(recipe("good"))
    fr.run(recipe("unmet", rest="expect: {x: {below: 0}}"))
    with pytest.raises(StepError):
        fr.run(recipe("bad", "[one, fail]"))
    needs = "no cuda" if fr.plan(recipe("any")).registry.devices.get("cuda:0") else "cuda"
    fr.run(recipe("skipped", rest=f"needs: {needs}"))
    flowrun(recipe("killed", "[one, add, end]"))
    for status, name in (
        ("ok", "good"),
        ("unmet", "unmet"),
        ("failed", "bad"),
        ("skipped", "skipped"),
        ("killed", "killed"),
    ):
        assert [run["recipe"] for run in listed(flowrun, "--status", status)] == [name]
    assert flowrun("runs", "--status", "running").stdout == "no run in .flowrun/runs fits\n"
    assert flowrun("runs", "--status", "fine").returncode == 2


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("metrics.sum<3", [2.0]),
        ("metrics.sum <= 3", [3.0, 2.0]),
        ("metrics.sum>3", [4.0]),
        ("metrics.sum>=3.0", [4.0, 3.0]),
        ("metrics.sum=3", [3.0]),
        ("metrics.sum==3e0", [3.0]),
        ("metrics.sum!=3", [4.0, 2.0]),
        ("metrics.parts[-1]=2", [3.0]),
        ("metrics.cpu.share<1", [4.0, 3.0, 2.0]),
        ("metrics.name=n", [4.0, 3.0, 2.0]),
        ("metrics.name=3", []),
        ("seed=2", [3.0]),
        ("seconds<60", [4.0, 3.0, 2.0]),
        ("status=ok", [4.0, 3.0, 2.0]),
        ("status!='ok'", []),
        ("when>=2020", [4.0, 3.0, 2.0]),
        ("device=cpu", [4.0, 3.0, 2.0]),
        ("vars.n=1", [4.0, 3.0, 2.0]),
        ("add.by>=2", [4.0, 3.0]),
        ("one.names[0]=a", [4.0, 3.0, 2.0]),
    ],
)
def test_a_condition_chooses_runs(
    condition: str, found: list[float], recipe: Make, flowrun: Flowrun
) -> None:
    path = recipe("r", rest="vars: {n: 1}\ndevice: cpu")
    for by in (1, 2, 3):
        fr.run(path, set={"add.by": by}, seed=by)
    assert [run["metrics"]["sum"] for run in listed(flowrun, "--where", condition)] == found


def test_all_conditions_must_hold_and_their_values_are_shown(
    recipe: Make, flowrun: Flowrun
) -> None:
    path = recipe("r")
    for by in (1, 2, 3):
        fr.run(path, set={"add.by": by}, seed=by)
    done = flowrun("runs", "--where", "seed<3", "--where", "metrics.sum>2.5")
    heading, line = done.stdout.splitlines()
    assert heading.split() == "id when recipe result seconds seed metrics.sum".split()
    assert line.split()[-2:] == ["2", "3"]
    (run,) = listed(flowrun, "--where", "seed<3", "--where", "metrics.sum>2.5")
    assert run["where"] == {"seed": 2, "metrics.sum": 3.0}


def test_a_run_without_a_conditions_value_is_left_out(recipe: Make, flowrun: Flowrun) -> None:
    fr.run(recipe("with"))
    fr.run(recipe("without", "[one]"))
    assert [run["recipe"] for run in listed(flowrun, "--where", "metrics.sum!=7")] == ["with"]
    assert listed(flowrun, "--recipe", "without", "--where", "metrics.sum!=7") == []


@pytest.mark.parametrize(
    ("condition", "parts"),
    [
        (
            "metrics.sum",
            ["no comparison", "found     `metrics.sum`", "put the condition in quotes"],
        ),
        ("metrics.sum<", ["nothing to compare with", "'metrics.mae<0.5'"]),
        ("<0.5", ["nothing is compared", "'metrics.mae<0.5'"]),
        ("metrics sum<1", ["stops being a path at character 8"]),
        ("seed=<1", ["`=<` is no comparison"]),
        ("metrics.smu<1", ["no run has `metrics.smu`", "did you mean `metrics.sum`?"]),
        ("sum<1", ["no run has `sum`", "did you mean `metrics.sum`?"]),
        ("add.byte<1", ["no run has `add.byte`", "one of: add.by", "did you mean `add.by`?"]),
        ("add.learning<1", ["no run has `add.learning`", "one of: add.by\n"]),
        ("ad.by<1", ["no run has `ad.by`", "did you mean `add.by`?"]),
        ("metrics.sum<a", ["`metrics.sum` is a number, 2", "found     `a`"]),
        ("metrics.parts=1", ["`metrics.parts` is a list", "`metrics.parts[0]`"]),
        ("metrics.cpu=1", ["`metrics.cpu` is a mapping", "`metrics.cpu.NAME`"]),
    ],
)
def test_a_condition_that_is_none_is_refused(
    condition: str, parts: list[str], recipe: Make, flowrun: Flowrun
) -> None:
    fr.run(recipe("r"))
    said = refused(flowrun, "runs", "--where", condition)
    assert f"--where {condition}" in said
    for part in parts:
        assert part in said


def test_metrics_that_are_no_finite_numbers_are_compared_as_such(flowrun: Flowrun) -> None:
    records = [
        (f"20260101-15000{number}-aaaaaa", {"metrics": {"loss": loss}})
        for number, loss in enumerate(["inf", "nan", 1.0])
    ]
    fabricate(Path(".flowrun"), records)
    assert [run["metrics"]["loss"] for run in listed(flowrun, "--where", "metrics.loss>0")] == [
        1.0,
        "inf",
    ]
    assert len(listed(flowrun, "--where", "metrics.loss<2")) == 1


def test_a_count_bounds_the_list(flowrun: Flowrun) -> None:
    fabricate(Path(".flowrun"), [(f"20260101-1500{n:02}-aaaaaa", {}) for n in range(25)])
    assert len(flowrun("runs", "-n", "3").stdout.splitlines()) == 4
    assert len(flowrun("runs").stdout.splitlines()) == 26
    assert len(listed(flowrun, "-n", "2")) == 2


def test_a_terminal_shows_the_last_twenty_and_how_many_more_there_are(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    metrics = {f"figure_{n}": n + 0.5 for n in range(9)}
    records = [(f"20260101-1500{n:02}-aaaaaa", {"metrics": metrics}) for n in range(25)]
    fabricate(tmp_path / ".flowrun", records)
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "100"}
    process = Python(["-m", "flowrun", "runs"], stdout=theirs, cwd=tmp_path, env=environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            read = os.read(ours, 65536)
        except OSError:  # the end, on Linux
            break
        if not read:
            break
        shown += read
    os.close(ours)
    assert process.wait() == 0
    lines = shown.decode().splitlines()
    assert len(lines) == 22
    assert lines[1].startswith("20260101-150024")
    assert lines[-1] == "5 earlier ones; `-n 25` shows all"
    assert "figure_0" in lines[0]
    assert max(map(len, lines)) <= 100


def test_ten_thousand_runs_are_listed(tmp_path: Path, flowrun: Flowrun) -> None:
    records = []
    for number in range(10_000):
        moment = f"{number // 3600:02}{number // 60 % 60:02}{number % 60:02}"
        values = {"metrics": {"mae": number / 10_000}, "seed": number}
        records.append((f"20260101-{moment}-{number:06x}", values))
    fabricate(tmp_path / ".flowrun", records)
    for _ in range(2):  # read from the records, then from the store's list
        lines = flowrun("runs").stdout.splitlines()
        assert len(lines) == 10_001
        assert lines[1].split()[0] == "20260101-024639-00270f"
        assert lines[1].split()[-1] == "0.9999"
        assert lines[-1].split()[0] == "20260101-000000-000000"
    done = flowrun("runs", "--where", "metrics.mae<0.5", "--where", "seed>=4997", "-n", "2")
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["seed", "4999", "4998"]


# --- damage ---


@pytest.mark.parametrize(
    "text", ["", '{"id": "x", "sta', "\xff", '{"id": "x", "seconds": "long"}', "[]"]
)
def test_a_record_that_cannot_be_read_spoils_nothing(
    text: str, recipe: Make, flowrun: Flowrun
) -> None:
    record = fr.run(recipe("r")).record
    damaged = Path(".flowrun/runs/20200101-000000-abcdef")
    damaged.mkdir()
    (damaged / "run.json").write_bytes(text.encode("latin-1"))
    Path(".flowrun/runs/notes.txt").write_text("not a run")
    assert [(run["id"], run["status"]) for run in listed(flowrun)] == [
        (record["id"], "ok"),
        (damaged.name, "unreadable"),
    ]
    assert len(listed(flowrun, "--where", "metrics.sum>0", "--where", "seed=0")) == 1
    assert "is unreadable" in refused(flowrun, "show", damaged.name)
    assert "is unreadable" in refused(flowrun, "diff", "last", damaged.name)
    assert record["id"] in flowrun("show", "last").stdout


def test_a_damaged_table_is_made_again_from_the_records(recipe: Make, flowrun: Flowrun) -> None:
    fr.run(recipe("r"))
    Path(".flowrun/store/records.sqlite").write_bytes(b"no table at all" * 1000)
    assert [run["recipe"] for run in listed(flowrun)] == ["r"]


def test_a_killed_run_shows_how_far_it_came(recipe: Make, flowrun: Flowrun) -> None:
    flowrun(recipe("killed", "[one, add, end, {one: , id: never}]"))
    assert [run["status"] for run in listed(flowrun)] == ["killed"]
    with next(Path(".flowrun/runs").glob("*/events.jsonl")).open("ab") as events:
        events.write(b'{"time": "2026')  # as a process that ends while it writes leaves it
    shown = flowrun("show", "last").stdout
    assert re.search(r"result +killed", shown)
    assert re.search(r"add +x 2, metrics \{sum 2, .*\}  \d\.\d{3} s\n +that is\n +all\n", shown)
    assert re.search(r"end +not finished\n +not reached +never\n", shown)


# --- one run ---


def test_a_run_is_shown_in_full(recipe: Make, flowrun: Flowrun) -> None:
    path = recipe(
        "r", "[one, add]", "vars: {n: 1}\nexpect: {metrics.sum: {below: 5}}\nabout: Adds."
    )
    flowrun(path)
    done = flowrun(path, "--set", "add.by=20", "--seed", "7", "--device", "cpu")
    assert done.returncode == 1
    first, last = (run["id"] for run in reversed(listed(flowrun)))
    shown = flowrun("show", "last").stdout
    for line in (
        "r: Adds.",
        f"  run           {last}",
        "  file          r.yaml",
        "  result        unmet",
        "  seed, device  7, cpu",
        "  vars          n 1",
        f"  one           x 1  kept, made by {first}",
        "                that is\n                all",
        "                warning: that is much",
        "  expect        metrics.sum 21, below 5: NOT MET",
        "  metrics       sum 21, cpu.share 0.5, parts [1, 20], name n",
        "  environment   Python 3.",
        "r.yaml --set add.by=20 --seed 7 --device cpu\n",
    ):
        assert line in shown
    assert re.search(r"  add +x 21, metrics \{.*\}  \d\.\d{3} s\n", shown)
    assert re.search(r"  when +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, \d\.\d\d s\n", shown)


def test_a_failed_run_is_shown_with_its_error(recipe: Make, flowrun: Flowrun) -> None:
    with pytest.raises(StepError):
        fr.run(recipe("r", "[one, fail, add]"))
    shown = flowrun("show", "last").stdout
    assert re.search(r"result +failed: .*fail", shown)
    assert "ValueError: that cannot be" in shown
    assert re.search(r"not reached +add\n", shown)


def test_json_is_the_record_itself(recipe: Make, flowrun: Flowrun) -> None:
    record = fr.run(recipe("r")).record
    assert json.loads(flowrun("show", record["id"], "--json").stdout) == json.loads(
        json.dumps(record)
    )


def test_files_read_and_written_are_shown(flowrun: Flowrun, write: Write) -> None:
    write("data.csv", "a,b\n1,2\n3,4\n")
    steps = "[{load: {source: data.csv}}, {save: {to: out, values: [data]}}]"
    fr.run(write("files.yaml", f"recipe: files\nsteps: {steps}"))
    shown = flowrun("show", "last").stdout
    assert re.search(r"read +data.csv  [0-9a-f]{12}\n", shown)
    assert re.search(r"wrote +out/values.json  [0-9a-f]{12}\n", shown)


def test_a_run_is_found_by_the_beginning_of_its_id_or_from_the_last(flowrun: Flowrun) -> None:
    ids = ["20260101-150000-aaaaaa", "20260101-150000-abbbbb", "20260102-150000-aaaaaa"]
    fabricate(Path(".flowrun"), [(run, {}) for run in ids])
    for name, run in (
        (ids[1], ids[1]),
        ("20260102", ids[2]),
        ("20260101-150000-ab", ids[1]),
        ("last", ids[2]),
        ("last~0", ids[2]),
        ("last~2", ids[0]),
    ):
        assert f"run           {run}" in flowrun("show", name).stdout


def test_a_run_that_is_not_found_is_said_with_the_nearest(flowrun: Flowrun) -> None:
    assert "there are no runs in .flowrun/runs" in refused(flowrun, "show", "last")
    ids = [f"20260101-15000{number}-aaaaaa" for number in range(7)]
    fabricate(Path(".flowrun"), [(run, {}) for run in ids])
    said = refused(flowrun, "show", "20260101")
    assert "`20260101` is the beginning of 7 runs" in said
    assert ids[6] in said
    assert "and 2 more" in said
    said = refused(flowrun, "show", "20260101-150003-aaaaab")
    assert said.splitlines()[1].split()[0] == ids[3]
    assert "the first run is `last~6`" in refused(flowrun, "show", "last~7")
    assert "`flowrun runs --recipe r`" in refused(flowrun, "show", "r")
    for nonsense in ("zzz", "last~x", "../runs", ""):
        assert "`last~1` for the one before" in refused(flowrun, "show", nonsense)


@pytest.mark.parametrize("arguments", [["runs"], ["show", "last"], ["diff", "last~1", "last"]])
def test_looking_back_loads_no_heavy_library(
    arguments: list[str], recipe: Make, tmp_path: Path
) -> None:
    for by in (1, 2):
        fr.run(recipe("r"), set={"add.by": by})
    code = (
        f"import sys; sys.argv = ['flowrun', *{arguments!r}]\n"
        "from flowrun.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print('loaded', *(name for name in sys.modules if '.' not in name))"
    )
    done = processes.run(["-c", code], cwd=tmp_path, fresh=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"torch", "numpy", "rich", "pooch", "requests", "safetensors"}


def fabricate(home: Path, records: list[tuple[str, dict[str, Any]]]) -> None:
    """Folders of runs as flowrun leaves them, with nothing in them but what a list needs."""
    for run, values in records:
        day, moment, _ = run.split("-")
        date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
        started = f"{date}T{moment[:2]}:{moment[2:4]}:{moment[4:]}.000+00:00"
        record = {"id": run, "recipe": "r", "started": started, "seconds": 1.0, "status": "ok"}
        folder = home / "runs" / run
        folder.mkdir(parents=True)
        write_record(folder, record | values)


def test_a_seed_of_any_size_is_listed(recipe: Make, flowrun: Flowrun) -> None:
    path = recipe("r")
    for seed in (7, 2**63 - 1):
        fr.run(path, seed=seed)
    seeds = [line.split()[7] for line in flowrun("runs").stdout.splitlines()[1:]]
    assert seeds == [str(2**63 - 1), "7"]
    assert [run["seed"] for run in listed(flowrun)] == [2**63 - 1, 7]
