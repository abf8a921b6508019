"""Finds and loads plugins, and calls their hooks. One that fails affects only recipes using it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec
import pluggy

from flowrun.errors import PluginError, contained, error_line, shown_path
from flowrun.errors.escaping import on_one_line
from flowrun.plugins.extensions import Dataset, Format
from flowrun.plugins.failures import Failure
from flowrun.plugins.local_modules import (
    LocalModules,
    entered,
    install_finder,
    modules_of,
    root_of,
)
from flowrun.plugins.modules import declared_hooks, given_steps, near_file, specifications
from flowrun.plugins.named_modules import observe_names
from flowrun.plugins.observation.observing import observed
from flowrun.plugins.observation.record import Observation, unobserved
from flowrun.plugins.package_files import module_in_package
from flowrun.plugins.package_imports import keep_shared
from flowrun.plugins.process_settings import SETTINGS, Setting
from flowrun.plugins.steps import Step
from flowrun.values.codecs import Codec
from flowrun.values.files import real_path

ENTRY_POINT_GROUP = "flowrun"
_METHODS = ("devices", "check_mode", "around_step", "settings")  # of a backend

_ASKED = ("steps", "formats", "datasets", "codecs", "given_codecs", "backends", "settings")

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


class GivenBackend(msgspec.Struct, frozen=True):
    """A backend (`flowrun.Backend`), and the name of the plugin that gave it.

    maker: the implementation of the hook that made it. local: the modules beside the plugin.
    observation: of its making, and of its `around_step` since then.
    """

    plugin: str
    backend: Any
    maker: Callable[..., Any]
    local: LocalModules | None
    observation: Observation


class Registry(msgspec.Struct, dict=True):
    """All that the loaded plugins give.

    hooks: the modules of the hook specifications: `flowrun.hookspecs`, and those of plugins.
    named: the plugins that a recipe or a command has named.
    """

    manager: pluggy.PluginManager
    hooks: tuple[Any, ...]
    plugins: dict[str, Plugin] = {}
    failures: list[Failure] = []
    named: set[str] = set()

    @cached_property
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
        return {item.type_name: item for _, items in self.given_codecs for item in items}

    @cached_property
    def given_codecs(self) -> list[tuple[str, list[Codec]]]:
        """The codecs that each plugin gives, by the plugin's name."""
        return [(name, list(items)) for name, items in self.ask("flowrun_codecs")]

    @property
    def devices(self) -> dict[str, str]:
        """The devices that are there, best first."""
        found: dict[str, str] = {}
        for given in self.backends:
            with _blaming(given.plugin, "flowrun_backend"):
                found.update(given.backend.devices())
        return found or {"cpu": ""}

    @cached_property
    def backends(self) -> list[GivenBackend]:
        """The backends, that of the plugin registered last first."""
        hook = "flowrun_backend"
        found = []
        for given in reversed(self._implementations(hook)):
            observation = Observation()
            backend = self._answer(given, hook, observed(observation))
            if not all(callable(getattr(backend, name, None)) for name in _METHODS):
                message = f"the plugin `{given.plugin_name}` gave {backend!r:.60} for {hook}"
                raise PluginError(f"{message}: return an object of a subclass of flowrun.Backend")
            local = self._local(given.plugin_name)
            found.append(
                GivenBackend(given.plugin_name, backend, given.function, local, observation)
            )
        return found

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """The settings of the process on which steps may depend, those of backends among them."""
        found = {one.name: one for one in SETTINGS}
        for given in reversed(self.backends):
            with _blaming(given.plugin, "flowrun_backend"):
                answer = tuple(given.backend.settings())
            if not all(isinstance(one, Setting) for one in answer):
                message = f"the plugin `{given.plugin}` gave {answer!r:.60} for Backend.settings"
                raise PluginError(f"{message}: return a tuple of flowrun.Setting")
            found |= {one.name: one for one in answer}
        return tuple(found.values())

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
        return [
            (found.plugin_name, self._answer(found, hook, unobserved()))
            for found in self._implementations(hook)
        ]  # a step depends on the items that it asks for, and not on how they are made

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        implementations: list[pluggy.HookImpl] = getattr(self.manager.hook, hook).get_hookimpls()
        return implementations

    def _answer(
        self, found: pluggy.HookImpl, hook: str, watching: AbstractContextManager[None]
    ) -> Any:
        """What one implementation of a hook without arguments gives."""
        within = entered(self._local(found.plugin_name))
        with _blaming(found.plugin_name, hook), within, watching:
            answer = found.function()
        if answer is None:
            message = f"the plugin `{found.plugin_name}` gave nothing for {hook}"
            raise PluginError(f"{message}: is a `return` missing?")
        return answer

    def _local(self, name: str) -> LocalModules | None:
        """The modules beside a plugin; None if it is installed, or a listener."""
        plugin = self.plugins.get(name)
        return None if plugin is None else plugin.local

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
        return Registry(
            manager, self.hooks, dict(self.plugins), list(self.failures), set(self.named)
        )

    @classmethod
    def installed(cls, hooks: Any) -> Registry:
        """A registry that knows these hooks and has loaded every installed plugin.

        Those are the entry points of the group `flowrun`. Plugins that declare hooks come first,
        whatever the order of the entry points, so that the others can implement these.
        """
        from flowrun.plugins.compatibility import require_fit
        from flowrun.plugins.distributions import installed_plugins

        install_finder()
        observe_names()
        registry = cls(_new_manager((hooks,)), (hooks,))
        loaded: list[tuple[str, str, str, Any]] = []
        for plugin in installed_plugins(ENTRY_POINT_GROUP):
            point, version = plugin.point, plugin.version
            origin = f"installed by {plugin.owner}"
            try:
                require_fit(plugin)
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
        path = real_path(path)
        origin = shown_path(path)
        if not path.is_file():
            hint = near_file(path.parent, path.name) or "a path starts from the recipe's folder"
            raise PluginError(f"the plugin file {origin} is not there\n    {hint}")
        if path.suffix != ".py":
            raise PluginError(f"the plugin file {origin} is not a Python file (.py)")
        if self._is_loaded("__file__", str(path)):
            return
        try:
            with contained():
                root, name = module_in_package(path) or (path.parent, None)
                local = modules_of(root)
                with entered(local):
                    module = (
                        local.import_file(path) if name is None else importlib.import_module(name)
                    )
                    self._register(origin, "", "a local file", "file", module, local)
        except Exception as error:
            raise PluginError(str(Failure(origin, "a local file", error))) from error

    def load_named(self, name: str, folder: Path) -> None:
        """Load `-p NAME` or an item of `plugins:`: a path to a .py file, or a module's name.

        A path starts from `folder`. Raises PluginError if there is no such plugin.
        """
        if name.endswith(".py") or "/" in name:
            return self.load_file(folder / name)
        if self._is_loaded("__name__", name):
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
                shown = on_one_line(name)
                near = near_file(folder, f"{name}.py")
                hint = near or f"name a file with its path: `./{shown}.py`"
                message = f"the plugin `{shown}` is not installed: No module named '{shown}'"
                message += f"\n    install it (pip install ...), or {hint}"
                raise PluginError(message) from None
            raise PluginError(str(Failure(name, f"module {name}", error))) from error

    def _is_loaded(self, attribute: str, value: str) -> bool:
        """Whether a plugin's module has this attribute; that plugin counts as named from now on."""
        found = [
            name
            for name, plugin in self.plugins.items()
            if getattr(plugin.module, attribute, None) == value
        ]
        self.named.update(found)
        return bool(found)

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
        if source != "installed":
            self.named.add(name)
        self._forget()

    def _forget(self) -> None:
        """Ask the plugins again, because there are others now."""
        for asked in _ASKED:
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
