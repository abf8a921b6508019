"""The checks of `expect`, a module for each kind: every class of `Check` in them is a key."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from flowrun.expectations.check import CHECKS

__all__ = ["CHECKS"]

for _name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    import_module(f"{__name__}.{_name}")
