"""torch, imported at its first use, so that a recipe is planned without it.

Modules of this plugin write `from flowrun_tensors.lazy import torch` where others write
`import torch`, and annotate as usual (with `from __future__ import annotations`). Python's own
`importlib.util.LazyLoader`, and lazy-loader on top of it, would put an unloaded module into
`sys.modules` under torch's name, where other libraries look to tell whether torch is loaded.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    import torch.nn.functional as functional

    __all__ = ["functional", "torch"]
else:

    class _AtFirstUse(ModuleType):
        """Stands for a module until one of its attributes is asked for."""

        def __getattr__(self, name: str) -> Any:
            module = importlib.import_module(self.__name__)
            # From now on attributes are found without coming here.
            self.__dict__.update(
                (key, value) for key, value in vars(module).items() if not key.startswith("__")
            )
            return getattr(module, name)

    torch = _AtFirstUse("torch")
    functional = _AtFirstUse("torch.nn.functional")
