"""The numbers that a dtype can hold."""

from __future__ import annotations

from flowrun_tensors.lazy_torch import torch


def is_too_large(number: float, dtype: str) -> bool:
    """Whether a finite number becomes infinite in a dtype, after rounding."""
    if dtype == "float64":  # which Python's own numbers are; torch is not imported for it
        return False
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


def count_lost(numbers: torch.Tensor, cast: torch.Tensor) -> int:
    """How many numbers became infinite, or are outside of the range, when they were cast."""
    if numbers.is_complex() or cast.dtype is torch.bool or numbers.dtype is torch.bool:
        return 0
    if cast.is_floating_point():
        infinite = cast.isinf()
        return int((infinite & numbers.isfinite()).sum()) if infinite.any() else 0
    if numbers.is_floating_point():
        # Both bounds are powers of two, which float32 can represent; nan is not between them.
        whole = (numbers if numbers.dtype is torch.float64 else numbers.float()).trunc()
        least = float(torch.iinfo(cast.dtype).min)
        return int((~((whole >= least) & (whole < -least))).sum())
    # Compared by their bits: torch would wrap a bound that the dtype of the numbers lacks.
    kind = {4: torch.int32, 8: torch.int64}.get(numbers.itemsize)
    if kind is None:
        return 0
    is_other = cast.to(numbers.dtype).view(kind) != numbers.view(kind)
    is_unsigned = torch.iinfo(numbers.dtype).min == 0
    return int((is_other | (cast < 0) if is_unsigned else is_other).sum())
