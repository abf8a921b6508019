"""How tensors are summarised, and turned into plain numbers."""

from __future__ import annotations

from flowrun import Codec, Summary
from flowrun_tensors.lazy import torch


def tensor_summary(tensor: torch.Tensor) -> Summary:
    """Shape, dtype, device and bytes of a tensor."""
    return Summary(
        type="tensor",
        shape=tuple(tensor.shape),
        dtype=str(tensor.dtype).removeprefix("torch."),
        device=str(tensor.device),
        bytes=tensor.nbytes,
    )


def tensor_plain(tensor: torch.Tensor) -> object:
    """The tensor as a number or nested lists."""
    return tensor.detach().tolist()


CODECS = (Codec("torch.Tensor", tensor_summary, tensor_plain),)
