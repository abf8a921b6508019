"""The files that a recipe's result depends on, by reading the recipe and its last run."""

from __future__ import annotations

import importlib.util
import os
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from flowrun.errors import FlowrunError
from flowrun.plugins.distributions import OWN
from flowrun.plugins.registry import Registry
from flowrun.recipes.reading import plain
from flowrun.recipes.recipe import load_recipe
from flowrun.running.record import RunRecord
from flowrun.values.files import real_path

_LONGEST_PATH = 250  # characters of an option that may be a path
_INSTALLED = tuple(
    real_path(Path(sysconfig.get_path(name))) for name in ("stdlib", "purelib", "platlib")
)


def recipe_files(
    recipe: Path, settings: tuple[str, ...], plugins: tuple[str, ...]
) -> set[Path] | None:
    """A recipe, those that it extends, and the code of the plugins that it and `plugins` name.

    None if the recipe cannot be read. Nothing is imported.
    """
    try:
        read = load_recipe(recipe, settings)
    except FlowrunError:
        return None
    sources = {real_path(recipe)}
    sources |= {parent.path for parent in read.parents if parent.path is not None}
    named = [(scalar.text, scalar.mark.source.folder) for scalar in read.plugins]
    for name, folder in [*named, *((name, Path.cwd()) for name in plugins)]:
        sources |= _plugin_files(name, folder)
    return sources


def installed_code(registry: Registry) -> set[Path]:
    """The code of plugins that are installed as editable (pip install --editable).

    The built-in plugin is not among them: who works on flowrun itself starts `watch` again.
    """
    files = (
        getattr(plugin.module, "__file__", None)
        for plugin in registry.plugins.values()
        if plugin.origin != f"installed by {OWN}"
    )
    found: set[Path] = set()
    for file in files:
        path = real_path(Path(file)) if file is not None else None
        if path is not None and not any(place in path.parents for place in _INSTALLED):
            found |= _code_beside(path)
    return found


def named_files(recipe: Path, settings: tuple[str, ...]) -> set[Path]:
    """The files, there or not, that the options of a recipe's steps may name."""
    try:
        steps = load_recipe(recipe, settings).steps
    except FlowrunError:
        return set()
    texts = (
        (entry.mark.source.folder, text)
        for entry in steps
        for node in [entry.options]
        if node is not None
        for text in _texts(plain(node))
    )
    paths = (Path(os.path.normpath(folder / text)) for folder, text in texts)
    return {path for path in paths if path.suffix and not path.is_dir()}


def _texts(value: object) -> Iterator[str]:
    """Each text in the options of a step, at any depth, that may be a path."""
    if isinstance(value, str):
        if len(value) < _LONGEST_PATH and value.isprintable():
            yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def data_files(run: RunRecord) -> set[Path]:
    """The files that a run read and did not write itself."""
    written = {path for step in run.steps for path in step.files_written}
    read = {path for step in run.steps for path in step.files_read}
    return {Path(path) for path in read - written}


def _plugin_files(name: str, folder: Path) -> set[Path]:
    """The file of a plugin, there or not, and those beside it."""
    if name.endswith(".py") or "/" in name:
        path = real_path(folder / name)
        return {path, *_code_beside(path)}
    beside = real_path(folder) / name.partition(".")[0]
    for path in (beside.with_suffix(".py"), beside / "__init__.py"):
        if path.is_file():
            return _code_beside(path)
    try:
        spec = importlib.util.find_spec(name.partition(".")[0])
    except (ImportError, ValueError):
        spec = None
    return set() if spec is None or spec.origin is None else _code_beside(Path(spec.origin))


def _code_beside(path: Path) -> set[Path]:
    """The Python files that a file can import from its folder; all of a package."""
    pattern = "**/*.py" if path.name == "__init__.py" else "*.py"
    return {real_path(found) for found in _visible(path.parent.glob(pattern))}


def _visible(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if not any(part.startswith(".") for part in path.parts[-2:]))
