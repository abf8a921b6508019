"""A plugin's file that imports its neighbours by `from . import`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

STEP = """
from flowrun import step
from {place} import {name}

@step(outputs="n")
def three():
    '''Give the value of a module beside this one.'''
    return {name}.VALUE
"""


@pytest.fixture
def recipe(write: Write) -> Path:
    return write("r.yaml", "recipe: r\nplugins: [./pkg/sub/mine.py]\nsteps: [three]\n")


@pytest.mark.parametrize(("place", "helper"), [(".", "pkg/sub/helper.py"), ("..", "pkg/helper.py")])
def test_it_is_a_module_of_its_package_and_what_it_imports_counts(
    flowrun: Flowrun, write: Write, recipe: Path, place: str, helper: str
) -> None:
    for name in ("pkg/__init__.py", "pkg/sub/__init__.py"):
        write(name, "")
    write(helper, "VALUE = 3\n")
    write("pkg/sub/mine.py", STEP.format(place=place, name="helper"))
    assert "n 3" in flowrun(recipe).stdout
    assert "kept" in flowrun(recipe).stdout
    write(helper, "VALUE = 4\n")
    assert f"code changed in {helper}:1" in flowrun("explain", recipe).stdout
    assert "n 4" in flowrun(recipe).stdout


def test_two_packages_of_one_name_are_kept_apart(flowrun: Flowrun, write: Write) -> None:
    for folder, value in (("a", 3), ("b", 4)):
        write(f"{folder}/pkg/__init__.py", "")
        write(f"{folder}/pkg/helper.py", f"VALUE = {value}\n")
        write(f"{folder}/pkg/mine.py", STEP.format(place=".", name="helper"))
        write(f"{folder}/r.yaml", "recipe: r\nplugins: [./pkg/mine.py]\nsteps: [three]\n")
    done = flowrun("a/r.yaml", "b/r.yaml")
    assert [line.split()[2] for line in done.stdout.splitlines() if "three" in line] == ["3", "4"]


def test_a_file_in_a_package_may_import_a_neighbour_by_its_name(
    flowrun: Flowrun, write: Write, recipe: Path
) -> None:
    write("pkg/sub/__init__.py", "")
    write("pkg/sub/helper.py", "VALUE = 3\n")
    write("pkg/sub/mine.py", STEP.format(place="types", name="SimpleNamespace").replace(
        "SimpleNamespace.VALUE", "__import__('helper').VALUE"))  # fmt: skip
    assert "n 3" in flowrun(recipe).stdout


def test_outside_a_package_the_message_says_what_to_do(
    flowrun: Flowrun, write: Write, recipe: Path
) -> None:
    write("pkg/sub/helper.py", "VALUE = 3\n")
    write("pkg/sub/mine.py", STEP.format(place=".", name="helper"))
    done = flowrun(recipe)
    assert done.returncode == 2
    assert "r.yaml:2:11: the plugin `pkg/sub/mine.py`" in done.stderr
    assert "(pkg/sub/mine.py:3)" in done.stderr
    assert "put an `__init__.py` beside the file, or import a file beside it by its name" in (
        done.stderr
    )
