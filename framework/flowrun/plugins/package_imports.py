"""Installed packages: which count as such, and their import, which looks at thousands of files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import Any

from flowrun.plugins.observation.record import present, unobserved
from flowrun.values.garbage import pause, resume


def leave_unobserved(spec: ModuleSpec) -> ModuleSpec:
    """Have nothing be observed while a module of an installed package is imported.

    All of it would be left out, because the package's version counts; to find that out for each
    file of torch would take half as long again as its import.
    """
    if present.observation is None or not isinstance(spec.loader, SourceFileLoader):
        return spec
    return executed_within(spec, unobserved)


def leave_uncollected(spec: ModuleSpec) -> ModuleSpec:
    """Have no garbage be looked for while an installed package is imported.

    An import makes many objects that stay and next to no garbage; to look for it takes a tenth of
    torch's import.
    """
    return executed_within(spec, _uncollected)


@contextmanager
def _uncollected() -> Iterator[None]:
    is_first = pause()
    try:
        yield
    finally:
        if is_first:
            resume()


def executed_within(
    spec: ModuleSpec, around: Callable[[], AbstractContextManager[None]]
) -> ModuleSpec:
    """The spec of a module, which is executed within a context."""
    loader: Any = spec.loader
    if not hasattr(loader, "exec_module"):
        return spec
    execute = loader.exec_module

    def execute_within(module: ModuleType) -> None:
        vars(loader).pop("exec_module", None)  # another may have put its own in its place
        with around():
            execute(module)

    with suppress(AttributeError):  # a loader without a dictionary of attributes
        loader.exec_module = execute_within
    return spec


_shared: set[str] = set()  # top-level names


def keep_shared(name: str) -> None:
    """Have the package of an installed plugin be shared by all folders, wherever it lies."""
    _shared.add(name.partition(".")[0])


def is_shared(name: str) -> bool:
    """Whether a module is of the package of an installed plugin."""
    return name.partition(".")[0] in _shared
