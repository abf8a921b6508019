"""Pythons without flowrun, in which scripts are run, and their values beside those of runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import torch

import flowrun
from flowrun_tensors.exporting import Exported, export_plan
from tests import processes
from tests.campaigns.installation.test_installed import needed_by
from tests.processes import Home

RECIPES = Path(__file__).parents[3] / "recipes"

# Runs scripts in one process, and saves those of their variables that are asked for.
DRIVER = """
import json, os, runpy, sys, torch
values = {}
for script, names in json.load(open(sys.argv[2])).items():
    sys.path[0] = os.path.dirname(script)  # as of a script that Python is given
    found = runpy.run_path(script)
    values[script] = {name: found[own] for name, own in names.items() if own in found}
    torch.set_default_dtype(torch.float32)
torch.save(values, sys.argv[1])
"""


class Python:
    """A Python with torch and the libraries named, of those that are installed here; no others."""

    def __init__(self, folder: Path, *libraries: str) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self._folder = folder
        self._home = Home(str(folder / "bin" / "python"), ("torch", *libraries))
        site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
        for library in ("torch", *libraries):
            own = distribution(library)
            for needed in (own, *needed_by(own, {}).values()):
                tops = {file.parts[0] for file in needed.files or [] if file.parts[0] != ".."}
                for top in tops - {"__pycache__"}:
                    if not (site / top).exists():
                        (site / top).symlink_to(Path(str(needed.locate_file(top))).resolve())

    def __call__(
        self, *arguments: str | Path, fresh: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run it in a process forked from one with torch; `fresh=True`: as a person types it."""
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        command = ["-W", "error::SyntaxWarning", *arguments]
        return processes.run(command, env=environment, fresh=fresh, home=self._home)

    def values_of(self, wanted: Mapping[Path, Mapping[str, str]]) -> dict[Path, dict[str, Any]]:
        """The variables of each script, by the names that are given for them."""
        driver, asked, given = (self._folder / name for name in ("driver.py", "asked", "given"))
        driver.write_text(DRIVER)
        asked.write_text(json.dumps({str(script): dict(names) for script, names in wanted.items()}))
        done = self(driver, given, asked)
        assert done.returncode == 0, done.stderr
        return {Path(script): values for script, values in torch.load(given).items()}


def assert_same_bits(found: Any, expected: Any, where: str = "") -> None:
    """The same values, NaN included, of the same types."""
    assert type(found) is type(expected), where
    if isinstance(expected, torch.Tensor):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape), where
        left, right = (one.detach().contiguous().flatten() for one in (found, expected))
        assert torch.equal(left.view(torch.uint8), right.view(torch.uint8)), where
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key, value in expected.items():
            assert_same_bits(found[key], value, f"{where}.{key}")
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected), where
        for index, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_same_bits(one, other, f"{where}[{index}]")
    elif isinstance(expected, float):
        assert found.hex() == expected.hex(), where
    else:
        assert found == expected, where


UNREAD = {"columns", "model"}  # which a script leaves out if no step reads them


def assert_as_run(found: dict[str, Any], result: flowrun.Result, where: str = "") -> None:
    """Each value of a run is one of its script, to the last bit."""
    expected = dict(result.values)
    assert expected.keys() - found.keys() <= UNREAD, where
    for name, value in found.items():
        assert_same_bits(value, expected[name], f"{where}: {name}")


def written(made: Exported, script: Path) -> Path:
    """The script and what lies beside it, written as `-o` writes it."""
    for where, source in made.files.items():
        target = script.parent / where
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(made.text, encoding="utf-8")
    return script


def by_the_loop(recipe: Any) -> list[str]:
    """Settings by which each training of a recipe is the plain loop, as in a script."""
    steps = flowrun.load_recipe(recipe).steps
    return [f"{step.id}.engine=autograd" for step in steps if step.name == "gd_train"]


def hold_to_runs(python: Python, recipes: Mapping[str, Any], folder: Path) -> None:
    """Export recipes, run their scripts in one process, and compare each with its run."""
    asked, results = {}, {}
    for name, recipe in recipes.items():
        made = export_plan(flowrun.plan(recipe))
        script = written(made, folder / f"{name}.py")
        asked[script] = made.variables
        results[script] = flowrun.run(recipe, set=by_the_loop(recipe), record=False)
    for script, values in python.values_of(asked).items():
        assert_as_run(values, results[script], script.read_text())


def assert_reads_like_code(folder: Path) -> None:
    """ruff has nothing to say of the scripts in a folder, and would leave them as they are."""
    for arguments in (["check", "--isolated", "--select", "E,F,I,W"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--line-length", "100", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
