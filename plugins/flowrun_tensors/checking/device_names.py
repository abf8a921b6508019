"""Absent devices by the names that a recipe and its code know: never by what stands for them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from flowrun_tensors.checking.standin_device import BACKEND, index_of, name_of
from flowrun_tensors.lazy_torch import torch

_KINDS = ("cuda", "xpu", "mps")
_STANDIN = re.compile(rf"\b{BACKEND}(?::(\d+))?\b")


class DeviceNames:
    """Takes device names into what stands for them, and back.

    devices: the full names of those the recipe is meant for, there or not; present: those of this
    machine. What a step's code names beyond them is absent unless its kind is there. current: the
    index that a kind without one means, as torch.cuda.set_device sets it.
    """

    def __init__(self, devices: Iterable[str], present: Iterable[str]) -> None:
        self.meant = tuple(devices)
        self._present = frozenset(present)
        self.current = dict.fromkeys(_KINDS, 0)
        self.has_absent = any(name not in self._present for name in self.meant)

    def count(self, kind: str) -> int:
        """How many devices of a kind the machine has that the recipe is meant for."""
        names = {*self.meant, *self._present}
        return sum(name.partition(":")[0] == kind for name in names)

    def is_absent(self, kind: str) -> bool:
        """Whether this machine has no device of a kind."""
        return kind in _KINDS and not any(name.startswith(kind) for name in self._present)

    @property
    def accelerator(self) -> str:
        """The kind that an index alone means: `x.to(0)`."""
        kinds = [name.partition(":")[0] for name in self.meant]
        return next((kind for kind in kinds if kind in _KINDS), "cuda")

    def raw(self, device: Any) -> Any:
        """What stands for a device: a name, a torch.device or an index; itself where it is there.

        What is no device is given back as it is: torch says so.
        """
        if isinstance(device, int) and not isinstance(device, bool):
            return self.raw(f"{self.accelerator}:{device}")
        if isinstance(device, str) and device.partition(":")[0] in _KINDS:
            try:
                device = torch.device(device)
            except RuntimeError:
                return device
        if not isinstance(device, torch.device) or device.type not in _KINDS:
            return device
        index = self.current[device.type] if device.index is None else device.index
        name = f"{device.type}:{index}"
        if name in self._present:
            return device
        self.has_absent = True
        return torch.device(BACKEND, index_of(name))

    def shown(self, device: torch.device) -> torch.device:
        """The device that another stands for; itself where it is none of those."""
        if device.type != BACKEND:
            return device
        name = name_of(device.index or 0)
        return device if name is None else torch.device(name)

    def in_text(self, text: str) -> str:
        """A message with the names that a person knows."""

        def named(match: re.Match[str]) -> str:
            if match[1] is None:
                return self.accelerator
            return name_of(int(match[1])) or match[0]

        return _STANDIN.sub(named, text)
