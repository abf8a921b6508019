"""torch's compiler, `torch._dynamo`, left unloaded until something truly needs it.

FakeTensorMode asks `torch._dynamo` for a setting and for names of sources, each in a module of its
own; but a package is loaded before its modules, and this one is the whole compiler: as long as the
rest of torch takes. Until then a module stands for it which does what it does outside of
compilation.
"""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import ModuleType
from typing import Any

_PACKAGE = "torch._dynamo"
_ASKED_FOR = (f"{_PACKAGE}.config", f"{_PACKAGE}.source")  # and whatever these import


_surroundings: list[Callable[[], AbstractContextManager[Any]]] = []  # in which it is loaded


class _Postponed(ModuleType):
    """Stands for the package; becomes it when asked for what only the package has."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        submodule = f"{_PACKAGE}.{name}"
        spec = importlib.util.find_spec(submodule)  # which may load the package
        if isinstance(sys.modules[_PACKAGE], _Postponed):
            if spec is None:
                _load(self)
            else:
                importlib.import_module(submodule)
        return getattr(self, name)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the package's modules as ever, having loaded it where they need it whole."""

    def __init__(self) -> None:
        self.inside = 0  # of a module that FakeTensorMode asks for

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        package = sys.modules.get(_PACKAGE)
        if not fullname.startswith(f"{_PACKAGE}.") or not isinstance(package, _Postponed):
            return None
        if self.inside:
            return None
        if fullname not in _ASKED_FOR:
            _load(package)
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self)
        return spec


class _Loader(importlib.abc.Loader):
    """Loads a module that FakeTensorMode asks for, with what it imports."""

    def __init__(self, loader: importlib.abc.Loader, finder: _Finder) -> None:
        self._loader = loader
        self._finder = finder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._finder.inside += 1
        try:
            self._loader.exec_module(module)
        finally:
            self._finder.inside -= 1


def postpone_compiler() -> None:
    """Have `torch._dynamo` loaded at its first true use; nothing changes where it is loaded."""
    if _PACKAGE in sys.modules:
        return
    import torch

    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.loader is None or spec.submodule_search_locations is None:
        return
    postponed = _Postponed(_PACKAGE, "The compiler, once it is needed.")
    postponed.__spec__, postponed.__loader__ = spec, spec.loader
    postponed.__path__ = list(spec.submodule_search_locations)
    postponed.__package__, postponed.__file__ = _PACKAGE, spec.origin
    vars(postponed).update(disable=_disable, graph_break=_graph_break)
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    sys.modules[_PACKAGE] = postponed
    torch._dynamo = postponed
    try:
        importlib.import_module(f"{_PACKAGE}.config")
    except Exception:  # another version of torch, whose modules need the whole package
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.startswith(_PACKAGE)]:
            del sys.modules[name]
        del torch._dynamo
        importlib.import_module(_PACKAGE)


@contextmanager
def loading_as_ever(surrounding: Callable[[], AbstractContextManager[Any]]) -> Iterator[None]:
    """Where the compiler is loaded inside, have it loaded in what `surrounding` gives."""
    _surroundings.append(surrounding)
    try:
        yield
    finally:
        _surroundings.remove(surrounding)


def _load(module: ModuleType) -> None:
    """Make the very module that stands for the package into the package."""
    module.__class__ = ModuleType
    for name in ("disable", "graph_break"):
        vars(module).pop(name, None)
    assert module.__spec__ is not None
    assert module.__spec__.loader is not None
    try:
        with ExitStack() as stack:
            for surrounding in _surroundings:
                stack.enter_context(surrounding())
            module.__spec__.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(_PACKAGE, None)  # as Python does with a module that fails
        raise


def _disable(function: Any = None, recursive: bool = True, **settings: Any) -> Any:
    """As the compiler's decorator: the function as it is, until there is a compiler to keep out."""
    if function is None:
        return functools.partial(_disable, recursive=recursive, **settings)
    disabled: Callable[..., Any] | None = None

    @functools.wraps(function)
    def until_loaded(*arguments: Any, **keywords: Any) -> Any:
        nonlocal disabled
        if disabled is None:
            package = sys.modules.get(_PACKAGE)
            if package is None or isinstance(package, _Postponed):
                return function(*arguments, **keywords)
            disabled = package.disable(function, recursive, **settings)
        return disabled(*arguments, **keywords)

    return until_loaded


def _graph_break(message: str = "") -> None:
    """Outside of compilation there is no graph to break."""
