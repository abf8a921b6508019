"""torch, imported at its first use, so that a recipe is planned without it.

Modules of this plugin write `from flowrun_tensors.lazy_torch import torch` in place of
`import torch`, and annotate as usual (with `from __future__ import annotations`). Python's own
`importlib.util.LazyLoader`, and lazy-loader on top of it, would put an unloaded module into
`sys.modules` under torch's name, and other libraries look there to see whether torch is loaded.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    import torch.nn.functional as functional

    __all__ = ["functional", "torch"]
else:

    class _AtFirstUse(ModuleType):
        """Takes the place of a module until one of its attributes is read."""

        def __getattr__(self, name: str) -> Any:
            module = importlib.import_module(self.__name__)
            # From now on attributes are found without coming here.
            self.__dict__.update(
                (key, value) for key, value in vars(module).items() if not key.startswith("__")
            )
            return getattr(module, name)

    torch = _AtFirstUse("torch")
    functional = _AtFirstUse("torch.nn.functional")


@contextmanager
def when_imported(name: str, then: Callable[[], None]) -> Iterator[None]:
    """Call `then` as soon as a module has been imported within the block, whoever imports it."""
    finder = _Watching(name, then)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Watching:
    """A finder that leaves a module to the next ones, and calls a function once it is executed."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self._name = name
        self._then = then

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is None or spec.loader is None:
            return spec
        loader, execute = spec.loader, spec.loader.exec_module

        def execute_and_tell(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)
            execute(module)
            self._then()

        loader.exec_module = execute_and_tell  # type: ignore[method-assign]
        return spec
