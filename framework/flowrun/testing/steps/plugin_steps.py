"""Finds the plugins that a name means: a file, a folder, an installed one."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from flowrun.errors import PluginError, did_you_mean, shown_path
from flowrun.plugins.registry import ENTRY_POINT_GROUP, Plugin, Registry
from flowrun.plugins.steps import Step
from flowrun.values.files import real_path

_NO_PLUGINS = ("conftest.py", "setup.py", "noxfile.py")
_METADATA = "pyproject.toml"


class Found(msgspec.Struct):
    """Plugins, and the folders that may have recipes for them."""

    plugins: list[Plugin]
    folders: list[Path]

    @property
    def steps(self) -> dict[str, Step[..., Any]]:
        """Their steps by name."""
        return {step.name: step for plugin in self.plugins for step in plugin.steps}


def find_plugins(registry: Registry, name: str) -> Found:
    """The plugins that a name means, loaded into the registry.

    name: a `.py` file, a folder (of such files, of a package, or of a project with its
    `pyproject.toml`), the name of an installed plugin or of its distribution, or a module.

    Raises PluginError if there is none, if it fails to load, or if it has no step.
    """
    path = Path(name)
    named = [
        plugin
        for plugin in registry.plugins.values()
        if name in (plugin.name, plugin.origin.removeprefix("installed by "))
    ]
    if named:
        found = Found(named, [])
    elif path.is_dir():
        found = _in_folder(registry, path)
    else:
        failure = next((one for one in registry.failures if one.name == name), None)
        if failure is not None:
            raise PluginError(str(failure))
        found = Found([_loaded(registry, name, Path.cwd())], [path.parent] if path.suffix else [])
    if not found.steps:
        raise PluginError(
            f"there is no step in `{name}`\n"
            "    a step is a function below @step(outputs=...); a plugin's module imports those of "
            "other modules, or gives them by flowrun_steps()"
        )
    for plugin in found.plugins:
        file = getattr(plugin.module, "__file__", None)
        found.folders += [] if file is None else [Path(file).parent]
    found.folders = list(dict.fromkeys(real_path(folder) for folder in found.folders))
    return found


def _in_folder(registry: Registry, folder: Path) -> Found:
    modules = _entry_points(folder / _METADATA)
    if modules:
        root = folder / "src" if (folder / "src").is_dir() else folder
        return Found([_loaded(registry, module, root) for module in modules], [folder])
    if (folder / "__init__.py").is_file():
        whole = real_path(folder)
        return Found([_loaded(registry, whole.name, whole.parent)], [folder])
    files = [
        path
        for path in sorted(folder.glob("*.py"))
        if not path.name.startswith("test_") and path.name not in _NO_PLUGINS
    ]
    plugins = [_loaded(registry, str(real_path(path)), folder) for path in files]
    return Found(plugins, [folder])


def _loaded(registry: Registry, name: str, folder: Path) -> Plugin:
    """The plugin of a path or a module's name; loads it if necessary."""
    registry.load_named(name, folder)
    file = real_path(folder / name)
    for plugin in registry.plugins.values():
        if getattr(plugin.module, "__name__", None) == name:
            return plugin
        if getattr(plugin.module, "__file__", None) == str(file):
            return plugin
    hint = did_you_mean(name, registry.plugins) or "`flowrun plugins` lists those that are there"
    raise PluginError(f"there is no plugin `{name}`\n    {hint}")


def _entry_points(metadata: Path) -> list[str]:
    """The modules that a project names as plugins; none if it has no such file."""
    if not metadata.is_file():
        return []
    try:
        document = tomllib.loads(metadata.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PluginError(f"{shown_path(metadata)} cannot be read: {error}") from None
    points = document.get("project", {}).get("entry-points", {}).get(ENTRY_POINT_GROUP, {})
    return [str(value).partition(":")[0] for value in points.values()]
