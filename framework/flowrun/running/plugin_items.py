"""The items of plugins that a step reads from `ctx.plugins`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowrun.running.tracked_mapping import TrackedMapping

if TYPE_CHECKING:
    from flowrun.plugins.extensions import Dataset, Format
    from flowrun.running.context_state import ContextState


class PluginItems:
    """The items of all plugins. Those that a step looks up are part of its record."""

    __slots__ = ("_state",)

    def __init__(self, state: ContextState) -> None:
        self._state = state

    @property
    def formats(self) -> Mapping[str, Format]:
        """Every file format, by lower-case suffix (`.csv`)."""
        registry, note = self._state.registry, self._state.note
        formats = {} if registry is None else registry.formats
        return TrackedMapping(formats, lambda suffix: note(f"format:{suffix}"))

    @property
    def datasets(self) -> Mapping[str, Dataset]:
        """Every data set, by name."""
        registry, note = self._state.registry, self._state.note
        datasets = {} if registry is None else registry.datasets
        return TrackedMapping(datasets, lambda name: note(f"dataset:{name}"))

    @property
    def devices(self) -> Mapping[str, str]:
        """The devices of this machine, by full name with a description, best first."""
        self._state.note("present")
        return self._state.present

    def items(self, hook: str) -> Mapping[str, Any]:
        """The items of plugins for a hook that another plugin declares, by the `name` of each.

        Raises PluginError if no loaded plugin declares this hook.
        """
        registry, note = self._state.registry, self._state.note
        items = {} if registry is None else registry.items(hook)
        return TrackedMapping(items, lambda name: note(f"item:{hook}:{name}"))
