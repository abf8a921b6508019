"""Sees which local modules code finds by a name that its text does not show.

Python reports no event for a module that is imported already, but its text counts, and all that it
looked at while it was imported.
"""

from __future__ import annotations

import functools
import importlib
from importlib.util import resolve_name
from types import ModuleType
from typing import Any

from flowrun.plugins.local_modules import loaded_module, present_folder
from flowrun.plugins.observation.events import HANDLERS
from flowrun.plugins.observation.record import Observation, present

_real_import_module = importlib.import_module


@functools.cache
def observe_names() -> None:
    """Have modules that are found by their name be seen from now on."""
    importlib.import_module = _observed_import_module
    # Not in the table itself: the import of local modules stands on the observation.
    HANDLERS["pickle.find_class"] = _unpickled


@functools.wraps(_real_import_module)
def _observed_import_module(name: str, package: str | None = None) -> ModuleType:
    module = _real_import_module(name, package)
    observation = present.observation
    if observation is not None:
        _see(observation, resolve_name(name, package))
    return module


def _unpickled(observation: Observation, arguments: tuple[Any, ...]) -> None:
    _see(observation, str(arguments[0]))


def _see(observation: Observation, name: str) -> None:
    """See a module, and the packages in which it is."""
    folder = present_folder()
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        whole = ".".join(parts[:count])
        module = (None if folder is None else folder.loaded.get(whole)) or loaded_module(whole)
        if module is not None:
            observation.add(module.observation)
            observation.see(f"file:{module.path}", module.stamp)
