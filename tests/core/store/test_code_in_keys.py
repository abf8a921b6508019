"""What of a step's code is in its key: names, whole modules, whole packages, Python, options."""

from __future__ import annotations

import sqlite3
import sys
from collections import namedtuple
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Flowrun
from tests.core.store.conftest import World

STEP = "from flowrun import step\n{top}\n\n@step(outputs='x')\ndef measure():\n    return {value}\n"
HELPER = "def reached():\n    return 1\n\ndef beside():\n    return 1\n"
Write = Callable[[str, str], Path]
Version = namedtuple("Version", "major minor micro releaselevel serial")


def is_kept(world: World) -> bool:
    """Whether a run keeps its only step."""
    (step,) = world.run()[0].record["steps"]
    return step["kept"] is not None


def is_kept_with(packages: Path, flowrun: Flowrun) -> bool:
    """Whether a run in a process that has these packages on its path keeps its only step."""
    done = flowrun("r.yaml", PYTHONPATH=str(packages))
    assert done.returncode == 0, done.stderr
    return "kept" in done.stdout.splitlines()[1]


def change(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def write_package(folder: Path, name: str, modules: int) -> Path:
    """A package on the path with one step, which imports none of its other modules."""
    package = folder / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(STEP.format(top="", value=1))
    for number in range(modules - 1):
        (package / f"m{number}.py").write_text("LEVEL = 1\n")
    return package


def test_the_name_of_a_step_belongs_to_its_key(world: World) -> None:
    world.recipe("[one]")
    assert (is_kept(world), is_kept(world)) == (False, True)
    change(world.folder / "steps.py", "def one(", "def uno(")
    world.recipe("[uno]")
    assert not is_kept(world)


@pytest.mark.parametrize(
    ("top", "value"),
    [
        ("import helper", "helper.reached()"),
        ("from helper import *", "reached()"),
        ("from helper import reached", "exec('reached()') or 1"),
        ("from helper import reached", "globals()['reached']()"),
    ],
    ids=["shown", "import *", "exec", "globals()"],
)
def test_all_of_a_module_counts_if_the_text_does_not_show_what_is_reached(
    world: World, top: str, value: str
) -> None:
    helper, steps = world.folder / "helper.py", world.folder / "steps.py"
    helper.write_text(HELPER)
    steps.write_text(f"{STEP.format(top=top, value=value)}\ndef unused():\n    return 1\n")
    world.recipe("[measure]")
    assert (is_kept(world), is_kept(world)) == (False, True)
    module, name = (helper, "beside") if "*" in top else (steps, "unused")
    change(module, f"def {name}():\n    return 1", f"def {name}():\n    return 2")
    assert is_kept(world) is (top == "import helper")


def test_all_modules_of_an_installed_plugin_count(world: World, flowrun: Flowrun) -> None:
    packages = world.folder / "site-packages"
    package = write_package(packages, "greeting", modules=2)
    world.path.write_text("recipe: r\nplugins: [greeting]\nsteps: [measure]\n")
    assert [is_kept_with(packages, flowrun) for _ in range(2)] == [False, True]
    change(package / "m0.py", "1", "2")
    assert not is_kept_with(packages, flowrun)


@pytest.mark.parametrize("modules", [50, 51])
def test_all_modules_of_a_package_of_more_than_50_in_another_folder_count(
    world: World, flowrun: Flowrun, modules: int
) -> None:
    packages = world.folder / "lib"
    package = write_package(packages, "large", modules)
    steps = world.folder / "steps.py"
    steps.write_text(STEP.format(top="import large.m0", value="large.m0.LEVEL"))
    world.recipe("[measure]")
    assert [is_kept_with(packages, flowrun) for _ in range(2)] == [False, True]
    change(package / "m7.py", "1", "2")
    assert is_kept_with(packages, flowrun) is (modules == 50)


def test_the_version_of_python_belongs_to_every_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.recipe("[one]")
    world.called()
    with monkeypatch.context() as other:
        later = Version(3, sys.version_info.minor + 1, 0, "final", 0)
        other.setattr("flowrun.store.step_records.sys.version_info", later)
        assert world.called() == ["one"]
    assert world.called() == []


def test_an_option_counts_as_it_is_converted(world: World) -> None:
    world.recipe("[{one: {value: 1000}}]")
    assert world.called() == ["one"]
    world.recipe("[{one: {value: 1e3}}]")
    assert world.called() == []
    world.recipe("[{one: {value: 1}}]")
    assert world.called() == ["one"]
    world.recipe("[one]")
    assert world.called() == []


def test_a_damaged_note_of_a_modules_syntax_is_made_anew(flowrun: Flowrun, write: Write) -> None:
    """It says which definitions a step reaches: a name less would hide a dependency for good."""
    write("helper.py", HELPER)
    top, value = "from helper import reached", "reached()"
    write("steps.py", STEP.format(top=top, value=value))
    write("r.yaml", "recipe: r\nplugins: [./steps.py]\nsteps: [measure]\n")
    assert flowrun("r.yaml").returncode == 0
    with closing(sqlite3.connect(".flowrun/store/records.sqlite")) as database, database:
        rows = database.execute("select digest, syntax from modules").fetchall()
        hidden = [(syntax.replace(b"reached", b"beside\xa5"), digest) for digest, syntax in rows]
        assert any(one != other for (one, _), (_, other) in zip(hidden, rows, strict=True))
        database.executemany("update modules set syntax = ? where digest = ?", hidden)
    change(Path("helper.py"), "return 1\n\ndef beside", "return 2\n\ndef beside")
    done = flowrun("r.yaml")
    assert done.returncode == 0, done.stderr
    assert "x 2" in done.stdout


def test_a_result_of_a_module_that_changed_before_the_step_imported_it_is_not_kept(
    world: World,
) -> None:
    helper = world.folder / "helper.py"
    helper.write_text("N = 10\n")
    late = f"Path({str(helper)!r}).write_text('N = 20\\n')\n    import helper"
    text = STEP.format(top="from pathlib import Path", value="helper.N")
    (world.folder / "steps.py").write_text(text.replace("    return", f"    {late}\n    return"))
    world.recipe("[measure]")
    result, _ = world.run()
    assert "helper.py changed while the step ran; its result is not kept" in str(result.record)
    assert (is_kept(world), is_kept(world)) == (False, True)


CODEC = """from fractions import Fraction
from flowrun import Codec, Summary, hookimpl, step

__version__ = "1"

@step(outputs="x")
def measure():
    return Fraction(100)

@hookimpl
def flowrun_codecs():
    return [Codec(
        type=Fraction,
        summary=lambda value: Summary(type="fraction"),
        plain=lambda value: float(value) / 10,
        pack=lambda value: value.numerator,
        unpack=Fraction,
    )]
"""


def test_the_version_of_a_plugin_that_gives_codecs_belongs_to_every_key(
    world: World, flowrun: Flowrun
) -> None:
    packages = world.folder / "site-packages"
    package = write_package(packages, "ratios", modules=1)
    (package / "__init__.py").write_text(CODEC)
    (world.folder / "steps.py").write_text(STEP.format(top="", value=1).replace("measure", "own"))
    world.path.write_text("recipe: r\nplugins: [ratios, ./steps.py]\nsteps: [own]\n")
    assert [is_kept_with(packages, flowrun) for _ in range(2)] == [False, True]
    change(package / "__init__.py", '"1"', '"2.0"')
    assert not is_kept_with(packages, flowrun)


def test_a_codecs_plain_values_belong_to_the_key_of_an_expectation(world: World) -> None:
    steps = world.folder / "steps.py"
    steps.write_text(CODEC)
    world.recipe("[{measure: {}, cache: true}]", "expect: {x: {above: 5}}")
    assert [world.run()[0].record["status"] for _ in range(2)] == ["ok", "ok"]
    change(steps, "/ 10", "/ 1000")
    assert world.run()[0].record["status"] == "unmet"
