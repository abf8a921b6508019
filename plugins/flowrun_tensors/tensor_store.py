"""Digests and files of tensors, with everything that a step can see of one except its address.

Beside dtype, shape and elements a tensor has traits: strides and alignment, by which kernels choose
their order of adding, its device, whether it requires a gradient, and the rest of `_traits`. They
are part of its digest, and it is read with the traits that it was written with. Its address, and
the size and other content of its storage, are not: each tensor is read back alone.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.tensor_parts import is_plain, joined, parts_of, traits_of_parts

_ALIGNMENT = 64  # bytes: that of torch's own allocations, and of the kernels' vectors
_OF_BUFFERS = frozenset({"persistent", "_is_buffer"})  # attributes that torch.nn.Buffer sets
_CHUNK = 1 << 22  # bytes digested at a time of a tensor with gaps: about the size of a cache
_MOST_NAMES = 100_000  # tensors in one value or golden file; each takes 0.1 ms to read
# Bytes of memory that a view with gaps may span, if that is more than 16 times its own.
_MOST_SPAN, _MOST_RATIO = 1 << 28, 16
# Those that safetensors lacks are written as bytes.
_IN_SAFETENSORS = frozenset(
    "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 float64 "
    "float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz complex64".split()
)


def tensor_digest(tensor: torch.Tensor) -> bytes:
    """BLAKE3 of dtype, shape, bytes in row-major order, and traits if the tensor has any.

    A contiguous tensor on the CPU without a gradient has none. Of a sparse or quantized tensor the
    digests of its parts, and what joins them, count. Raises ValueError for a tensor that no file
    can hold whole: one that is part of an autograd graph, one with hooks or attributes of its own.
    """
    from blake3 import blake3

    _require_storable(tensor)
    if not is_plain(tensor):
        return _digest_of_parts(tensor)
    hasher = blake3(f"{tensor.dtype} {tuple(tensor.shape)}:".encode())
    for piece in _pieces(tensor.detach()):
        hasher.update(_bytes_of(piece))
    if traits := _traits(tensor):
        hasher.update(repr(traits).encode())  # they stand in one order
    if tensor.grad is not None:
        hasher.update(b"grad:" + tensor_digest(tensor.grad))
    return hasher.digest()


def _digest_of_parts(tensor: torch.Tensor) -> bytes:
    from blake3 import blake3

    hasher = blake3(repr(traits_of_parts(tensor)).encode())
    for name, part in parts_of(tensor).items():
        hasher.update(name.encode() + tensor_digest(part))
    if tensor.grad is not None:
        hasher.update(b"grad:" + tensor_digest(tensor.grad))
    return hasher.digest()


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Tensors by name as a safetensors file, their traits in its metadata.

    The data begins at a multiple of 64 bytes, so that a mapped tensor is as aligned as one that
    torch allocates. Raises ValueError for a tensor that has no digest.
    """
    from safetensors.torch import save

    _require_few(len(tensors))
    plain: dict[str, torch.Tensor] = {}
    traits: dict[str, dict[str, Any]] = {}
    for name, tensor in _with_parts(_with_gradients(tensors, traits), traits):
        _require_storable(tensor)
        traits.setdefault(name, {}).update(_traits(tensor))
        plain[name] = _plain(tensor)
        if _dtype_name(tensor) not in _IN_SAFETENSORS:
            traits[name]["dtype"], traits[name]["shape"] = _dtype_name(tensor), list(tensor.shape)
            plain[name] = plain[name].reshape(-1).view(torch.uint8)
    text = json.dumps({name: found for name, found in traits.items() if found})
    content = save(plain, {"traits": text, "seal": _seal(text)})  # read before they are compared
    (header,) = struct.unpack("<Q", content[:8])
    padding = -(8 + header) % _ALIGNMENT  # spaces may follow the header, says the format
    with path.open("wb") as file:
        file.write(struct.pack("<Q", header + padding))
        file.write(memoryview(content)[8 : 8 + header])
        file.write(b" " * padding)
        file.write(memoryview(content)[8 + header :])


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of such a file, memory-mapped if the file has the layout they had in memory.

    Raises ValueError if their traits are not those that were written.
    """
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        _require_few(len(file.keys()))
        metadata = file.metadata() or {}
        text = metadata.get("traits", "{}")
        if metadata.get("seal", _seal("{}")) != _seal(text):
            raise ValueError("the traits of tensors in the file have been altered")
        traits = json.loads(text)
        found = {
            name: _restored(file.get_tensor(name), traits.get(name, {}))
            for name in file.keys()  # noqa: SIM118
        }
    for name, one in traits.items():
        if "parts" in one:
            parts = {key: found.pop(part) for key, part in one["parts"].items()}
            found[name] = joined(parts, one)
    for name, gradient in ((name, one["grad"]) for name, one in traits.items() if "grad" in one):
        found[name].grad = found.pop(gradient)
    return found


def _traits(tensor: torch.Tensor) -> dict[str, Any]:
    """The properties of a tensor beside dtype, shape and elements that are not the usual ones."""
    traits: dict[str, Any] = {}
    if not _has_usual_strides(tensor):
        traits["strides"] = list(tensor.stride())
    # In torch's own memory this is the alignment; that of foreign memory differs from run to run.
    start = tensor.storage_offset()
    if start and (offset := start * tensor.element_size() % _ALIGNMENT):
        traits["offset"] = offset
    if not tensor.is_cpu:
        traits["device"] = str(tensor.device)
    if tensor.requires_grad:
        traits["requires_grad"] = True
    if tensor.is_inference():
        traits["inference"] = True
    if tensor.is_conj():
        traits["conj"] = True
    if tensor.is_neg():
        traits["neg"] = True
    if vars(tensor):
        traits["attributes"] = {name: vars(tensor)[name] for name in sorted(vars(tensor))}
    return traits


def _has_usual_strides(tensor: torch.Tensor) -> bool:
    """Whether the strides are those of a new tensor, also of dimensions of one element.

    Products and convolutions choose their kernels by these as well.
    """
    if not tensor.is_contiguous():
        return False
    shape, strides = tensor.shape, tensor.stride()
    expected = 1
    for axis in range(len(shape) - 1, -1, -1):
        if strides[axis] != expected:
            return False
        expected *= shape[axis] or 1
    return True


def _restored(tensor: torch.Tensor, traits: dict[str, Any]) -> torch.Tensor:
    """The tensor of a file with the traits it had."""
    with torch.inference_mode(traits.get("inference", False)):
        if "dtype" in traits:
            tensor = tensor.view(getattr(torch, traits["dtype"])).reshape(traits["shape"])
        # A bit says that the memory has the conjugate, or the negative, of the value.
        if traits.get("conj"):
            tensor = tensor.conj_physical()
        if traits.get("neg"):
            tensor = tensor.neg()
        tensor = _laid_out(tensor.to(traits.get("device", "cpu")), traits)
        if traits.get("neg"):
            tensor = torch._neg_view(tensor)
        if traits.get("conj"):
            tensor = tensor.conj()
        vars(tensor).update(traits.get("attributes", {}))
        return tensor.requires_grad_() if traits.get("requires_grad") else tensor


def _laid_out(tensor: torch.Tensor, traits: dict[str, Any]) -> torch.Tensor:
    """The tensor with its strides and alignment: a copy, unless it lies so already."""
    strides = traits.get("strides", list(tensor.stride()))
    start = traits.get("offset", 0) // tensor.element_size()
    is_copy_needed = "strides" in traits or "offset" in traits or "inference" in traits
    if not (is_copy_needed or (tensor.is_cpu and tensor.data_ptr() % _ALIGNMENT)):
        return tensor
    # A stride of 0 repeats one element: only the first is written, and expanded again.
    once = tensor[tuple(slice(0, 1 if stride == 0 else None) for stride in strides)]
    shape = list(once.shape)
    count = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    room = max(0, count if tensor.numel() else 0) + start
    _require_dense(room * tensor.element_size(), once.nbytes)
    storage = torch.empty(room, dtype=tensor.dtype, device=tensor.device)
    try:
        storage.as_strided(shape, strides, start).copy_(once)
    except RuntimeError:  # elements share a place in memory, as those that `unfold` gives
        places = torch.arange(room, device=tensor.device).as_strided(shape, strides, start)
        storage[places.flatten()] = once.flatten()
    return storage.as_strided(list(tensor.shape), strides, start)


def _with_gradients(
    tensors: dict[str, torch.Tensor], traits: dict[str, dict[str, Any]]
) -> list[tuple[str, torch.Tensor]]:
    """The tensors and their gradients by name; the name of a gradient goes into the traits."""
    found = dict(tensors)
    for name, tensor in tensors.items():
        if tensor.grad_fn is None and tensor.grad is not None:
            gradient = f"{name}.grad"
            while gradient in found:
                gradient += "#"
            found[gradient] = tensor.grad
            traits[name] = {"grad": gradient}
    return list(found.items())


def _with_parts(
    tensors: list[tuple[str, torch.Tensor]], traits: dict[str, dict[str, Any]]
) -> Iterator[tuple[str, torch.Tensor]]:
    """Those tensors that are strided, and the parts of others, whose names go into the traits."""
    taken = {name for name, _ in tensors}
    for name, tensor in tensors:
        if is_plain(tensor):
            yield name, tensor
            continue
        _require_storable(tensor)
        names: dict[str, str] = {}
        for key, part in parts_of(tensor).items():
            names[key] = f"{name}.{key}"
            while names[key] in taken:
                names[key] += "#"
            taken.add(names[key])
            yield names[key], part
        traits[name] = {**traits.get(name, {}), **traits_of_parts(tensor), "parts": names}


def _require_storable(tensor: torch.Tensor) -> None:
    """Raise ValueError for a tensor that has more than a file can hold."""
    if tensor.grad_fn is not None:
        raise ValueError("it is part of an autograd graph, which no file can hold")
    has_more = not vars(tensor).keys() <= _OF_BUFFERS
    if has_more or tensor._backward_hooks or tensor._post_accumulate_grad_hooks:
        raise ValueError("it has hooks or attributes of its own, which no file can hold")
    if is_plain(tensor) and not tensor.is_contiguous():
        steps = zip(tensor.shape, tensor.stride(), strict=True)
        span = sum(stride * (size - 1) for size, stride in steps)
        _require_dense(span * tensor.element_size(), tensor.nbytes)


def _require_dense(span: int, size: int) -> None:
    """Raise ValueError for a view that needs far more memory than its own elements."""
    if span > max(_MOST_SPAN, _MOST_RATIO * size):
        raise ValueError(
            f"it is a view of {size:,} bytes that lie within {span:,}; return `.contiguous()`"
        )


def _require_few(count: int) -> None:
    """Raise ValueError for too many tensors."""
    if count > _MOST_NAMES:
        raise ValueError(f"{count:,} tensors, and {_MOST_NAMES:,} at most are kept together")


def _seal(traits: str) -> str:
    from blake3 import blake3

    return blake3(traits.encode()).hexdigest(length=16)


def _dtype_name(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _pieces(tensor: torch.Tensor) -> list[torch.Tensor] | tuple[torch.Tensor, ...]:
    """The tensor in parts, so that bringing it into order takes little memory."""
    if tensor.is_contiguous() or tensor.nbytes <= _CHUNK or not tensor.ndim:
        return [tensor]
    rows = max(1, _CHUNK * len(tensor) // max(1, tensor.nbytes))
    return tensor.split(rows)


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """The elements in row-major order, in memory of their own on the CPU."""
    values = tensor.detach().resolve_conj().resolve_neg().cpu()
    return values.clone(memory_format=torch.contiguous_format)


def _bytes_of(tensor: torch.Tensor) -> memoryview:
    if not tensor.is_cpu or tensor.is_conj() or tensor.is_neg():
        tensor = tensor.resolve_conj().resolve_neg().cpu()
    return memoryview(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())
