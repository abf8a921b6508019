"""Plugins: found, loaded, and asked what they give. One that fails stops only those who need it."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeVar

import pluggy

from flowrun import hookspecs
from flowrun.errors import FlowrunError, PluginError
from flowrun.extensions import Codec, Dataset, Format
from flowrun.problems import did_you_mean, listed, nearest, shown_path
from flowrun.steps import Step

ENTRY_POINT_GROUP = "flowrun"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plugin:
    """A loaded plugin: the name it goes by, its version, where it came from, and its steps."""

    name: str
    version: str
    origin: str
    module: Any
    steps: tuple[Step[..., Any], ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A plugin that could not be loaded, and the error that says why."""

    name: str
    origin: str
    error: Exception

    def __str__(self) -> str:
        hint = ""
        if isinstance(self.error, ModuleNotFoundError):
            hint = "\n    install what is missing (pip install ...), or take the import out"
        what = f"the plugin `{self.name}` ({self.origin}) failed to load:"
        return f"{what}\n    {error_line(self.error)}{hint}"


@dataclass
class Registry:
    """All that the loaded plugins give."""

    manager: pluggy.PluginManager
    plugins: dict[str, Plugin] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    @property
    def steps(self) -> dict[str, list[tuple[Plugin, Step[..., Any]]]]:
        """Every step by name, with each plugin that gives one of that name."""
        by_name: dict[str, list[tuple[Plugin, Step[..., Any]]]] = {}
        for plugin in self.plugins.values():
            for step in plugin.steps:
                by_name.setdefault(step.name, []).append((plugin, step))
        return by_name

    @property
    def formats(self) -> dict[str, Format]:
        """File formats by lower-case suffix."""
        formats = self._items("flowrun_formats")
        return {suffix.lower(): item for item in formats for suffix in item.suffixes}

    @property
    def datasets(self) -> dict[str, Dataset]:
        """Named data sets."""
        return {item.name: item for item in self._items("flowrun_datasets")}

    @property
    def codecs(self) -> dict[str, Codec]:
        """Codecs by the full name of their type."""
        return {item.type: item for item in self._items("flowrun_codecs")}

    @property
    def devices(self) -> dict[str, str]:
        """The devices that are there, best first."""
        found: dict[str, str] = {}
        for _, devices in reversed(self.ask("flowrun_devices")):
            found.update(devices)
        return found or {"cpu": ""}

    def ask(self, hook: str) -> list[tuple[str, Any]]:
        """What each plugin answers to a hook without arguments, the one registered first first.

        Raises PluginError that names the plugin whose answer failed.
        """
        answers = []
        for found in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                answers.append((found.plugin_name, found.function()))
            except Exception as error:
                message = f"the plugin `{found.plugin_name}` failed in {hook}"
                raise PluginError(f"{message}: {error_line(error)}") from error
        return answers

    def _items(self, hook: str) -> Iterator[Any]:
        """Every item of every plugin's answer; a later one of the same name takes its place."""
        for _, items in self.ask(hook):
            yield from items

    def copy(self) -> Registry:
        """A registry with the same plugins, to which a recipe may add its own."""
        manager = _new_manager()
        for plugin in self.plugins.values():
            manager.register(plugin.module, plugin.name)
        return Registry(manager, dict(self.plugins), list(self.failures))

    def load_installed(self) -> None:
        """Load every installed plugin: the entry points of the group `flowrun`."""
        from importlib.metadata import entry_points

        for point in entry_points(group=ENTRY_POINT_GROUP):
            distribution = point.dist
            version = distribution.version if distribution is not None else ""
            owner = distribution.name if distribution is not None else point.value
            origin = f"installed by {owner}"
            if point.name in self.plugins:
                other = self.plugins[point.name].origin
                error = PluginError(f"the name is taken by the plugin {other}")
                self.failures.append(Failure(point.name, origin, error))
                continue
            try:
                self._register(point.name, version, origin, point.load())
            except Exception as error:
                self.failures.append(Failure(point.name, origin, error))

    def load_file(self, path: Path) -> None:
        """Load a local file of steps; raises PluginError where that fails."""
        path = path.resolve()
        origin = shown_path(path)
        if not path.is_file():
            hint = _near_file(path.parent, path.name) or "a path starts from the recipe's folder"
            raise PluginError(f"the plugin file {origin} is not there\n    {hint}")
        if path.suffix != ".py":
            raise PluginError(f"the plugin file {origin} is not a Python file (.py)")
        if any(
            getattr(plugin.module, "__file__", None) == str(path)
            for plugin in self.plugins.values()
        ):
            return
        try:
            self._register(origin, "", "a local file", _import_file(path))
        except Exception as error:
            raise PluginError(str(Failure(origin, "a local file", error))) from error

    def load_named(self, name: str, folder: Path) -> None:
        """Load `-p NAME` or an item of `plugins:`: a path to a .py file, or a module's name.

        A path starts from `folder`. Raises PluginError where there is no such plugin.
        """
        if name.endswith(".py") or "/" in name:
            return self.load_file(folder / name)
        if any(
            getattr(plugin.module, "__name__", None) == name for plugin in self.plugins.values()
        ):
            return None
        _add_to_path(folder)
        try:
            module = importlib.import_module(name)
            self._register(name, getattr(module, "__version__", ""), f"module {name}", module)
        except Exception as error:
            if isinstance(error, ModuleNotFoundError) and error.name == name.partition(".")[0]:
                hint = (
                    _near_file(folder, f"{name}.py") or f"name a file with its path: `./{name}.py`"
                )
                message = f"the plugin `{name}` is not installed: No module named '{name}'"
                message += f"\n    install it (pip install ...), or {hint}"
                raise PluginError(message) from None
            raise PluginError(str(Failure(name, f"module {name}", error))) from error

    def _register(self, name: str, version: str, origin: str, module: Any) -> None:
        if name in self.plugins:
            other = self.plugins[name].origin
            raise PluginError(f"the plugin name `{name}` is taken by {other}")
        if isinstance(module, ModuleType):
            _check_hooks(module)
        steps = {id(item): item for item in vars(module).values() if isinstance(item, Step)}
        if hasattr(module, "flowrun_steps"):
            given = module.flowrun_steps()
            if given is None:
                raise PluginError("flowrun_steps() gave None, not steps; is a `return` missing?")
            for item in given:
                if not isinstance(item, Step):
                    is_function = isinstance(item, FunctionType)
                    what = f"the function `{item.__name__}`" if is_function else repr(item)[:60]
                    raise PluginError(
                        f"flowrun_steps() gave {what}, which is no step: "
                        "decorate it with @step(outputs=...)"
                    )
                steps[id(item)] = item
        self.manager.register(module, name)
        self.manager.check_pending()
        self.plugins[name] = Plugin(name, str(version), origin, module, tuple(steps.values()))


class _PlainCall:
    """Innermost of the wrappers round a step: it calls the step's function."""

    @hookspecs.hookimpl(trylast=True)
    def flowrun_step_call(self, call: Callable[[], Any]) -> Any:
        return call()


def new_registry() -> Registry:
    """A registry that knows the hooks and has loaded the installed plugins."""
    registry = Registry(_new_manager())
    registry.load_installed()
    return registry


def _new_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("flowrun")
    manager.add_hookspecs(hookspecs)
    manager.register(_PlainCall(), "flowrun")
    return manager


def error_line(error: BaseException) -> str:
    """An exception in one line: its type, its message's first line, and where it was raised.

    An error of flowrun's own is its message alone, which says where.
    """
    message = str(error).strip().partition("\n")[0]
    if isinstance(error, FlowrunError):
        return message
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = ""
    if frame is not None:
        code = frame.tb_frame.f_code
        if "importlib" not in code.co_filename:
            place = f" ({shown_path(Path(code.co_filename))}:{frame.tb_lineno})"
    if isinstance(error, SyntaxError) and error.filename:
        place = f" ({shown_path(Path(error.filename))}:{error.lineno})"
        message = error.msg
    return f"{type(error).__name__}: {message}{place}"


def _near_file(folder: Path, name: str) -> str | None:
    """The question whether the most similar Python file beside a missing one was meant."""
    near = nearest(name, (found.name for found in folder.glob("*.py")))
    return f"did you mean `./{near}`?" if near else None


def _check_hooks(module: ModuleType) -> None:
    """Raise PluginError for a hook that flowrun does not have, or an argument it does not give."""
    known = [hook for hook in vars(hookspecs) if hook.startswith("flowrun_")]
    for hook, function in vars(module).items():
        if getattr(function, "flowrun_impl", None) is None:
            continue
        if hook not in known:
            hint = did_you_mean(hook, known) or "flowrun.hookspecs holds all"
            raise PluginError(f"it implements `{hook}`, which is no hook of flowrun; {hint}")
        given = list(inspect.signature(getattr(hookspecs, hook)).parameters)
        for name in inspect.signature(function).parameters:
            if name not in given:
                raise PluginError(
                    f"its `{hook}` asks for `{name}`; what this hook is given: {listed(given)}"
                )


def _import_file(path: Path) -> ModuleType:
    digest = hashlib.sha1(str(path).encode(), usedforsecurity=False).hexdigest()[:8]
    name = f"flowrun_local_{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _add_to_path(path.parent)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _add_to_path(folder: Path) -> None:
    """Let a local plugin import the modules beside it; installed ones still come first."""
    text = str(folder.resolve())
    if text not in sys.path:
        sys.path.append(text)
