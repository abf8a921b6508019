"""Which definitions of which modules belong to a step's code, and which do not."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

import flowrun
from flowrun.store.closure import Code
from flowrun.store.store import Store

STEPS = '''
import os
import near
import pack.inner
import numpy
from pack import deep, CONSTANT
from pack.deep import used as borrowed
from spread import *
from flowrun import step

LIMIT = 1
OTHER = 1

def helper(x):
    return x + LIMIT

def beside(x):
    return x + OTHER

@step(outputs="x")
def measure():
    """Measure."""
    return helper(near.reached(1)) + pack.inner.reached(CONSTANT) + deep.used() + borrowed()

@step(outputs="y")
def other():
    return beside(1)
'''
FILES = {
    "steps.py": STEPS,
    "near.py": "import far\n\ndef reached(x):\n    return far.value\n\ndef idle():\n    return 1\n",
    "far.py": "value = 1\nunused = 1\n",
    "spread.py": "spread = 1\n",
    "pack/__init__.py": "CONSTANT = 1\nIDLE = 1\nprint\n",
    "pack/inner.py": "def reached(x):\n    return x\n\ndef beside():\n    return 1\n",
    "pack/deep.py": "from . import lower\n\ndef used():\n    return lower.low()\n\n\nidle = 1\n",
    "pack/lower.py": "def low():\n    return 1\n\n\nidle = 1\n",
    "unrelated.py": "x = 1\n",
}
_folders = count()


def code(**edits: tuple[str, str]) -> Code:
    """The code of the step `measure` in a folder of its own; edits: by file, old and new text."""
    folder = Path(f"project{next(_folders)}")
    for name, text in FILES.items():
        old, new = edits.get(name.replace("/", "__").removesuffix(".py"), ("", ""))
        assert old in text
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(old, new) if old else text)
    recipe = folder / "r.yaml"
    recipe.write_text("recipe: r\nplugins: [./steps.py]\nsteps: [measure]\n")
    plan = flowrun.plan(recipe)
    store = Store(Path("home"), lambda text: None)
    try:
        (planned,) = plan.steps
        return store.code.of_step(planned.step, plan.registry.plugins[planned.plugin])
    finally:
        store.close()


def test_the_modules_are_those_that_are_imported_and_packages_have_versions() -> None:
    found = code()
    assert set(found.modules) == {
        "steps", "near", "far", "spread", "pack", "pack.inner", "pack.deep", "pack.lower",
    }  # fmt: skip
    assert set(found.packages) == {"numpy", "flowrun"}
    assert {path.name for path in found.paths.values()} == {
        "steps.py", "near.py", "far.py", "spread.py", "__init__.py", "inner.py", "deep.py",
        "lower.py",
    }  # fmt: skip
    assert not found.is_blind


@pytest.mark.parametrize(
    ("file", "old", "new", "module"),
    [
        ("steps", "LIMIT = 1", "LIMIT = 2", "steps"),
        ("steps", "x + LIMIT", "x - LIMIT", "steps"),
        ("steps", "import near\n", "import near\nprint(1)\n", "steps"),
        ("near", "return far.value", "return -far.value", "near"),
        ("far", "value = 1", "value = 2", "far"),
        ("pack____init__", "CONSTANT = 1", "CONSTANT = 2", "pack"),
        ("pack____init__", "print\n", "print()\n", "pack"),
        ("pack__inner", "return x", "return -x", "pack.inner"),
        ("pack__deep", "lower.low()", "lower.low() + 1", "pack.deep"),
        ("pack__lower", "return 1", "return 2", "pack.lower"),
    ],
)
def test_an_edit_of_what_is_reached_changes_the_digest_of_its_module(
    file: str, old: str, new: str, module: str
) -> None:
    before, after = code(), code(**{file: (old, new)})
    changed = {name for name, digest in after.modules.items() if before.modules[name] != digest}
    assert changed == {module}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("steps", "OTHER = 1", "OTHER = 2"),
        ("steps", "x + OTHER", "x - OTHER"),
        ("steps", '"""Measure."""', '"""Count."""'),
        ("steps", "beside(1)", "beside(2)"),
        ("near", "return 1", "return 2"),
        ("far", "unused = 1", "unused = 2"),
        ("pack____init__", "IDLE = 1", "IDLE = 2"),
        ("pack__inner", "return 1", "return 2"),
        ("pack__deep", "idle = 1", "idle = 2"),
        ("pack__lower", "idle = 1", "idle = 2"),
        ("unrelated", "x = 1", "x = 2"),
    ],
)
def test_an_edit_of_anything_else_changes_none(file: str, old: str, new: str) -> None:
    assert code(**{file: (old, new)}).modules == code().modules


@pytest.mark.parametrize("used", ["eval('1')", "unknown", "globals()"])
def test_all_of_each_module_counts_if_the_text_does_not_show_what_is_used(used: str) -> None:
    blind = ("helper(near", f"{used} + helper(near")
    before = code(steps=blind)
    assert before.is_blind
    for file, old, new in (("near", "return 1", "return 2"), ("spread", "= 1", "= 2")):
        assert code(steps=blind, **{file: (old, new)}).modules != before.modules


def test_a_module_that_is_not_there_is_awaited() -> None:
    line = ("import numpy\n", "try: import no_such_module_of_anybody\nexcept ImportError: pass\n")
    found = code(steps=line)
    assert found.packages["no_such_module_of_anybody"] == "not installed"


def test_a_module_that_asks_for_its_own_file_depends_on_its_folder() -> None:
    found = code(near=("return far.value", "return __file__"))
    (place,) = [name for name in found.packages if name.startswith("folder of")]
    assert place == "folder of near"
    assert found.packages[place] == str(found.paths["near"].parent)
