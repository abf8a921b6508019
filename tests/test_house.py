"""The rules of the house: who may import whom, and how long a file may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "framework").rglob("*.py"))
BUILT_IN = sorted((ROOT / "plugins").rglob("*.py"))
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))


def imported(path: Path) -> set[str]:
    """The full names of the modules a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_the_core_imports_neither_torch_nor_the_built_in_plugin(path: Path) -> None:
    roots = {name.partition(".")[0] for name in imported(path)}
    assert not roots & {"torch", "numpy", "safetensors", "flowrun_tensors"}


@pytest.mark.parametrize("path", BUILT_IN, ids=lambda path: path.name)
def test_the_built_in_plugin_uses_only_the_public_names_of_the_core(path: Path) -> None:
    assert not {name for name in imported(path) if name.startswith("flowrun.")}


@pytest.mark.parametrize("path", BUILT_IN, ids=lambda path: path.name)
def test_no_module_of_the_built_in_plugin_belongs_to_all_that_the_plugin_has(path: Path) -> None:
    """The plugin's own `__init__` names all of it, so a step that had it would change with it."""
    assert "flowrun_tensors" not in imported(path)


@pytest.mark.parametrize("path", [*CORE, *BUILT_IN], ids=lambda path: path.name)
def test_a_file_stays_under_300_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def modules_after(code: str) -> set[str]:
    """The top-level modules loaded in a fresh Python that has run `code`."""
    script = f"{code}\nimport sys; print(*(m for m in sys.modules if '.' not in m))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


HEAVY = {"torch", "numpy", "rich", "pooch", "requests", "safetensors"}


@pytest.mark.parametrize(
    "arguments", [["--help"], ["steps"], ["steps", "gd_train"], ["plugins"], ["examples"]], ids=str
)
def test_a_command_that_runs_nothing_leaves_heavy_libraries_unloaded(arguments: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['flowrun', *{arguments!r}]\n"
        "from flowrun.commands import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code"
    )
    assert not modules_after(code) & HEAVY


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_planning_a_shipped_recipe_leaves_heavy_libraries_unloaded(path: Path) -> None:
    code = f"import flowrun; assert flowrun.plan({str(path)!r}).steps"
    assert not modules_after(code) & HEAVY


SLOW = {"difflib", "hashlib", "unicodedata"}


def test_planning_leaves_what_only_a_mistake_or_one_command_needs_unloaded() -> None:
    path = ROOT / "recipes" / "red_linear.yaml"
    code = (
        "import sys, flowrun, flowrun.commands\n"
        f"assert flowrun.plan({str(path)!r}).steps\n"
        "assert 'flowrun.commands.run' not in sys.modules"
    )
    assert not modules_after(code) & SLOW
