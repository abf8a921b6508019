"""`flowrun explain`: why each step would be kept or run, the old beside the new."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import processes
from tests.conftest import Flowrun
from tests.core.store.conftest import World


def replace(name: str, old: str, new: str) -> Callable[[World], None]:
    """A change of a file of the world."""

    def change(world: World) -> None:
        path = world.folder / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return change


def remove(name: str) -> Callable[[World], None]:
    return lambda world: (world.folder / name).unlink()


STEPS = "[{read: {file: t.txt}}, one, {add: {by: 2}}, round_down, {write: {to: out.txt}}]"
REASONS: dict[str, tuple[Callable[[World], None], list[str]]] = {
    "option": (
        replace("r.yaml", "by: 2", "by: 3"),
        ["  add           to run", "option `by`: 2.0 -> 3.0",
         "  round_down    to run, unless `add` gives the same again",
         "input `x` from step `add`: option `by`: 2.0 -> 3.0"],
    ),
    "code": (
        replace("steps.py", "return x + by", "return by + x"),
        ["  add           to run", "code changed in steps.py:20",
         "  round_down    to run, unless `add` gives the same again"],
    ),
    "data": (
        replace("t.txt", "a", "b"),
        ["  read          to run", "file t.txt changed"],
    ),
    "data gone": (remove("t.txt"), ["  read          to run", "file t.txt is gone"]),
    "written gone": (remove("out.txt"), ["  write         to run", "file out.txt is gone"]),
    "written": (
        replace("out.txt", "3", "4"),
        ["  write         to run", "file out.txt changed since it wrote it"],
    ),
    "dtype": (
        replace("r.yaml", "recipe: r", "recipe: r\ndtype: float64"),
        ["dtype float32 -> float64"],
    ),
    "version": (
        replace("steps.py", '@step(outputs="text")', '@step(outputs="text", version=3)'),
        ["the step's `version`: none -> 3"],
    ),
    "another step": (
        replace("r.yaml", "round_down", "{add: {by: 1}, id: round_down}"),
        ["step `round_down` -> `add`"],
    ),
    "new step": (
        replace("r.yaml", "round_down, ", "round_down, {add: {by: 9}, id: new}, "),
        ["  new           to run", "it is new to this recipe"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REASONS)
def test_each_step_that_would_run_says_what_changed(
    world: World, flowrun: Flowrun, what: str
) -> None:
    change, shown = REASONS[what]
    (world.folder / "t.txt").write_text("a")
    world.recipe(STEPS)
    world.called()
    change(world)
    done = flowrun("explain", "r.yaml")
    assert done.returncode == 0, done.stderr
    lines = iter(done.stdout.splitlines())
    for line in shown:
        assert any(line.strip() == found.strip() for found in lines), done.stdout


def test_a_step_that_the_last_run_did_not_reach_is_not_new(world: World, flowrun: Flowrun) -> None:
    world.recipe("[{read: {file: none.txt}}, one]")
    assert flowrun("r.yaml", "--no-check").returncode == 3
    lines = flowrun("explain", "r.yaml").stdout.splitlines()
    at = lines.index("  one           to run")
    assert lines[at + 1].strip() == "the last run ended before it was done"


def test_a_run_that_ended_early_leaves_the_records_of_the_run_before(
    world: World, flowrun: Flowrun
) -> None:
    (world.folder / "t.txt").write_text("a")
    world.recipe("[{read: {file: t.txt}}, one, {add: {by: 2}}]")
    world.called()
    world.recipe("[{read: {file: none.txt}}, one, {add: {by: 2}}]")
    assert flowrun("r.yaml", "--no-check").returncode == 3
    world.recipe("[{read: {file: t.txt}}, one, {add: {by: 3}}]")
    lines = flowrun("explain", "r.yaml").stdout.splitlines()
    at = lines.index("  add           to run")
    assert lines[at + 1].strip() == "option `by`: 2.0 -> 3.0"


def test_what_is_kept_says_by_which_run_and_nothing_is_called(
    world: World, flowrun: Flowrun
) -> None:
    world.recipe("[one, add]")
    result, _ = world.run()
    done = flowrun("explain", "r.yaml")
    assert f"  one           kept, made by {result.record['id']}" in done.stdout
    assert "2 of 2 steps would be kept" in done.stdout
    assert len(list(Path(".flowrun/runs").iterdir())) == 1


def test_a_recipe_that_has_never_run_says_so(world: World, flowrun: Flowrun) -> None:
    world.recipe("[one, add]")
    done = flowrun("explain", "r.yaml")
    assert done.stdout.count("it has not run before") == 2
    assert Path(os.environ["CALLS"]).exists() is False


def test_the_seed_and_settings_of_the_command_line_are_explained(
    world: World, flowrun: Flowrun
) -> None:
    world.recipe("[draw, one]")
    world.called()
    done = flowrun("explain", "r.yaml", "--seed", "5", "--set", "one.value=3")
    assert "seed " in done.stdout
    assert "option `value`: 1.0 -> 3.0" in done.stdout


def test_it_compares_with_the_last_run_of_this_recipe(world: World, flowrun: Flowrun) -> None:
    world.recipe("[one]")
    for value in (2, 3):
        world.called(set={"one.value": value})
    (world.folder / "other.yaml").write_text(
        "recipe: other\nplugins: [./steps.py]\nsteps: [{one: {value: 4}}]\n"
    )
    assert flowrun("other.yaml").returncode == 0
    done = flowrun("explain", "r.yaml", "--set", "one.value=5")
    assert "option `value`: 3.0 -> 5.0" in done.stdout


def test_what_explain_says_is_what_a_run_does(world: World, flowrun: Flowrun) -> None:
    (world.folder / "t.txt").write_text("a")
    world.recipe(STEPS)
    world.called()
    replace("r.yaml", "by: 2", "by: 2.5")(world)
    said = flowrun("explain", "r.yaml").stdout
    assert world.called() == ["add", "round_down"]  # 3.5 is rounded to 3 again
    assert "write         to run, unless `round_down` gives the same again" in said


def test_explain_loads_no_torch(world: World) -> None:
    world.recipe("[one, {tensor: {a: [1, 2]}}, {compute: {b: a * 2}}]")
    world.called()
    script = (
        "import sys; sys.argv = ['flowrun', 'explain', 'r.yaml']\n"
        "from flowrun.cli.start import main\n"
        "try: main()\nexcept SystemExit: assert 'torch' not in sys.modules"
    )
    done = processes.run(["-c", script], fresh=True)
    assert done.returncode == 0, done.stderr
    assert "3 of 3 steps would be kept" in done.stdout


def install(folder: Path, name: str, version: str, text: str) -> None:
    """Put a module into a folder of installed packages, or another version in its place."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    for old in folder.glob(f"{name}-*.dist-info"):
        shutil.rmtree(old)
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[flowrun]\n{name} = {name}\n")


def test_another_version_of_a_plugin_or_of_an_imported_package_is_a_reason_to_run(
    world: World, flowrun: Flowrun
) -> None:
    packages = world.folder / "site-packages"
    greet = "from flowrun import step\n\n@step(outputs='hi')\ndef greet():\n    return 'hi'\n"
    steps = world.folder / "steps.py"
    steps.write_text(f"import shades\n{steps.read_text()}")
    world.recipe("[greet, one]")
    install(packages, "greeting", "1.0", greet)
    install(packages, "shades", "1.0", "")
    assert flowrun("r.yaml", PYTHONPATH=str(packages)).returncode == 0
    install(packages, "greeting", "1.1", greet)
    install(packages, "shades", "2.0", "")
    lines = [
        line.strip()
        for line in flowrun("explain", "r.yaml", PYTHONPATH=str(packages)).stdout.splitlines()
    ]
    assert lines[lines.index("greet         to run") + 1] == (
        "plugin: greeting 1.0 -> greeting 1.1"
    )
    assert lines[lines.index("one           to run") + 1] == "package shades: 1.0 -> 2.0"
