"""The step `place`."""

from __future__ import annotations

from typing import Annotated, Any

from flowrun import Context, FlowrunError, Meta, step
from flowrun_tensors.lazy_torch import torch

Device = Annotated[
    str,
    Meta(pattern=r"^(cpu|cuda|mps|xpu)(:\d+)?$", description="A name, and the device it goes to."),
]


@step(
    inputs=lambda options: tuple(options.named),
    outputs=lambda options: tuple(options.named),
)
def place(values: dict[str, Any], *, ctx: Context, **named: Device) -> dict[str, torch.Tensor]:
    """Copy tensors to a device: `place: {a: cuda}`.

    Each named tensor keeps its shape and dtype. If the device is not available, raises torch's
    message (`Torch not compiled with CUDA enabled`), with the devices that are.
    """
    placed = {}
    for name, device in named.items():
        try:
            placed[name] = values[name].to(device)
        except (AssertionError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            raise FlowrunError(
                f"{reason}\nthis machine has: {', '.join(ctx.plugins.devices)}"
            ) from error
    return placed


@place.on_outlines
def _on_outlines(values: dict[str, Any], *, ctx: Context, **named: str) -> dict[str, Any]:
    """The same tables, on another device."""
    return dict(values)
