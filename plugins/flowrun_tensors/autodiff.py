"""Tensors by which one differentiates, and the scalars that one differentiates."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from flowrun import FlowrunError, OptionError
from flowrun_tensors.lazy_torch import torch


def check_names(by: Iterable[str]) -> None:
    """Raise OptionError for a part of a value in `by`, which takes names."""
    for name in by:
        if not name.isidentifier() and name[:1].isalpha():
            last = re.split(r"\W+", name.strip("]\"' "))[-1]
            raise OptionError(
                f"`by` takes names of values, and `{name}` is a part of one",
                option="by",
                hint=f"give the part a name first: `compute: {{{last}: {name}}}`",
            )


def tracked(name: str, value: Any) -> torch.Tensor:
    """A copy of a value by which one can differentiate."""
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        kind = value.dtype if isinstance(value, torch.Tensor) else type(value).__name__
        raise FlowrunError(f"`{name}` is {kind}: only floating tensors have derivatives; cast it")
    return value.detach().clone().requires_grad_()


def scalar(f: Any, text: str) -> torch.Tensor:
    """The value of an expression, which must be one number that depends on tracked tensors."""
    if not isinstance(f, torch.Tensor) or not f.requires_grad:
        raise FlowrunError(f"`{text}` does not depend on the tensors of `by`")
    if f.numel() != 1:
        raise FlowrunError(
            f"`{text}` has the shape {tuple(f.shape)}; only a scalar has a gradient: "
            "take its `.mean()` or `.sum()`"
        )
    return f.reshape(())
