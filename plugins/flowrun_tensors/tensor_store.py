"""Digests and files of tensors: their content, and its layout in memory.

Kernels choose their order of adding by strides, and some by alignment, so a value that comes back
with another layout could give other last bits. A tensor is read with the layout it was written in.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from flowrun_tensors.formats.limits import require_held
from flowrun_tensors.lazy_torch import torch

_ALIGNMENT = 64  # bytes: that of torch's own allocations, and of the kernels' vectors
_CHUNK = (
    1 << 22
)  # bytes digested at a time if a tensor is not contiguous: about the size of a cache


def tensor_digest(tensor: torch.Tensor) -> bytes:
    """BLAKE3 of dtype, shape and bytes in row-major order, independent of strides and device.

    Raises ValueError for a tensor that has no such bytes (a sparse or quantized one).
    """
    from blake3 import blake3

    _require_dense(tensor)
    hasher = blake3(f"{tensor.dtype} {tuple(tensor.shape)}:".encode())
    for piece in _pieces(tensor.detach()):
        hasher.update(_bytes_of(piece))
    return hasher.digest()


def tensor_layout(tensor: torch.Tensor) -> str:
    """Device, strides and alignment; empty for a contiguous, aligned tensor on the CPU."""
    layout = _layout(tensor)
    return json.dumps(layout, sort_keys=True) if layout else ""


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Tensors by name as a safetensors file, their layouts in its metadata.

    The data begins at a multiple of 64 bytes, so that a mapped tensor is as aligned as one that
    torch allocates. Raises ValueError for a tensor that is part of an autograd graph, and DataError
    for one of a dtype that the format does not have.
    """
    from safetensors.torch import save

    require_held("safetensors", tensors)
    for name, tensor in tensors.items():
        _require_dense(tensor)
        if tensor.grad_fn is not None:
            raise ValueError(f"`{name}` is part of an autograd graph, which no file can hold")
    layouts = {name: layout for name, tensor in tensors.items() if (layout := _layout(tensor))}
    text = json.dumps(layouts)
    content = save(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()},
        {"layouts": text, "seal": _seal(text)},  # a tensor's digest says nothing of its layout
    )
    (header,) = struct.unpack("<Q", content[:8])
    padding = -(8 + header) % _ALIGNMENT  # spaces may follow the header, says the format
    with path.open("wb") as file:
        file.write(struct.pack("<Q", header + padding))
        file.write(memoryview(content)[8 : 8 + header])
        file.write(b" " * padding)
        file.write(memoryview(content)[8 + header :])


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of such a file, memory-mapped if the file has the layout they had in memory.

    Raises ValueError if their layouts are not those that were written.
    """
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        text = metadata.get("layouts", "")
        if metadata.get("seal") != _seal(text):
            raise ValueError("what the file says of the tensors' layouts has been altered")
        layouts = json.loads(text)
        return {
            name: _laid_out(file.get_tensor(name), layouts.get(name, {}))
            for name in file.keys()  # noqa: SIM118
        }


def _layout(tensor: torch.Tensor) -> dict[str, Any]:
    layout: dict[str, Any] = {}
    if not tensor.is_contiguous():
        layout["strides"] = list(tensor.stride())
    if tensor.device.type != "cpu":
        layout["device"] = str(tensor.device)
    elif tensor.numel() and (offset := tensor.data_ptr() % _ALIGNMENT):
        layout["offset"] = offset
    if tensor.requires_grad:
        layout["requires_grad"] = True
    return layout


def _seal(layouts: str) -> str:
    from blake3 import blake3

    return blake3(layouts.encode()).hexdigest(length=16)


def _laid_out(tensor: torch.Tensor, layout: dict[str, Any]) -> torch.Tensor:
    """The tensor with the strides, the alignment and the device it had."""
    if "device" in layout:
        tensor = tensor.to(layout["device"])
    strides = layout.get("strides", list(tensor.stride()))
    offset = layout.get("offset", 0)
    is_mapped_well = tensor.device.type != "cpu" or tensor.data_ptr() % _ALIGNMENT == offset
    if "strides" in layout or not is_mapped_well:
        # A stride of 0 repeats one element: only the first is written, and expanded again.
        once = tensor[tuple(slice(0, 1 if stride == 0 else None) for stride in strides)]
        shape = list(once.shape)
        count = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        room = max(0, count if tensor.numel() else 0) + offset // tensor.element_size()
        storage = torch.empty(room, dtype=tensor.dtype, device=tensor.device)
        start = offset // tensor.element_size()
        target = storage.as_strided(shape, strides, start)
        target.copy_(once)
        tensor = target.as_strided(list(tensor.shape), strides, start)
    return tensor.requires_grad_() if layout.get("requires_grad") else tensor


def _pieces(tensor: torch.Tensor) -> list[torch.Tensor] | tuple[torch.Tensor, ...]:
    """The tensor in parts, so that bringing it into order takes little memory."""
    if tensor.is_contiguous() or tensor.nbytes <= _CHUNK or not tensor.ndim:
        return [tensor]
    rows = max(1, _CHUNK * len(tensor) // max(1, tensor.nbytes))
    return tensor.split(rows)


def _bytes_of(tensor: torch.Tensor) -> memoryview:
    plain = tensor.cpu().contiguous().resolve_conj().resolve_neg().reshape(-1)
    return memoryview(plain.view(torch.uint8).numpy())


def _require_dense(tensor: torch.Tensor) -> None:
    if tensor.layout is not torch.strided or tensor.is_quantized:
        raise ValueError(f"a {tensor.layout} tensor is not digested or kept")
