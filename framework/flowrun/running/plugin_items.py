"""What the plugins give to a step that asks `ctx.plugins`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowrun.running.tracked_mapping import TrackedMapping

if TYPE_CHECKING:
    from flowrun.plugins.extensions import Dataset, Format
    from flowrun.running.context_state import ContextState


class PluginItems:
    """What the plugins give. What a step looks up here belongs to its record."""

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
        """What plugins give by a hook that another plugin declares, by the `name` of each item.

        Raises PluginError if no plugin at hand declares this hook.
        """
        registry, note = self._state.registry, self._state.note
        items = {} if registry is None else registry.items(hook)
        return TrackedMapping(items, lambda name: note(f"item:{hook}:{name}"))
