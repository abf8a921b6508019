"""A command is answered without planning where nothing changed, and never where something did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import processes
from tests.conftest import Flowrun
from tests.core.store.conftest import World

LOADED = """
import sys
sys.argv = ["flowrun", *{arguments!r}]
from flowrun.cli.start import main
try:
    main()
except SystemExit as end:
    print(end.code, *sorted(name for name in sys.modules if "." not in name), file=sys.stderr)
"""


def modules_of(flowrun_in: Callable[..., str], *arguments: str) -> set[str]:
    """The modules that a command loads."""
    return set(flowrun_in(LOADED.format(arguments=list(arguments))).split()[1:])


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., str]:
    """Run a script in a process of its own; gives what it says on standard error."""

    def run(script: str) -> str:
        done = processes.run(["-c", script], cwd=tmp_path, fresh=True)
        assert done.returncode == 0, done.stderr
        return done.stderr.splitlines()[-1]

    return run


def test_a_rerun_prints_the_same_lines_and_leaves_a_record(world: World, flowrun: Flowrun) -> None:
    world.recipe("[one, add, {write: {to: out.txt}}]", "expect: {x: {equals: 2}}")
    first = flowrun("r.yaml").stdout.splitlines()
    again = flowrun("r.yaml").stdout.splitlines()
    assert again[:-1] == [line.rpartition("  ")[0] + "  kept" if line.endswith(" s") else line
                          for line in first[:-1]]  # fmt: skip
    folders = sorted(Path(".flowrun/runs").iterdir())
    assert len(folders) == 2
    record, kept = (json.loads((folder / "run.json").read_text()) for folder in folders)
    assert kept["id"] == folders[1].name
    assert again[-1].endswith(f"record in .flowrun/runs/{folders[1].name}")
    assert [step["kept"] for step in kept["steps"]] == [record["id"]] * 3
    for same in ("status", "expectations", "plan", "environment", "seed"):
        assert kept[same] == record[same]
    assert (folders[1] / "events.jsonl").read_text().count("step_kept") == 3


def test_a_rerun_loads_neither_torch_nor_the_planner(
    world: World, python: Callable[..., str]
) -> None:
    world.recipe("[one, add]")
    modules_of(python, "r.yaml")
    assert not modules_of(python, "r.yaml") & {"torch", "click", "yaml", "pluggy", "msgspec"}


def test_the_exit_code_and_what_quiet_says_are_the_same(world: World, flowrun: Flowrun) -> None:
    world.recipe("[one]", "expect: {x: {above: 5}}")
    for _ in range(3):
        done = flowrun("-q", "r.yaml")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "r: expected x above 5, found 1\n"


def test_metrics_warnings_and_expectations_are_the_same(world: World, flowrun: Flowrun) -> None:
    _append(
        world.folder / "steps.py",
        "\n@step(outputs='metrics')\ndef measure(x, *, ctx):\n    ctx.warn('that is little')\n"
        "    return {'mean': x}\n",
    )
    world.recipe("[one, measure]", "expect: {metrics.mean: {above: 5}}")
    first, again = flowrun("r.yaml"), flowrun("r.yaml")
    assert first.returncode == again.returncode == 1
    for text in ("that is little", "metrics {mean 1}", "metrics.mean 1, above 5: NOT MET"):
        assert text in first.stdout
        assert text in again.stdout
    records = [json.loads(path.read_text()) for path in Path(".flowrun/runs").glob("*/run.json")]
    assert records[0]["warnings"] == records[1]["warnings"] == ["that is little"]
    assert records[0]["expectations"] == records[1]["expectations"]
    assert records[0]["steps"][1]["outputs"] == records[1]["steps"][1]["outputs"]


CHANGES: dict[str, Callable[[World], None]] = {
    "recipe": lambda world: world.path.write_text(world.path.read_text() + "# a comment\n"),
    "code": lambda world: _append(world.folder / "steps.py", "\nX = 1\n"),
    "data": lambda world: _append(world.folder / "t.txt", "b"),
    "parent": lambda world: _append(world.folder / "parent.yaml", "\n# a comment\n"),
    "written": lambda world: _append(world.folder / "out.txt", "b"),
    "written gone": lambda world: (world.folder / "out.txt").unlink(),
    "store gone": lambda world: (world.folder / ".flowrun/store/records.sqlite").unlink(),
}


def _append(path: Path, text: str) -> None:
    """Change a file, a text so that its size stays the same."""
    before = path.read_text()
    path.write_text((before[: -len(text)] if path.suffix == ".txt" else before) + text)


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_anything_has_the_command_run_as_ever(
    world: World, python: Callable[..., str], what: str
) -> None:
    (world.folder / "t.txt").write_text("aaa")
    (world.folder / "parent.yaml").write_text("recipe: p\nsteps: []\n")
    world.recipe("[{read: {file: t.txt}}, one, {write: {to: out.txt}}]", "extends: parent.yaml")
    modules_of(python, "r.yaml")
    assert "click" not in modules_of(python, "r.yaml")
    CHANGES[what](world)
    assert "click" in modules_of(python, "r.yaml")
    assert (world.folder / "out.txt").read_text() == "1.0"


@pytest.mark.parametrize("variable", ["FLOWRUN_DATA_PATH", "PYTHONPATH", "PYTHONINTMAXSTRDIGITS"])
def test_a_changed_environment_has_the_command_run_as_ever(
    world: World, python: Callable[..., str], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    world.recipe("[one]")
    modules_of(python, "r.yaml")
    monkeypatch.setenv(variable, "0" if variable.endswith("DIGITS") else str(world.folder))
    assert "click" in modules_of(python, "r.yaml")


def test_a_changed_variable_that_a_step_read_has_the_command_run_as_ever(
    world: World, python: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _append(
        world.folder / "steps.py",
        "\n@step(outputs='city')\ndef city(*, ctx):\n    return ctx.env('CITY')\n",
    )
    world.recipe("[city]")
    monkeypatch.setenv("CITY", "Porto")
    modules_of(python, "r.yaml")
    assert "click" not in modules_of(python, "r.yaml")
    monkeypatch.setenv("CITY", "Braga")
    assert "click" in modules_of(python, "r.yaml")


WITH_A_GPU = """
import os
import subprocess
import sys
listdir = os.listdir
os.listdir = lambda path=".": ["nvidia-stand-in"] if path == "/dev" else listdir(path)
"""


def test_a_device_that_comes_or_goes_has_the_command_run_as_ever(
    world: World, python: Callable[..., str]
) -> None:
    world.recipe("[one]")
    plain = LOADED.format(arguments=["r.yaml"])
    for script in (plain, WITH_A_GPU + plain, plain):
        assert "click" in python(script).split()
    assert "click" not in python(plain).split()


def test_a_change_within_the_clocks_step_is_seen(world: World, python: Callable[..., str]) -> None:
    world.recipe("[{read: {file: t.txt}}]")
    text = world.folder / "t.txt"
    just_now = time.time_ns() + 10_000_000_000  # however long the first run takes
    for content in ("a", "b"):
        text.write_text(content)
        os.utime(text, ns=(just_now, just_now))
        assert "click" in modules_of(python, "r.yaml")
    assert "click" not in modules_of(python, "r.yaml")


def digests_in(note: Path) -> list[str]:
    """The digests of the files whose stamps cannot tell yet."""
    text = note.read_text().partition("\n")[2]
    return [digest for _, _, digest in json.loads(text)["files"] if digest]


def test_files_that_have_settled_are_known_by_their_stamps(
    world: World, python: Callable[..., str]
) -> None:
    world.recipe("[one, {write: {to: out.txt}}]")
    modules_of(python, "r.yaml")
    (note,) = Path(".flowrun/store/replays").iterdir()
    assert digests_in(note)
    time.sleep(1.1)
    modules_of(python, "r.yaml")
    assert not digests_in(note)
    assert "click" not in modules_of(python, "r.yaml")


@pytest.mark.parametrize(
    "steps", ["[one, tell]", "[one, {fail_at: {}}]"], ids=["acts outside", "fails"]
)
def test_what_must_run_each_time_is_never_answered_from_a_note(
    world: World, flowrun: Flowrun, steps: str
) -> None:
    _append(
        world.folder / "steps.py", "\n@step(outputs=())\ndef fail_at(x):\n    raise ValueError\n"
    )
    world.recipe(steps)
    flowrun("r.yaml")
    assert not Path(".flowrun/store/replays").exists()


def test_a_listener_of_another_plugin_hears_of_every_run(world: World, flowrun: Flowrun) -> None:
    (world.folder / "listener.py").write_text(
        "from flowrun import hookimpl\n\n@hookimpl\ndef flowrun_step_kept(result):\n"
        "    print('heard', result.id)\n"
    )
    world.recipe("[one]")
    for _ in range(2):
        done = flowrun("r.yaml", "-p", "listener.py")
    assert "heard one" in done.stdout


def test_fresh_forgets_the_notes_and_is_never_answered_from_one(
    world: World, flowrun: Flowrun
) -> None:
    world.recipe("[one]")
    flowrun("r.yaml")
    for _ in range(2):
        assert "kept" not in flowrun("r.yaml", "--fresh").stdout
    assert not Path(".flowrun/store/replays").exists()


def test_a_home_that_cannot_be_written_has_the_command_run_as_ever(
    world: World, flowrun: Flowrun
) -> None:
    world.recipe("[one]")
    flowrun("r.yaml")
    runs = Path(".flowrun/runs")
    runs.rename(".flowrun/elsewhere")
    runs.write_text("in the way")
    done = flowrun("r.yaml")
    assert (done.returncode, "x 1" in done.stdout) == (0, True)
    assert "not everything could be kept" in done.stderr


_EDITED = {
    "steps.py": "import subprocess\nfrom flowrun import step\nimport helper\nK = 1\n\n"
    "@step(outputs='y')\ndef measure(*, k: int = 1) -> list[int]:\n"
    "    subprocess.run(['cp', '-r', 'new/.', '.'], check=True)\n    return [K, helper.K, k]\n",
    "helper.py": "K = 1\n",
    "r.yaml": "recipe: r\nplugins: [./steps.py]\nsteps:\n  - measure: {k: 1}\n",
}


@pytest.mark.parametrize(
    ("edited", "old", "new"),
    [("steps.py", "K = 1", "K = 2"), ("helper.py", "1", "2"), ("r.yaml", "k: 1", "k: 2")],
)
def test_an_edit_while_the_command_runs_is_seen_by_the_next(
    edited: str, old: str, new: str, write: Callable[[str, str], Path], flowrun: Flowrun
) -> None:
    for name, text in _EDITED.items():
        write(name, text)
    write(f"new/{edited}", _EDITED[edited].replace(old, new))
    first, again = flowrun("r.yaml"), flowrun("r.yaml")
    assert "y [1, 1, 1]" in first.stdout
    assert "y [1, 1, 1]" not in again.stdout


def test_a_plugin_that_was_removed_while_the_command_ran_is_missed_by_the_next(
    write: Callable[[str, str], Path], flowrun: Flowrun
) -> None:
    write("steps.py", "import os\nfrom flowrun import step\n\n@step(outputs='y')\n"
          "def measure() -> int:\n    os.remove('steps.py')\n    return 1\n")  # fmt: skip
    write("r.yaml", "recipe: r\nplugins: [./steps.py]\nsteps: [measure]\n")
    assert flowrun("r.yaml").returncode == 0
    assert "the plugin file steps.py is not there" in flowrun("r.yaml").stderr


_PLANNED = {
    "steps.py": "import os\nfrom pathlib import Path\nfrom flowrun import OptionError, step\n\n"
    "@step(outputs='x')\ndef give() -> int:\n    return 1\n\n"
    "@step(outputs='y', inputs=lambda options: Path('names').read_text().split())\n"
    "def measure(named, *, k: int = 15) -> int:\n    return len(named)\n\n"
    "@measure.check_options\ndef _check(options):\n    if 'STRICT' in os.environ:\n"
    "        raise OptionError('too strict', option=('k',))\n",
    "r.yaml": "recipe: r\nplugins: [./steps.py]\nsteps:\n  - give\n  - measure\n",
}


def test_what_functions_of_options_look_at_is_looked_at_each_time(
    write: Callable[[str, str], Path], flowrun: Flowrun
) -> None:
    for name, text in _PLANNED.items():
        write(name, text)
    names = write("names", "")
    assert "y 0" in flowrun("r.yaml").stdout
    assert "y 0  kept" in flowrun("r.yaml").stdout
    assert "too strict" in flowrun("r.yaml", STRICT="1").stderr
    names.write_text("x")
    assert "y 1" in flowrun("r.yaml").stdout


_LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))
from flowrun.cli.start import main
main()
"""


def test_a_disk_too_full_for_the_tables_is_said_once(
    write: Callable[[str, str], Path], tmp_path: Path
) -> None:
    for name, text in _PLANNED.items():
        write(name, text)
    write("names", "x")
    for _ in range(2):
        done = processes.run(["-c", _LIMITED, "r.yaml"], cwd=tmp_path, fresh=True)
        assert done.returncode == 0, done.stderr
        assert "y 1" in done.stdout
        assert done.stderr.count("warning:") == 1
        assert "records.sqlite" in done.stderr
        assert not Path(".flowrun/store/aside").exists()


PLAIN = "recipe: {name}\nsteps: [{{compute: {{total: '{value} * 1.0'}}}}]\n"


@pytest.mark.parametrize("kind", ["link", "extends", "plugin", "folder", "stdin", "pipe"])
def test_a_link_that_leads_elsewhere_by_now_is_followed(kind: str, tmp_path: Path) -> None:
    for number in (1, 2):
        folder = tmp_path / f"v{number}"
        folder.mkdir()
        (folder / "r.yaml").write_text(PLAIN.format(name=f"r{number}", value=number))
        step = f"@step(outputs='total')\ndef give():\n    return {number}.0\n"
        (folder / "steps.py").write_text(f"from flowrun import step\n\n{step}")
    (tmp_path / "child.yaml").write_text("recipe: child\nextends: link.yaml\n")
    steps = {"plugin": "./link.py", "folder": "./link/steps.py"}.get(kind, "./v1/steps.py")
    (tmp_path / "own.yaml").write_text(f"recipe: own\nplugins: [{steps}]\nsteps: [give]\n")
    names = {"link": "link.yaml", "extends": "child.yaml", "plugin": "own.yaml"}
    name = {**names, "folder": "own.yaml"}.get(kind, "/dev/stdin")
    for number in (1, 1, 2):
        for link, target in (("link.yaml", "r.yaml"), ("link.py", "steps.py"), ("link", "")):
            (tmp_path / link).unlink(missing_ok=True)
            (tmp_path / link).symlink_to(tmp_path / f"v{number}" / target)
        recipe = tmp_path / f"v{number}" / "r.yaml"
        given = recipe.read_text() if kind == "pipe" else None
        with recipe.open() as file:
            done = subprocess.run(
                [sys.executable, "-m", "flowrun", name], cwd=tmp_path, text=True, check=True,
                capture_output=True, **({"input": given} if given else {"stdin": file}),
            )  # fmt: skip
        assert f"total {number}" in done.stdout
