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


def test_imports_keep_to_the_contracts() -> None:
    """The rooms and what each may import stand in pyproject.toml, for import-linter."""
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as main; main()",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_of_the_built_in_plugin_belongs_to_all_that_the_plugin_has() -> None:
    """A plugin's own `__init__` names all of it, so a step that had it would change with it."""
    of_hooks = {ROOT / "plugins" / "flowrun_tables" / "__init__.py"}  # no step has it
    whole = {"flowrun_tensors", "flowrun_tables"}
    assert not [path for path in {*BUILT_IN} - of_hooks if whole & imported(path)]


def test_a_file_stays_under_400_lines() -> None:
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in [*CORE, *BUILT_IN]
    }
    assert not {path: lines for path, lines in lengths.items() if lines > 400}


def test_the_top_of_the_framework_holds_its_rooms_alone() -> None:
    names = {path.name for path in (ROOT / "framework" / "flowrun").iterdir()}
    rooms = names - {"__init__.py", "__init__.pyi", "__main__.py", "py.typed", "__pycache__"}
    assert len(rooms) <= 14


def modules_after(code: str) -> set[str]:
    """The top-level modules loaded in a fresh Python that has run `code`."""
    script = f"{code}\nimport sys; print(*(m for m in sys.modules if '.' not in m))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


HEAVY = {"torch", "numpy", "polars", "rich", "pooch", "requests", "safetensors"}


@pytest.mark.parametrize(
    "arguments", [["--help"], ["steps"], ["steps", "gd_train"], ["plugins"], ["examples"]], ids=str
)
def test_a_command_that_runs_nothing_leaves_heavy_libraries_unloaded(arguments: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['flowrun', *{arguments!r}]\n"
        "from flowrun.cli.main import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code"
    )
    assert not modules_after(code) & HEAVY


def test_planning_the_shipped_recipes_leaves_heavy_libraries_unloaded() -> None:
    paths = [str(path) for path in RECIPES if "\nplugins:" not in path.read_text()]
    code = (
        "import sys, flowrun\n"
        f"for path in {paths!r}:\n"
        "    assert flowrun.plan(path).steps, path\n"
        f"    assert not {HEAVY!r} & set(sys.modules), path"
    )
    assert not modules_after(code) & HEAVY


SLOW = {"difflib", "hashlib", "unicodedata"}


def test_planning_leaves_what_only_a_mistake_or_one_command_needs_unloaded() -> None:
    path = ROOT / "recipes" / "red_linear.yaml"
    code = (
        "import sys, flowrun, flowrun.cli.main\n"
        f"assert flowrun.plan({str(path)!r}).steps\n"
        "assert 'flowrun.cli.run' not in sys.modules"
    )
    assert not modules_after(code) & SLOW
