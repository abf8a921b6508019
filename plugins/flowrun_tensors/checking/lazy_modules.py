"""Parameters and buffers of lazy modules (`nn.LazyLinear`) as fake tensors.

Torch makes each as an instance of a subclass of Tensor on the storage of another tensor, which
cannot be a fake one. So the class of a fake tensor is changed here instead.
"""

from __future__ import annotations

from typing import Any

from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from flowrun_tensors.checking.fake_tensors import FakeTensor
from flowrun_tensors.lazy_torch import torch


class _LazyParameter(UninitializedParameter, FakeTensor):
    """A parameter whose shape the module's first call decides."""

    cls_to_become = FakeTensor  # type: ignore[assignment]
    shape = torch.Tensor.shape  # type: ignore[assignment]  # the rules for shapes ask for it


class _LazyBuffer(UninitializedBuffer, FakeTensor):
    """A buffer whose shape the module's first call decides."""

    cls_to_become = FakeTensor  # type: ignore[assignment]
    shape = torch.Tensor.shape  # type: ignore[assignment]


def new_parameter(
    cls: type, requires_grad: bool = True, device: Any = None, dtype: Any = None
) -> Any:
    """Replaces `UninitializedParameter.__new__`."""
    return _as_lazy(torch.empty(0, device=device, dtype=dtype), _LazyParameter, requires_grad)


def new_buffer(
    cls: type,
    requires_grad: bool = False,
    device: Any = None,
    dtype: Any = None,
    persistent: bool = True,
) -> Any:
    """Replaces `UninitializedBuffer.__new__`."""
    made = _as_lazy(torch.empty(0, device=device, dtype=dtype), _LazyBuffer, requires_grad)
    made.persistent = persistent
    return made


def still_lazy(tensor: Any, changed: Any) -> Any:
    """A lazy tensor that was moved or cast, with the class that it had before."""
    return _as_lazy(changed, type(tensor), tensor.requires_grad)


def _as_lazy(tensor: Any, kind: type, requires_grad: bool) -> Any:
    tensor.requires_grad_(requires_grad)
    mark = "_is_param" if kind is _LazyParameter else "_is_buffer"
    setattr(tensor, mark, True)
    tensor.__class__ = kind
    return tensor
