"""Every shipped recipe, those of the article among them, is a regression test that holds."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import flowrun as package
from tests.conftest import Flowrun

RECIPES = Path(__file__).parents[2] / "recipes"


def test_all_shipped_recipes_hold_as_tests(flowrun: Flowrun, tmp_path: Path) -> None:
    # A copy, as some write files. predict_red begins with what red_linear saves.
    recipes = shutil.copytree(RECIPES, tmp_path / "recipes", ignore=shutil.ignore_patterns("out"))
    done = flowrun("test", "recipes")
    assert done.returncode == 0, done.stdout + done.stderr
    count = sum(len(package.load_recipe(path).expect) for path in recipes.rglob("*.yaml"))
    counted = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", done.stdout)}
    assert counted["passed"] + counted.get("skipped", 0) == count
    for reason in re.findall(r"^SKIPPED.*?: (.*)$", done.stdout, re.MULTILINE):
        assert reason.startswith("needs "), reason
