"""Which files below a folder are recipes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from flowrun.recipes.texts import holds_recipe

# What an editor's pattern names, as it stands in the settings and as an expression.
_USUAL = {
    "recipes/**/*.yaml": re.compile(r"(.*/)?recipes/.*\.yaml"),
    "**/*.flowrun.yaml": re.compile(r".*\.flowrun\.yaml"),
}
_SKIPPED = ("node_modules", "__pycache__")


def recipe_patterns(folder: Path) -> list[str]:
    """Patterns of an editor for the recipes below a folder, those yet to be written included.

    These are the usual places, unless another kind of YAML file stands there, and the path of each
    further file that is a recipe by its text.
    """
    is_recipe = {path.relative_to(folder).as_posix(): holds_recipe(path) for path in _files(folder)}
    usual = {
        pattern: named
        for pattern, named in _USUAL.items()
        if all(found for path, found in is_recipe.items() if named.fullmatch(path))
    }
    further = (
        path
        for path, found in is_recipe.items()
        if found and not any(named.fullmatch(path) for named in usual.values())
    )
    return [*usual, *sorted(further)]


def _files(folder: Path) -> Iterator[Path]:
    """The YAML files below a folder, but for those of hidden folders and installed packages."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIPPED
            and not Path(parent, name, "pyvenv.cfg").exists()
        ]
        yield from (Path(parent, name) for name in files if name.endswith((".yaml", ".yml")))
