"""Indices that are Python lists: their numbers are known, whatever the tensor holds."""

from __future__ import annotations

from typing import Any

from flowrun_tensors.lazy_torch import torch


def with_known_lists(function: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The operands of `x[index]` and `x[index] = value`, with masks that are lists as positions.

    Those of another function are given back as they are. Raises IndexError where a list has a
    position that the tensor does not have.
    """
    if function not in (torch.Tensor.__getitem__, torch.Tensor.__setitem__):
        return args
    tensor, index, *value = args
    return tensor, _checked(tensor, index), *value


def _checked(tensor: torch.Tensor, index: Any) -> Any:
    parts = list(index) if isinstance(index, tuple) else [index]
    dimension = 0
    for place, part in enumerate(parts):
        if part is Ellipsis or dimension >= tensor.dim():
            break  # which dimension is meant is torch's to say
        if isinstance(part, list) and part and all(isinstance(item, int) for item in part):
            parts[place] = _positions(part, tensor, dimension)
        if isinstance(part, torch.Tensor) and part.dtype in (torch.bool, torch.uint8):
            dimension += part.dim()
        elif part is not None and not isinstance(part, bool):
            dimension += 1
    return tuple(parts) if isinstance(index, tuple) else parts[0]


def _positions(part: list[Any], tensor: torch.Tensor, dimension: int) -> list[int]:
    size = tensor.shape[dimension]
    if all(isinstance(item, bool) for item in part):
        if len(part) != size:
            raise IndexError(
                f"The shape of the mask [{len(part)}] at index 0 does not match the shape of the "
                f"indexed tensor {list(tensor.shape)} at index {dimension}"
            )
        return [position for position, is_chosen in enumerate(part) if is_chosen]
    for position in part:
        if not -size <= position < size:
            raise IndexError(
                f"index {position} is out of bounds for dimension {dimension} with size {size}"
            )
    return part
