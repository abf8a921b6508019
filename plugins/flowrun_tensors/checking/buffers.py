"""torch.save into memory and torch.load from there, without data; files that torch maps.

A buffer gets a description of each tensor in place of its elements: so what is read from it is what
was written, also by another step.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flowrun import NeedsDataError
from flowrun_tensors.lazy_torch import torch

_MARK = b"flowrun shapes\n"


class _Writer(pickle.Pickler):
    """Writes tensors as descriptions."""

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return None
        is_parameter = isinstance(value, torch.nn.Parameter)
        layout = tuple(value.shape), value.stride(), value.dtype, str(value.device)
        return id(value), *layout, value.requires_grad, is_parameter


class _Reader(pickle.Unpickler):
    """Makes tensors of their descriptions; the same one for all places of one tensor."""

    def __init__(self, file: Any, device: Any) -> None:
        super().__init__(file)
        self._device = device
        self._made: dict[int, torch.Tensor] = {}

    def persistent_load(self, description: Any) -> torch.Tensor:
        key, shape, stride, dtype, device, requires_grad, is_parameter = description
        if key not in self._made:
            device = self._device or device
            made = torch.empty_strided(shape, stride, dtype=dtype, device=device)
            if is_parameter:
                made = torch.nn.Parameter(made, requires_grad)
            self._made[key] = made.requires_grad_(requires_grad)
        return self._made[key]


def save(value: Any, f: Any, *arguments: Any, **keywords: Any) -> None:
    """Replaces `torch.save`; raises NeedsDataError if it would write a file."""
    if isinstance(f, (str, os.PathLike)):
        raise NeedsDataError("it writes a file")
    f.write(_MARK)
    _Writer(f).dump(value)


def load_with(real: Callable[..., Any]) -> Callable[..., Any]:
    """A function that replaces `torch.load`: of what `save` wrote; of anything else the real."""

    def load(f: Any, map_location: Any = None, *arguments: Any, **keywords: Any) -> Any:
        if isinstance(f, (str, os.PathLike)):
            return real(f, map_location, *arguments, **keywords)
        begin = f.tell()
        if f.read(len(_MARK)) != _MARK:
            f.seek(begin)
            return real(f, map_location, *arguments, **keywords)
        is_one = isinstance(map_location, (str, torch.device))
        return _Reader(f, map_location if is_one else None).load()

    return load


def from_file(
    filename: str, shared: bool | None = None, size: int | None = 0, **keywords: Any
) -> torch.Tensor:
    """Replaces `torch.from_file`, and maps nothing. Raises its errors by the length of the file."""
    made = torch.empty(size or 0, **keywords)
    path = Path(filename)
    needed = made.numel() * made.element_size()
    length = path.stat().st_size if path.is_file() else None
    if shared and (length is None or length < needed):
        raise NeedsDataError("it writes a file")
    if length is None:
        reason = "in read-only mode: No such file or directory (2)"
        raise RuntimeError(f"unable to open file <{filename}> {reason}")
    if length < needed:
        reason = f"size <{length}> is smaller than the required mapping size <{needed}>"
        raise RuntimeError(f"file <{filename}> {reason}")
    return made
