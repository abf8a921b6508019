"""The content of a tensor file before it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flowrun import Format, Unknown
from flowrun_tensors.formats.limits import require_held
from flowrun_tensors.formats.tensor_files import (
    by_name,
    no_tensor,
    write_numpy,
    write_pt,
    write_safetensors,
)
from flowrun_tensors.lazy_torch import torch

_MAYBE_TENSOR = ("tensor", "unknown")  # kinds of unknown values that can be tensors


def values_as_written(chosen: Format, path: Path, named: dict[str, Any]) -> dict[str, Any] | None:
    """The values that `chosen.read` will return from a file that `chosen.write` writes.

    For a check: nothing is written. None if the format is another plugin's, which alone knows.
    Raises DataError if `chosen.write` would fail. A tensor of which nothing is known stays so.
    """
    write: Any = chosen.write
    makers: dict[Any, Callable[[str, torch.Tensor], torch.Tensor]] = {
        write_pt: _in_pt, write_safetensors: _in_safetensors, write_numpy: _in_numpy,
    }  # fmt: skip
    make = makers.get(write)
    if make is None:
        return None
    made = {name: _made(name, value, make) for name, value in named.items()}
    if write is write_safetensors:
        return by_name(made, path)
    return {"data": next(iter(made.values()))} if len(made) == 1 else made


def _made(name: str, value: Any, make: Callable[[str, torch.Tensor], torch.Tensor]) -> Any:
    if isinstance(value, Unknown):
        if value.kind not in _MAYBE_TENSOR:
            raise no_tensor(name, value.kind)
        return value
    if not isinstance(value, torch.Tensor):
        raise no_tensor(name, type(value).__name__)
    return make(name, value)


def _in_pt(name: str, tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().clone().cpu()


def _in_safetensors(name: str, tensor: torch.Tensor) -> torch.Tensor:
    require_held("safetensors", {name: tensor})
    return tensor.detach().cpu().contiguous().clone()


def _in_numpy(name: str, tensor: torch.Tensor) -> torch.Tensor:
    require_held("NumPy", {name: tensor})
    array = tensor.detach().cpu()
    is_fortran = array.permute(tuple(reversed(range(array.ndim)))).is_contiguous()
    order = torch.preserve_format if is_fortran else torch.contiguous_format
    return array.clone(memory_format=order)
