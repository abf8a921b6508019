"""The memory that tensors take: each storage once, from when it is made until it dies."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flowrun_tensors.checking.operands import tensors_in
from flowrun_tensors.lazy_torch import torch


class TensorMemory:
    """Counts the bytes of the storages that live, by the name of their device.

    Views and operations in place have the storage of another tensor, and add nothing. What autograd
    saves for the backward pass lives as long as its graph. Unseen is what a kernel takes while it
    computes, and gives back.
    """

    def __init__(self) -> None:
        self.live: dict[str, int] = {}
        self.peak: dict[str, int] = {}
        self._held: dict[int, weakref.ref[Any]] = {}
        self._in_file = False

    def begin(self) -> None:
        """Let the peak start from what lives now."""
        self.peak = dict(self.live)

    @contextmanager
    def in_file(self) -> Iterator[None]:
        """Count nothing of what is made inside."""
        before, self._in_file = self._in_file, True
        try:
            yield
        finally:
            self._in_file = before

    def note(self, result: Any, device: str | None = None) -> None:
        """Count what an operation has made. device: the name to count it by."""
        for tensor in tensors_in(result):
            if tensor.layout is torch.strided:
                self._note_storage(tensor.untyped_storage(), device or str(tensor.device))

    def _note_storage(self, storage: torch.UntypedStorage, device: str) -> None:
        key = storage._cdata
        if key in self._held:
            return
        size = 0 if self._in_file or device == "meta" else storage.nbytes()

        def freed(_: object) -> None:
            if self._held.pop(key, None) is not None:
                self.live[device] -= size

        self._held[key] = weakref.ref(storage, freed)
        self.live[device] = self.live.get(device, 0) + size
        self.peak[device] = max(self.peak.get(device, 0), self.live[device])
