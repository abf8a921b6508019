"""The classes and functions that values of one plan may refer to, found by name.

They are Python's, those of a library with a codec for instances of its classes, such as torch, and
those of the plan's own code: of its plugins and of the modules that these import. Nothing is
imported but what the text of that code imports, whatever name a store gives. An instance depends
on the code of its class, so that code is a part of what identifies it.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from flowrun.plugins.local_modules import LocalModules, loaded_module, present_folder
from flowrun.plugins.package_imports import is_shared
from flowrun.plugins.registry import Registry
from flowrun.store.closure import Code
from flowrun.store.code import CodeIndex
from flowrun.store.live_values import is_library
from flowrun.values.digests import parts_digest


class PlanClasses:
    """The classes and functions that a registry's plugins and libraries have.

    index: by which code is read; without it, code identifies nothing, as within one process.
    """

    def __init__(self, registry: Registry, index: CodeIndex | None) -> None:
        self._registry = registry
        self._index = index
        self._codes: dict[int, tuple[Any, str]] = {}  # with what they are of, by its identity

    def code(self, found: Any) -> str:
        """What identifies a class or function: its name, and its code."""
        if id(found) not in self._codes:
            self._codes[id(found)] = (found, self._code(found))
        return self._codes[id(found)][1]

    def name(self, found: Any) -> tuple[str, str]:
        """The module of a class or function, and its name there."""
        if isinstance(found, BuiltinFunctionType):  # one of torch is named after a class in C
            name = str(found.__name__)
            for module in (found.__module__, *self._libraries):
                if getattr(sys.modules.get(str(module)), name, None) is found:
                    return str(module), name
        return str(found.__module__), str(found.__qualname__)

    def is_own(self, module: str) -> bool:
        """Whether a module is of the plan's own code."""
        top = _top(module)
        return top not in sys.stdlib_module_names and top not in self._libraries

    def named(self, module: str, name: str) -> Any:
        """The class or function of a name in a module that the plan knows."""
        found = {id(one): one for one in self._all_named(module, name)}
        if not found and self._import(module):
            found = {id(one): one for one in self._all_named(module, name)}
        if not found:
            raise LookupError(f"no module `{module}` of the plan has `{name}`")
        if len(found) > 1:
            raise LookupError(f"two folders of plugins have a `{module}.{name}`")
        return next(iter(found.values()))

    def _code(self, found: Any) -> str:
        module, name = self.name(found)
        kind = "class" if isinstance(found, type) else "function"
        about = f"its {kind} `{name}`" if isinstance(found, type) else f"the function `{name}`"
        if "<locals>" in name or "<lambda>" in name:
            raise ValueError(f"{about} is defined inside a function, and not found by its name")
        if module == "__main__":
            raise ValueError(
                f"{about} is defined in the program that runs, and not found from another one"
            )
        try:
            known = self.named(module, name)
        except LookupError as error:
            if _top(module) not in sys.stdlib_module_names and is_library(module):
                raise ValueError(f"{about} is of the library {_top(module)}") from None
            raise ValueError(f"{about} is not found again: {error}") from None
        if known is not found:
            raise ValueError(f"{about} is not the one that `{module}` has now")
        return f"{module}.{name} {self._digest(found, module, name)}"

    def _digest(self, found: Any, module: str, name: str) -> str:
        """The digest of the code of a class or function, or the version of its library."""
        top = _top(module)
        if self._index is None or top in sys.stdlib_module_names:
            return ""  # each key has the version of Python
        if top in self._libraries:
            return self._index.packages.version(top)
        folder = self._folder_of(module)
        code = self._index.of_definition(module, name, folder)
        if not code.modules:
            raise ValueError(f"the code of `{name}` is in no file")
        put = dict(_put_into(found)) if isinstance(found, type) else {}
        codes = [self._index.of_function(one) for one in put.values()]
        if not all(one.modules for one in codes):
            raise ValueError(f"a method of `{name}` was defined without a file")
        others = [[one.modules, one.packages] for one in codes]
        seen = _seen_on_import(code, folder, self._index)
        return parts_digest([code.modules, code.packages, seen, *put, *others])

    @functools.cached_property
    def _libraries(self) -> dict[str, str]:
        """The libraries with a codec for instances of their classes, each with its module."""
        codecs = self._registry.codecs.values()
        types = [codec.type_name for codec in codecs if codec.attributes is not None]
        return {_top(name): name.rpartition(".")[0] for name in types}

    def _all_named(self, module: str, name: str) -> Iterator[Any]:
        for one in self._modules(module):
            found: Any = one
            for part in name.split("."):
                found = vars(found).get(part) if isinstance(found, (ModuleType, type)) else None
            if found is not None:
                yield found

    def _modules(self, name: str) -> Iterator[ModuleType]:
        """The modules of a name that the plan may mean; none is imported for its name."""
        top = _top(name)
        for folder in self._folders():
            module = _module_in(folder, name)
            if module is not None:
                yield module
        loaded = loaded_module(name)
        if top in self._libraries:
            importlib.import_module(self._libraries[top])
        is_known = top in sys.stdlib_module_names or top in self._libraries or is_shared(top)
        if name in sys.modules and (is_known or (loaded is not None and loaded.is_of_plugin)):
            yield sys.modules[name]

    def _import(self, name: str) -> bool:
        """Import a module that the text of a plugin's step imports when it is called."""
        for plugin in self._registry.plugins.values():
            local = plugin.local
            if self._index is None or local is None or local.path_of(name) is None:
                continue
            if any(name in self._index.of_step(one, plugin).modules for one in plugin.steps):
                with local.entered(), suppress(Exception):  # it is the user's code
                    importlib.import_module(name)
                    return True
        return False

    def _folders(self) -> list[LocalModules]:
        found = (plugin.local for plugin in self._registry.plugins.values())
        return list({id(one): one for one in found if one is not None}.values())

    def _folder_of(self, module: str) -> LocalModules | None:
        return next((one for one in self._folders() if _module_in(one, module)), None)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _module_in(folder: LocalModules, name: str) -> ModuleType | None:
    """A module of a folder that has been imported."""
    if name not in folder.loaded:
        return None
    return sys.modules.get(name) if present_folder() is folder else folder.imported.get(name)


def _seen_on_import(
    code: Code, folder: LocalModules | None, index: CodeIndex
) -> dict[str, str | None]:
    """The states of what the modules of some code looked at on import, which their methods use.

    A path below the folder counts by its place there, so that a copy of the folder has the same.
    """
    seen: dict[str, Any] = {}
    for module in code.loaded:
        seen |= module.observation.seen
    if code.is_blind and folder is not None:
        for module in folder.loaded.values():
            seen |= module.observation.seen
    base = "" if folder is None else f"{folder.folder}{os.sep}"
    found: dict[str, str | None] = {}
    for what, state in seen.items():
        kind, _, name = what.partition(":")
        if what in code.own:
            continue
        if kind == "file":
            state = index.file_digest(Path(name))
        elif kind == "module":
            state = index.packages.version(name)
        shown = f"{kind}:{name.removeprefix(base)}" if base else what
        found[shown] = None if state is None else str(state)
    return found


def _put_into(kind: type) -> Iterator[tuple[str, FunctionType]]:
    """The methods of a class and its bases that other code has defined, by name."""
    for base in kind.__mro__:
        for name, member in vars(base).items() if not is_library(base.__module__) else ():
            function = getattr(member, "__func__", member)
            if isinstance(function, FunctionType) and not is_library(function.__module__):
                own = (base.__module__, f"{base.__qualname__}.{name}")
                is_known = function.__module__ in sys.modules or function.__globals__.get(
                    "__loader__"
                )
                if is_known and (function.__module__, function.__qualname__) != own:
                    yield f"{base.__qualname__}.{name}", function
