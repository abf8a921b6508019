"""All targets, by name."""

from __future__ import annotations

from tests.campaigns.fuzzing import (
    expressions,
    memos,
    recipes,
    runs,
    settings,
    tables,
    tensors,
    values,
)

MODULES = (recipes, expressions, settings, memos, runs, values, tables, tensors)
TARGETS = {target.name: target for module in MODULES for target in module.TARGETS}
