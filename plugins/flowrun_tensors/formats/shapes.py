"""Values without their data: tensors that have a shape, a dtype and strides alone."""

from __future__ import annotations

import copy
from typing import Any

from flowrun import NeedsDataError
from flowrun_tensors.lazy_torch import torch


def without_data(value: Any) -> Any:
    """The value, with each tensor in it replaced by an empty one on the CPU.

    Raises NeedsDataError for a tensor that is not dense, whose memory depends on its content.
    """
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.is_quantized:
            raise NeedsDataError(f"a tensor is {_layout(value)}: its size depends on its data")
        made = torch.empty_strided(
            tuple(value.shape), value.stride(), dtype=value.dtype, device="cpu"
        )
        if isinstance(value, torch.nn.Parameter):
            return torch.nn.Parameter(made, requires_grad=value.requires_grad)
        return made.requires_grad_(value.requires_grad)
    if isinstance(value, dict):
        items = {key: without_data(item) for key, item in value.items()}
        made_dict = copy.copy(value)
        made_dict.update(items)
        return made_dict
    if type(value) in (list, tuple):
        return type(value)(without_data(item) for item in value)
    return value


def _layout(tensor: torch.Tensor) -> str:
    return "quantized" if tensor.is_quantized else str(tensor.layout).removeprefix("torch.")
