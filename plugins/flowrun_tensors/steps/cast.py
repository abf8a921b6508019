"""The step `cast`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flowrun import FlowrunError, Meta, step
from flowrun_tensors.lazy_torch import torch

Dtype = Annotated[
    Literal["bool", "int32", "int64", "float16", "bfloat16", "float32", "float64"],
    Meta(description="A name, and the dtype it gets."),
]


@step(
    inputs=lambda options: tuple(options.named),
    outputs=lambda options: tuple(options.named),
)
def cast(values: dict[str, Any], **named: Dtype) -> dict[str, torch.Tensor]:
    """Give tensors another dtype: `cast: {a: float32}`.

    Each named tensor keeps its shape and device. From a floating dtype to a whole one the fraction
    is cut off, as in torch.
    """
    for name, value in values.items():
        if not isinstance(value, torch.Tensor):
            raise FlowrunError(f"`{name}` is a {type(value).__name__}, and has no dtype")
    return {name: values[name].to(getattr(torch, dtype)) for name, dtype in named.items()}
