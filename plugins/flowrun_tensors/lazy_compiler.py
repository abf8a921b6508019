"""torch's compiler, `torch._dynamo`, not loaded until something needs it.

Optimizers import `torch._dynamo` to mark code it must not compile, and FakeTensorMode two small
modules of it. Python loads a package before its modules, and this one is the whole compiler: it
takes as long to load as the rest of torch. Until something else of it is used, a module replaces
the package, and behaves as the package does outside of compilation.

This is the only file that uses private names of the compiler: the modules in `_NEEDED`, and
`disable` and `graph_break`, which torch's optimizers call. Tested with torch 2.13; `make oldest`
tests the oldest torch that setup.cfg allows. If another version needs more, the package is loaded.
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
_NEEDED = (f"{_PACKAGE}.config", f"{_PACKAGE}.source")  # and whatever these import

_surroundings: list[Callable[[], AbstractContextManager[Any]]] = []  # to load the package in


class _Postponed(ModuleType):
    """Stands for the package; becomes the package when something else of it is used."""

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
    """Finds modules of the package; loads the whole package first if they need it."""

    def __init__(self) -> None:
        self.inside = 0  # how many modules that FakeTensorMode needs are being loaded

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        package = sys.modules.get(_PACKAGE)
        if not fullname.startswith(f"{_PACKAGE}.") or not isinstance(package, _Postponed):
            return None
        if self.inside:
            return None
        if fullname not in _NEEDED:
            _load(package)
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self)
        return spec


class _Loader(importlib.abc.Loader):
    """Loads a module that FakeTensorMode needs, with its imports."""

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
    """Load `torch._dynamo` at its first use; does nothing if it is loaded already."""
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
def loading_in(surrounding: Callable[[], AbstractContextManager[Any]]) -> Iterator[None]:
    """If the compiler is loaded inside, load it within the context that `surrounding` returns."""
    _surroundings.append(surrounding)
    try:
        yield
    finally:
        _surroundings.remove(surrounding)


def _load(module: ModuleType) -> None:
    """Turn the module that stands for the package into the package itself."""
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
        sys.modules.pop(_PACKAGE, None)  # as Python does if a module fails to load
        raise


def _disable(function: Any = None, recursive: bool = True, **settings: Any) -> Any:
    """The compiler's decorator: leaves the function unchanged until the compiler is loaded."""
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
