"""The step `cast`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flowrun import CheckContext, Context, FlowrunError, Meta, step
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.ranges import count_lost

Dtype = Annotated[
    Literal["bool", "int32", "int64", "float16", "bfloat16", "float32", "float64"],
    Meta(description="A name, and the dtype it gets."),
]


@step(
    inputs=lambda options: tuple(options.named),
    outputs=lambda options: tuple(options.named),
)
def cast(values: dict[str, Any], *, ctx: Context, **named: Dtype) -> dict[str, torch.Tensor]:
    """Give tensors another dtype: `cast: {a: float32}`.

    Each named tensor keeps its shape and device. From a floating dtype to a whole one the fraction
    is cut off, as in torch. A warning counts the numbers that the dtype cannot hold: they become
    infinite in a floating one, and arbitrary in a whole one.
    """
    made = _made(values, named)
    for name, tensor in made.items():
        lost = count_lost(values[name], tensor)
        if lost:
            what = "infinite" if tensor.is_floating_point() else "arbitrary"
            ctx.warn(
                f"{lost} of the numbers of `{name}` are beyond {named[name]}, and become {what}"
            )
    return made


@cast.on_shapes
def _on_shapes(
    values: dict[str, Any], *, ctx: CheckContext, **named: str
) -> dict[str, torch.Tensor]:
    """Without a look at the numbers."""
    return _made(values, named)


@cast.on_outlines
def _on_outlines(values: dict[str, Any], *, ctx: Context, **named: str) -> dict[str, Any]:
    """The same tables, of another dtype."""
    return dict(values)


def _made(values: dict[str, Any], named: dict[str, str]) -> dict[str, torch.Tensor]:
    for name, value in values.items():
        if not isinstance(value, torch.Tensor):
            raise FlowrunError(f"`{name}` is a {type(value).__name__}, and has no dtype")
    return {name: values[name].to(getattr(torch, dtype)) for name, dtype in named.items()}
