"""Listeners notified of a run, one by one: one that raises is reported once and switched off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pluggy

from flowrun.errors import error_line

HOOKS = (
    "flowrun_run_started",
    "flowrun_step_started",
    "flowrun_step_progress",
    "flowrun_step_finished",
    "flowrun_step_kept",
    "flowrun_step_failed",
    "flowrun_run_finished",
)


class Listeners:
    """The plugins that hear of one run, called in isolation from each other."""

    def __init__(self, manager: pluggy.PluginManager, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._off: set[str] = set()
        self._heard = {hook: list(getattr(manager.hook, hook).get_hookimpls()) for hook in HOOKS}

    def hears(self, hook: str) -> bool:
        """Whether anyone listens to this hook."""
        return bool(self._heard[hook])

    def tell(self, hook: str, **arguments: Any) -> None:
        """Call every listener of a hook that is not switched off."""
        for found in self._heard[hook]:
            if found.plugin_name in self._off:
                continue
            try:
                found.function(*(arguments[name] for name in found.argnames))
            except Exception as error:
                self._off.add(found.plugin_name)
                self._warn(
                    f"the listener `{found.plugin_name}` failed in {hook} and is switched off for "
                    f"this run:\n    {error_line(error)}"
                )
