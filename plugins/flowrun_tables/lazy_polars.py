"""polars, imported at its first use, so that a recipe is planned without it.

Modules of this plugin write `from flowrun_tables.lazy_polars import pl`, and use it within
functions alone.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

from flowrun import FlowrunError

if TYPE_CHECKING:
    import polars as pl

    __all__ = ["pl"]
else:

    class _AtFirstUse(ModuleType):
        """Takes the place of polars until one of its attributes is read."""

        def __getattr__(self, name: str) -> Any:
            return getattr(_imported(), name)

    pl = _AtFirstUse("polars")


def _imported() -> ModuleType:
    """polars; raises FlowrunError with the command that installs it."""
    try:
        return importlib.import_module("polars")
    except ModuleNotFoundError:
        raise FlowrunError(
            "steps of tables need polars, which is not installed: "
            "`pip install 'flowrun-recipes[tables]'`"
        ) from None
