"""The API reference is what the code says now, and leaves nothing out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import flowrun
from flowrun import hookspecs
from flowrun_tensors import flowrun_steps

DOCS = Path(__file__).parents[3] / "docs"
HOOKS = [name for name in vars(hookspecs) if name.startswith("flowrun_")]
STEPS = [step.name for step in flowrun_steps()]


def make(docs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(docs / "make_reference.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def section(page: str, name: str) -> str:
    """What a page says of one name."""
    text = (DOCS / "reference" / page).read_text(encoding="utf-8")
    found = re.search(rf"^## `{name}`$\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found.group(1).strip() if found else ""


def test_the_committed_pages_are_current() -> None:
    done = make(DOCS, "--check")
    assert done.returncode == 0, done.stderr


def test_a_page_that_is_not_current_is_named_and_made_anew(tmp_path: Path) -> None:
    copy = tmp_path / "docs"
    copy.mkdir()
    for script in DOCS.glob("*reference*.py"):
        shutil.copy(script, copy)
    shutil.copy(DOCS / "recipes.md", copy)
    shutil.copytree(DOCS / "reference", copy / "reference")
    steps = copy / "reference" / "steps.md"
    current = steps.read_text(encoding="utf-8")
    steps.write_text(current.replace("shuffle", "scramble"), encoding="utf-8")
    recipes = copy / "recipes.md"
    language = recipes.read_text(encoding="utf-8")
    recipes.write_text(language.replace("| `seed` |", "| `sed` |"), encoding="utf-8")
    (copy / "reference" / "gone.md").write_text("# Of a version before\n", encoding="utf-8")
    done = make(copy, "--check")
    assert done.returncode == 1
    assert "docs/recipes.md, docs/reference/gone.md, docs/reference/steps.md; run" in done.stderr
    assert make(copy).returncode == 0
    assert steps.read_text(encoding="utf-8") == current
    assert recipes.read_text(encoding="utf-8") == language
    assert not (copy / "reference" / "gone.md").exists()


@pytest.mark.parametrize("name", dir(flowrun))
def test_every_public_name_is_explained(name: str) -> None:
    assert section("classes.md", name) or section("functions.md", name)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_explained(name: str) -> None:
    assert f"{name}(" in section("hooks.md", name)


@pytest.mark.parametrize("name", STEPS)
def test_every_built_in_step_is_explained(name: str) -> None:
    assert "- outputs: " in section("steps.md", name)


def test_an_option_has_its_bounds_its_default_and_its_description() -> None:
    assert "| `scale` | a number > 0 | `1.0` | Factor of the drawn numbers;" in section(
        "steps.md", "init_params"
    )
    assert "| `train` | a whole number >= 1 or a number > 0 and < 1 | required |" in section(
        "steps.md", "split"
    )
