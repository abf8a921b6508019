"""Hooks that a plugin declares, and other plugins implement."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import flowrun
from flowrun import RecipeError
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

CELLAR = """
from flowrun import hookspec, step

class CellarHooks:
    @staticmethod
    @hookspec
    def flowrun_cellar_barrels():
        "Barrels."
        raise NotImplementedError

def flowrun_hookspecs():
    return CellarHooks

@step(outputs="litres")
def fill(*, barrel: str, ctx):
    "Fill a barrel."
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write("fill ")
    return ctx.plugins.items("flowrun_cellar_barrels")[barrel].litres()
"""

OAK = """
from dataclasses import dataclass
from collections.abc import Callable
from flowrun import hookimpl

@dataclass
class Barrel:
    name: str
    litres: Callable
    wood: str = "oak"

def large():
    return 500

@hookimpl
def flowrun_cellar_barrels():
    return [Barrel("puncheon", large)]
"""


@pytest.fixture
def recipe(write: Write) -> Path:
    write("cellar.py", CELLAR)
    write("oak.py", OAK)
    return write(
        "r.yaml",
        "recipe: r\nplugins: [./cellar.py, ./oak.py]\nsteps: [fill: {barrel: puncheon}]\n",
    )


def test_a_step_has_what_other_plugins_give(recipe: Path) -> None:
    assert flowrun.run(recipe).values["litres"] == 500


@pytest.mark.parametrize(
    ("old", "new", "calls"),
    [
        ("return 500", "return 600", 2),
        ('wood: str = "oak"', 'wood: str = "pine"', 2),
        ("", "", 1),
    ],
)
def test_what_a_step_looked_up_belongs_to_its_record(
    old: str, new: str, calls: int, recipe: Path, write: Write, flowrun: Flowrun
) -> None:
    assert flowrun(recipe).returncode == 0
    write("oak.py", OAK.replace(old, new))
    assert flowrun(recipe).returncode == 0
    assert len(Path(os.environ["CALLS"]).read_text().split()) == calls


def test_a_hook_that_nobody_declares_is_refused(recipe: Path, write: Write) -> None:
    recipe.write_text("recipe: r\nplugins: [./oak.py, ./cellar.py]\nsteps: [fill: {barrel: x}]\n")
    with pytest.raises(RecipeError, match="implements `flowrun_cellar_barrels`, which is no hook"):
        flowrun.plan(recipe)
    write("cellar.py", CELLAR.replace('items("flowrun_cellar_barrels")', 'items("flowrun_casks")'))
    recipe.write_text("recipe: r\nplugins: [./cellar.py]\nsteps: [fill: {barrel: x}]\n")
    with pytest.raises(flowrun.StepError, match=r"no loaded plugin declares .*`flowrun_casks`"):
        flowrun.run(recipe)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    @hookspec\n", "", "flowrun_hookspecs() gave no hooks"),
        ("return CellarHooks", "return 1 / 0", "ZeroDivisionError"),
        ("flowrun_cellar_barrels()", "cellar_barrels()", "must have a name that begins with"),
    ],
)
def test_a_plugin_whose_hooks_are_none_is_not_loaded(
    old: str, new: str, message: str, recipe: Path, write: Write
) -> None:
    write("cellar.py", CELLAR.replace(old, new, 1))
    with pytest.raises(RecipeError) as caught:
        flowrun.plan(recipe)
    assert message in str(caught.value)


def test_an_item_without_a_name_is_blamed_on_its_plugin(recipe: Path, write: Write) -> None:
    write("oak.py", OAK.replace('[Barrel("puncheon", large)]', "[3]"))
    with pytest.raises(flowrun.StepError, match=r"oak.py` gave 3 for flowrun_cellar_barrels"):
        flowrun.run(recipe)


def test_an_installed_plugin_may_stand_before_the_one_that_declares_its_hook(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write("cellar_mod.py", CELLAR)
    write("oak_mod.py", OAK)
    monkeypatch.syspath_prepend(tmp_path)
    write("barrels-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: barrels\nVersion: 1\n")
    write("barrels-1.dist-info/entry_points.txt", "[flowrun]\noak = oak_mod\ncellar = cellar_mod\n")
    steps = [{"fill": {"barrel": "puncheon"}}]
    assert flowrun.run({"recipe": "r", "steps": steps}, record=False).values["litres"] == 500


def test_plugins_are_listed_with_what_they_give_by_such_a_hook(
    recipe: Path, flowrun: Flowrun
) -> None:
    done = flowrun("plugins", "-p", "cellar.py", "-p", "oak.py")
    assert done.returncode == 0, done.stderr
    assert "  barrels   puncheon" in done.stdout
    assert recipe.exists()
