"""Sparse and quantized tensors as strided ones: their parts by name, and what joins them again."""

from __future__ import annotations

from typing import Any

from flowrun_tensors.lazy_torch import torch

_LAYOUT = "layout"
_QUANTIZED = "quantized"


def is_plain(tensor: torch.Tensor) -> bool:
    """Whether a tensor is strided, and not quantized."""
    return tensor.layout is torch.strided and not tensor.is_quantized


def dense(tensor: torch.Tensor) -> torch.Tensor:
    """The elements of a tensor, also of a sparse or quantized one, apart from any graph."""
    found = tensor.detach()
    if found.is_quantized:
        return found.dequantize()
    return found if found.layout is torch.strided else found.to_dense()


def parts_of(tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    """The strided tensors of which such a tensor consists, by name.

    Raises ValueError for a layout, or a way of quantizing, that has none.
    """
    tensor = tensor.detach()
    if tensor.is_quantized:
        return _quantized_parts(tensor)
    if tensor.layout is torch.sparse_coo:
        return {"indices": tensor._indices(), "values": tensor._values()}
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        indices = (tensor.crow_indices(), tensor.col_indices())
    elif tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        indices = (tensor.ccol_indices(), tensor.row_indices())
    else:
        raise ValueError(f"a {tensor.layout} tensor is not digested or kept")
    return {"compressed": indices[0], "plain": indices[1], "values": tensor.values()}


def traits_of_parts(tensor: torch.Tensor) -> dict[str, Any]:
    """What a tensor of parts has beside these, as JSON."""
    traits: dict[str, Any] = {_LAYOUT: str(tensor.layout).removeprefix("torch.")}
    if tensor.is_quantized:
        traits[_QUANTIZED] = _quantization(tensor)
    else:
        traits["shape"] = list(tensor.shape)
    if tensor.layout is torch.sparse_coo:
        traits["coalesced"] = tensor.is_coalesced()
    if tensor.requires_grad:
        traits["requires_grad"] = True
    return traits


def joined(parts: dict[str, torch.Tensor], traits: dict[str, Any]) -> torch.Tensor:
    """The tensor of such parts; raises what torch raises for parts that do not fit."""
    if _QUANTIZED in traits:
        return _quantized(parts, traits[_QUANTIZED])
    layout, shape = getattr(torch, traits[_LAYOUT]), traits["shape"]
    if layout is torch.sparse_coo:
        tensor = torch.sparse_coo_tensor(
            parts["indices"], parts["values"], shape,
            is_coalesced=traits["coalesced"], check_invariants=True,
        )  # fmt: skip
    else:
        tensor = torch.sparse_compressed_tensor(
            parts["compressed"], parts["plain"], parts["values"], shape,
            layout=layout, check_invariants=True,
        )  # fmt: skip
    return tensor.requires_grad_(bool(traits.get("requires_grad")))


def _quantized_parts(tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    if tensor.dtype not in (torch.qint8, torch.quint8, torch.qint32):
        raise ValueError(f"a tensor of dtype {tensor.dtype} is not digested or kept")
    if tensor.qscheme() is torch.per_tensor_affine:
        return {"numbers": tensor.int_repr()}
    if tensor.qscheme() is torch.per_channel_affine:
        scales = {
            "scales": tensor.q_per_channel_scales(),
            "zeros": tensor.q_per_channel_zero_points(),
        }
        return {"numbers": tensor.int_repr(), **scales}
    raise ValueError(f"a tensor that is quantized by {tensor.qscheme()} is not digested or kept")


def _quantization(tensor: torch.Tensor) -> list[Any]:
    if tensor.qscheme() is torch.per_tensor_affine:
        return [tensor.q_scale(), tensor.q_zero_point()]
    return [tensor.q_per_channel_axis()]


def _quantized(parts: dict[str, torch.Tensor], traits: list[Any]) -> torch.Tensor:
    if len(traits) == 2:
        return torch._make_per_tensor_quantized_tensor(parts["numbers"], *traits)
    return torch._make_per_channel_quantized_tensor(
        parts["numbers"], parts["scales"], parts["zeros"], traits[0]
    )
