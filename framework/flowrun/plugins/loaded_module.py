"""A local module as it was imported: its text then, and the things it looked at."""

from __future__ import annotations

from pathlib import Path

import msgspec

from flowrun.plugins.observation.record import Observation
from flowrun.plugins.observation.states import state_now
from flowrun.values.stamps import Stamp, is_settled, stamp_of


class LoadedModule(msgspec.Struct):
    """A local module that was imported.

    text: of its file as it was imported; None if it has none (an extension, or one in a zip file).
    observation: of its import. is_of_plugin: whether a plugin imported it, and not other code.
    """

    name: str
    path: str
    is_of_plugin: bool = False
    text: bytes | None = None
    stamp: Stamp | None = None
    observation: Observation = msgspec.field(default_factory=Observation)

    def is_current(self) -> bool:
        """Whether importing it again would give the same."""
        if stamp_of(self.path) != self.stamp:
            return False
        is_sure = self.text is None or (self.stamp is not None and is_settled(self.stamp))
        if not is_sure and Path(self.path).read_bytes() != self.text:
            return False
        return all(state_now(what) == state for what, state in self.observation.seen.items())
