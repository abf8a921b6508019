"""`flowrun test`: recipes alone, through pytest, with flowrun's exit codes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Flowrun
from tests.core.testing.recipes.conftest import GOOD, STEPS

Write = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def _steps(write: Write) -> None:
    write("steps.py", STEPS)


def test_it_tests_the_recipes_below_the_current_folder_and_nothing_else(
    write: Write, flowrun: Flowrun
) -> None:
    write("pyproject.toml", "[tool.pytest.ini_options]\ntestpaths = ['tests']\n")
    write("tests/test_no.py", "def test_no():\n    assert False\n")
    write("deep/er/good.yaml", GOOD.replace("./steps", "../../steps"))
    done = flowrun("test")
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
    assert "failed" not in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("0.6", "0.45", 1),
        ("- give", "- gvie", 2),
        ("steps:", "steps: [", 2),
        ("expect:", "  - break_down\nexpect:", 3),
    ],
    ids=["not met", "unknown step", "no YAML", "failed step"],
)
def test_its_exit_code_is_that_of_flowrun_itself(
    old: str, new: str, code: int, write: Write, flowrun: Flowrun
) -> None:
    write("good.yaml", GOOD)
    write("other.yaml", GOOD.replace(old, new))
    assert flowrun("other.yaml").returncode == code
    done = flowrun("test")
    assert done.returncode == code
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("ci", ["", "1"], ids=["at a desk", "in CI"])
def test_a_failure_has_one_line_in_the_summary(ci: str, write: Write, flowrun: Flowrun) -> None:
    write("good.yaml", GOOD.replace("0.6", "0.45"))
    *_, title, failure, total = flowrun("test", CI=ci, BUILD_NUMBER="").stdout.splitlines()
    assert "short test summary" in title
    assert failure.startswith("FAILED good.yaml::value.mae - ")
    assert total.startswith("1 failed, 1 passed")


@pytest.mark.parametrize("arguments", [["none.yaml"], ["-k", "none"], ["--no-such-option"], []])
def test_nothing_to_test_is_as_bad_as_a_bad_recipe(
    arguments: list[str], write: Write, flowrun: Flowrun
) -> None:
    if arguments:
        write("good.yaml", GOOD)
    assert flowrun("test", *arguments).returncode == 2


def test_every_option_of_pytest_may_be_given(write: Write, flowrun: Flowrun) -> None:
    write("a.yaml", GOOD)
    write("b.yaml", GOOD.replace("recipe: good", "recipe: b\ntags: slow"))
    done = flowrun("test", "-m", "not slow", "-v", "a.yaml", "b.yaml", "-n", "2")
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
    done = flowrun("test", "-x", "-k", "mae", "--junitxml=report.xml")
    assert "2 passed, 2 deselected" in done.stdout
    assert Path("report.xml").is_file()


def test_how_recipes_are_run_can_be_told(write: Write, flowrun: Flowrun) -> None:
    write("good.yaml", GOOD)
    for _ in range(2):
        assert flowrun("test", "--fresh").returncode == 0
    assert Path(os.environ["CALLS"]).read_text().count("give") == 2
    assert "needs xpu" in flowrun("test", "--device", "xpu").stdout
    write("wine.yaml", "recipe: w\nsteps: [load: {source: wine-red}]\n")
    assert "1 skipped" in flowrun("test", "--no-standin", "wine.yaml").stdout


def test_without_pytest_it_says_what_to_install(write: Write, flowrun: Flowrun) -> None:
    write("good.yaml", GOOD)
    write(
        "sitecustomize.py",
        "import importlib.util as util\nfind = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'pytest' else find(name, *more)\n",
    )
    done = flowrun("test", PYTHONPATH=str(Path.cwd()))
    assert done.returncode == 2
    assert "pip install 'flowrun-recipes[pytest]'" in done.stderr
