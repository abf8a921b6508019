"""The numbers that a floating dtype can hold."""

from __future__ import annotations

from flowrun_tensors.lazy_torch import torch


def is_too_large(number: float, dtype: str) -> bool:
    """Whether a finite number becomes infinite in a dtype, after rounding."""
    kind = getattr(torch, dtype)
    if not kind.is_floating_point:
        return False
    info = torch.finfo(kind)
    half_a_step = info.max / (2 - info.eps) * info.eps / 2  # of the numbers next to the largest
    return info.max + half_a_step <= abs(number) < float("inf")


def too_large(number: float, dtype: str) -> str:
    """The sentence that says so, and which dtype to take."""
    largest = torch.finfo(getattr(torch, dtype)).max
    wider = "float64" if is_too_large(number, "float32") else "float32"
    return f"`{number:g}` is larger than {dtype} can hold ({largest:g}); take `dtype: {wider}`"
