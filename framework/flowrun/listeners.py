"""Listeners told of a run, one by one: one that raises is reported once and switched off."""

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

    def __init__(self, manager: pluggy.PluginManager, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._off: set[str] = set()
        self._callers: dict[str, list[tuple[str, Any]]] = {}
        plugins = manager.get_plugins()
        for hook in HOOKS:
            implementations = getattr(manager.hook, hook).get_hookimpls()
            self._callers[hook] = [
                (found.plugin_name, manager.subset_hook_caller(hook, plugins - {found.plugin}))
                for found in implementations
            ]

    def hears(self, hook: str) -> bool:
        """Whether anyone listens to this hook."""
        return bool(self._callers[hook])

    def tell(self, hook: str, **arguments: Any) -> None:
        """Call every listener of a hook that is not switched off."""
        for name, caller in self._callers[hook]:
            if name in self._off:
                continue
            try:
                caller(**arguments)
            except Exception as error:
                self._off.add(name)
                self._complain(
                    f"the listener `{name}` failed in {hook} and is switched off for this run:\n"
                    f"    {error_line(error)}"
                )
