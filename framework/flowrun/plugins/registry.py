"""Finds and loads plugins, and calls their hooks. One that fails affects only recipes using it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec
import pluggy

from flowrun.errors import PluginError, contained, error_line, shown_path
from flowrun.plugins.extensions import Dataset, Format
from flowrun.plugins.local_modules import (
    LocalModules,
    entered,
    install_finder,
    keep_shared,
    modules_of,
    root_of,
)
from flowrun.plugins.modules import declared_hooks, given_steps, near_file, specifications
from flowrun.plugins.observation import unobserved
from flowrun.plugins.steps import Step
from flowrun.values.codecs import Codec

ENTRY_POINT_GROUP = "flowrun"
_METHODS = ("devices", "check_mode", "around_step")  # of a backend

PluginSource = Literal["installed", "file", "module"]


class Plugin(msgspec.Struct, frozen=True):
    """A loaded plugin: its name, its version, its origin, and its steps.

    origin: its origin, for messages; source: how it was found. local: the modules beside
    it; None if it is installed.
    """

    name: str
    version: str
    origin: str
    module: Any
    steps: tuple[Step[..., Any], ...]
    source: PluginSource = "installed"
    local: LocalModules | None = None


class Failure(msgspec.Struct, frozen=True):
    """A plugin that could not be loaded, and the error that says why."""

    name: str
    origin: str
    error: Exception

    def __str__(self) -> str:
        hint = ""
        if isinstance(self.error, ModuleNotFoundError):
            hint = "\n    install the missing module (pip install ...), or remove the import"
        what = f"the plugin `{self.name}` ({self.origin}) failed to load:"
        return f"{what}\n    {error_line(self.error)}{hint}"


class Registry(msgspec.Struct, dict=True):
    """All that the loaded plugins give.

    hooks: the modules of the hook specifications: `flowrun.hookspecs`, and those of plugins.
    """

    manager: pluggy.PluginManager
    hooks: tuple[Any, ...]
    plugins: dict[str, Plugin] = {}
    failures: list[Failure] = []

    @property
    def steps(self) -> dict[str, list[tuple[Plugin, Step[..., Any]]]]:
        """Every step by name, with each plugin that gives one of that name."""
        by_name: dict[str, list[tuple[Plugin, Step[..., Any]]]] = {}
        for plugin in self.plugins.values():
            for step in plugin.steps:
                by_name.setdefault(step.name, []).append((plugin, step))
        return by_name

    @cached_property
    def formats(self) -> dict[str, Format]:
        """File formats by lower-case suffix."""
        formats = self._items("flowrun_formats")
        return {suffix.lower(): item for item in formats for suffix in item.suffixes}

    @cached_property
    def datasets(self) -> dict[str, Dataset]:
        """Named data sets."""
        return {item.name: item for item in self._items("flowrun_datasets")}

    @cached_property
    def codecs(self) -> dict[str, Codec]:
        """Codecs by the full name of their type."""
        return {item.type_name: item for item in self._items("flowrun_codecs")}

    @property
    def devices(self) -> dict[str, str]:
        """The devices that are there, best first."""
        found: dict[str, str] = {}
        for name, backend in self.backends:
            with _blaming(name, "flowrun_backend"):
                found.update(backend.devices())
        return found or {"cpu": ""}

    @cached_property
    def backends(self) -> list[tuple[str, Any]]:
        """The backends (`flowrun.Backend`) with their plugins' names, the last one first."""
        found = list(reversed(self.ask("flowrun_backend")))
        for plugin, backend in found:
            if not all(callable(getattr(backend, name, None)) for name in _METHODS):
                message = f"the plugin `{plugin}` gave {backend!r:.60} for flowrun_backend"
                raise PluginError(f"{message}: return an object of a subclass of flowrun.Backend")
        return found

    def items(self, hook: str) -> dict[str, Any]:
        """The items that plugins give by a hook that another plugin declares, by name.

        Raises PluginError if no loaded plugin declares it, or if an item has no `name`.
        """
        if hook not in specifications(self.hooks):
            raise PluginError(f"no loaded plugin declares the hook `{hook}`")
        found: dict[str, Any] = {}
        for plugin, items in self.ask(hook):
            for item in items:
                if not isinstance(getattr(item, "name", None), str):
                    message = f"the plugin `{plugin}` gave {item!r:.60} for {hook}"
                    raise PluginError(f"{message}, which has no `name`")
                found[item.name] = item
        return found

    def ask(self, hook: str) -> list[tuple[str, Any]]:
        """What each plugin answers to a hook without arguments, the one registered first first.

        Raises PluginError that names the plugin whose answer failed.
        """
        answers = []
        for found in getattr(self.manager.hook, hook).get_hookimpls():
            plugin = self.plugins.get(found.plugin_name)
            within = entered(None if plugin is None else plugin.local)
            with _blaming(found.plugin_name, hook), within, unobserved():
                answer = found.function()  # a step depends on the items that it asks for
            if answer is None:
                message = f"the plugin `{found.plugin_name}` gave nothing for {hook}"
                raise PluginError(f"{message}: is a `return` missing?")
            answers.append((found.plugin_name, answer))
        return answers

    def _items(self, hook: str) -> Iterator[Any]:
        """Every item of every plugin's answer; a later one of the same name takes its place."""
        for _, items in self.ask(hook):
            yield from items

    @contextmanager
    def listening(self, listeners: Iterable[object]) -> Iterator[None]:
        """Have further objects with hooks for the time of one run."""
        before = list(listeners)
        for listener in before:
            self.manager.register(listener, getattr(listener, "name", type(listener).__name__))
        self._forget()
        try:
            yield
        finally:
            for listener in before:
                self.manager.unregister(listener)
            self._forget()

    def copy(self) -> Registry:
        """A registry with the same plugins, to which a recipe may add its own."""
        manager = _new_manager(self.hooks)
        for plugin in self.plugins.values():
            manager.register(plugin.module, plugin.name)
        return Registry(manager, self.hooks, dict(self.plugins), list(self.failures))

    @classmethod
    def installed(cls, hooks: Any) -> Registry:
        """A registry that knows these hooks and has loaded every installed plugin.

        Those are the entry points of the group `flowrun`. Plugins that declare hooks come first,
        whatever the order of the entry points, so that the others can implement these.
        """
        from flowrun.plugins.distributions import installed_plugins

        install_finder()
        registry = cls(_new_manager((hooks,)), (hooks,))
        loaded: list[tuple[str, str, str, Any]] = []
        for point, owner, version in installed_plugins(ENTRY_POINT_GROUP):
            origin = f"installed by {owner}"
            try:
                keep_shared(point.module)
                with contained():
                    loaded.append((point.name, version, origin, point.load()))
            except Exception as error:
                registry.failures.append(Failure(point.name, origin, error))
        loaded.sort(key=lambda plugin: not hasattr(plugin[-1], "flowrun_hookspecs"))
        for name, version, origin, module in loaded:
            try:
                with contained():
                    registry._register(name, version, origin, "installed", module)
            except Exception as error:
                registry.failures.append(Failure(name, origin, error))
        return registry

    def load_file(self, path: Path) -> None:
        """Load a local file of steps; raises PluginError if that fails."""
        path = path.resolve()
        origin = shown_path(path)
        if not path.is_file():
            hint = near_file(path.parent, path.name) or "a path starts from the recipe's folder"
            raise PluginError(f"the plugin file {origin} is not there\n    {hint}")
        if path.suffix != ".py":
            raise PluginError(f"the plugin file {origin} is not a Python file (.py)")
        if any(
            getattr(plugin.module, "__file__", None) == str(path)
            for plugin in self.plugins.values()
        ):
            return
        try:
            with contained():
                local = modules_of(path.parent)
                with entered(local):
                    module = local.import_file(path)
                    self._register(origin, "", "a local file", "file", module, local)
        except Exception as error:
            raise PluginError(str(Failure(origin, "a local file", error))) from error

    def load_named(self, name: str, folder: Path) -> None:
        """Load `-p NAME` or an item of `plugins:`: a path to a .py file, or a module's name.

        A path starts from `folder`. Raises PluginError if there is no such plugin.
        """
        if name.endswith(".py") or "/" in name:
            return self.load_file(folder / name)
        if any(
            getattr(plugin.module, "__name__", None) == name for plugin in self.plugins.values()
        ):
            return None
        try:
            with contained():
                local = _folder_with(name, folder)
                with entered(local):
                    module = importlib.import_module(name)
                    version = getattr(module, "__version__", "")
                    self._register(name, version, f"module {name}", "module", module, local)
        except Exception as error:
            if isinstance(error, ModuleNotFoundError) and error.name == name.partition(".")[0]:
                hint = (
                    near_file(folder, f"{name}.py") or f"name a file with its path: `./{name}.py`"
                )
                message = f"the plugin `{name}` is not installed: No module named '{name}'"
                message += f"\n    install it (pip install ...), or {hint}"
                raise PluginError(message) from None
            raise PluginError(str(Failure(name, f"module {name}", error))) from error

    def _register(
        self,
        name: str,
        version: str,
        origin: str,
        source: PluginSource,
        module: Any,
        local: LocalModules | None = None,
    ) -> None:
        if name in self.plugins:
            other = self.plugins[name].origin
            raise PluginError(f"the plugin name `{name}` is taken by {other}")
        declared = declared_hooks(module)
        hooks = (*self.hooks, *declared)
        steps = given_steps(module, specifications(hooks))
        for one in declared:
            self.manager.add_hookspecs(one)
        self.hooks = hooks
        self.manager.register(module, name)
        self.manager.check_pending()
        self.plugins[name] = Plugin(name, str(version), origin, module, steps, source, local)
        self._forget()

    def _forget(self) -> None:
        """Ask the plugins again, because there are others now."""
        for asked in ("formats", "datasets", "codecs", "backends"):
            self.__dict__.pop(asked, None)


def _folder_with(name: str, folder: Path) -> LocalModules | None:
    """The modules of the folder in which a plugin's module lies; None if it is installed."""
    top = name.partition(".")[0]
    beside = modules_of(folder)
    if beside.has(top) and beside.path_of(top) is not None:
        return beside
    root = root_of(name)
    return None if root is None else modules_of(root)


@contextmanager
def _blaming(plugin: str, hook: str) -> Iterator[None]:
    """Raise PluginError that names the plugin in place of the exception of its hook."""
    try:
        with contained():
            yield
    except Exception as error:
        message = f"the plugin `{plugin}` failed in {hook}: {error_line(error)}"
        raise PluginError(message) from error


def _new_manager(hooks: tuple[Any, ...]) -> pluggy.PluginManager:
    manager = pluggy.PluginManager("flowrun")
    for one in hooks:
        manager.add_hookspecs(one)
    return manager
