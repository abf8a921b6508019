"""Regressions: small edits that make a copy of the built-in plugin wrong."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
PLUGIN = ROOT / "plugins" / "flowrun_tensors"
RECIPES = ROOT / "recipes"


class Regression(NamedTuple):
    """A mistake in the built-in plugin, and the expectation of a shipped recipe that notices it.

    mistake: what is wrong. file: below the plugin's folder. old, new: the text that is replaced,
    which stands there once. caught_by: a path below `recipes`, without suffix. at: the path of the
    expectation that is not met, or the id of the step that fails.
    """

    mistake: str
    file: str
    old: str
    new: str
    caught_by: str
    at: str


def copied(folder: Path) -> Path:
    """Copy the plugin and the shipped recipes, some of which write beside them; gives `folder`."""
    # With what Python has compiled of it: only the file that is edited is compiled again.
    shutil.copytree(PLUGIN, folder / "plugins" / PLUGIN.name)
    unwanted = shutil.ignore_patterns("out", ".flowrun", "__init__.py", "__pycache__")
    shutil.copytree(RECIPES, folder / "recipes", ignore=unwanted)
    return folder


def plant(regression: Regression, folder: Path) -> None:
    """Edit the copy in `folder`; raises ValueError where the old text is not there once."""
    path = folder / "plugins" / PLUGIN.name / regression.file
    text = path.read_text(encoding="utf-8")
    if (count := text.count(regression.old)) != 1:
        raise ValueError(
            f"{regression.mistake}: what is to be replaced stands {count} times in "
            f"{regression.file}, and not once; plant the mistake in the code that is there now"
        )
    path.write_text(text.replace(regression.old, regression.new), encoding="utf-8")
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        compiled.unlink()


def shipped() -> list[str]:
    """Every shipped recipe, as its path below `recipes` without suffix."""
    names = [
        path.relative_to(RECIPES).with_suffix("").as_posix() for path in RECIPES.rglob("*.yaml")
    ]
    # `predict_red` loads what `red_linear` has saved.
    return sorted(names, key=lambda name: (name == "predict_red", name))
