"""How tensors are summarised, turned into plain numbers, and compared."""

from __future__ import annotations

from typing import Any

from flowrun import Codec, Summary
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.tensor_parts import dense, is_plain, parts_of
from flowrun_tensors.tensor_store import read_tensors, tensor_digest, write_tensors


def tensor_summary(tensor: torch.Tensor) -> Summary:
    """Shape, dtype, device and bytes of a tensor."""
    return Summary(
        type="tensor",
        shape=tuple(tensor.shape),
        dtype=dtype_name(tensor),
        device=str(tensor.device),
        bytes=tensor_bytes(tensor),
    )


def tensor_bytes(tensor: torch.Tensor) -> int | None:
    """The bytes of the elements that a tensor has in memory; None if they cannot be counted."""
    try:
        if is_plain(tensor):
            return tensor.nbytes
        return sum(part.nbytes for part in parts_of(tensor).values())
    except (ValueError, RuntimeError):  # of a layout without parts, or not initialized
        return None


def tensor_memory(tensor: torch.Tensor) -> tuple[int, int] | None:
    """The addresses between which the elements of a strided tensor lie; None for any other."""
    if not is_plain(tensor) or not tensor.numel() or tensor.is_meta:
        return None
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    span = 1 + sum((size - 1) * stride for size, stride in steps)
    start = tensor.data_ptr()
    return start, start + span * tensor.element_size()


def dtype_name(tensor: torch.Tensor) -> str:
    """`float32` of torch.float32."""
    return str(tensor.dtype).removeprefix("torch.")


def tensor_plain(tensor: torch.Tensor) -> object:
    """The tensor as a number or nested lists."""
    return dense(tensor).tolist()


def tensor_begin(tensor: torch.Tensor, count: int) -> list[Any] | None:
    """The elements of a tensor in order, or the first of its first row if it has more than so many.

    None for a layout that has no rows.
    """
    if not is_plain(tensor):
        return None
    row = tensor.detach()
    while row.ndim > 1 and row.numel() > count:
        row = row[0]
    found = row.flatten()[:count].tolist()
    return list(map(str, found)) if row.is_complex() else list(found)


def tensor_portable(tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers on the CPU, in row-major order, apart from any autograd graph."""
    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    if not is_plain(plain):
        return plain
    return plain.clone(memory_format=torch.contiguous_format)


def as_tensor(parameter: torch.nn.Parameter) -> torch.Tensor:
    """The tensor in a Parameter, with everything that a step can see of it except the class."""
    tensor = parameter.detach().requires_grad_(parameter.requires_grad)
    tensor.grad = parameter.grad
    vars(tensor).update(vars(parameter))
    if parameter._backward_hooks or parameter._post_accumulate_grad_hooks:
        tensor.has_hooks = True  # an attribute: such a tensor is not stored
    return tensor


def as_parameter(tensor: torch.Tensor) -> torch.nn.Parameter:
    """The Parameter of such a tensor."""
    parameter = torch.nn.Parameter(tensor.detach(), requires_grad=tensor.requires_grad)
    parameter.grad = tensor.grad
    return parameter


def tensor_difference(
    tensor: torch.Tensor, wanted: Any, rtol: float | None, atol: float | None
) -> str | None:
    """How a tensor differs from nested lists or another tensor; None if it does not.

    Equality is that of torch.testing.assert_close: `|found - wanted| <= atol + rtol *
    |wanted|`, with its tolerances for the tensor's dtype if none are given. The wanted numbers
    are taken in the tensor's dtype, or in float64 if that is of whole numbers. Of `rtol` and
    `atol` one may be left out, and is 0 then.
    """
    tensor = dense(tensor)
    wanted = dense(wanted) if isinstance(wanted, torch.Tensor) else wanted
    if rtol is not None or atol is not None:
        rtol, atol = rtol or 0.0, atol or 0.0
    try:
        is_tensor = isinstance(wanted, torch.Tensor)
        expected = (
            wanted.to(tensor.device) if is_tensor else torch.tensor(wanted, device=tensor.device)
        )
    except (TypeError, ValueError, RuntimeError):
        return f"a tensor of shape {tuple(tensor.shape)} against {type(wanted).__name__}"
    if expected.shape != tensor.shape:
        return f"shape {tuple(tensor.shape)} against {tuple(expected.shape)}"
    found = tensor.detach()
    if found.is_floating_point() and is_tensor:
        expected = expected.to(found.dtype)
    elif found.is_floating_point():
        expected = torch.tensor(wanted, dtype=found.dtype, device=found.device)
    elif expected.is_floating_point():
        exact = wanted.double() if is_tensor else torch.tensor(wanted, dtype=torch.float64)
        found, expected = found.double(), exact.to(found.device)
    if expected.is_floating_point() and _overflows(wanted, expected):
        return f"wanted a number larger than {dtype_name(found)} can hold"
    try:
        torch.testing.assert_close(found, expected, rtol=rtol, atol=atol, check_dtype=False)
    except AssertionError:
        return _largest_difference(found, expected)
    return None


def _overflows(wanted: Any, expected: torch.Tensor) -> bool:
    """Whether a finite number has become infinite in the dtype of the tensor."""
    infinite = expected.isinf().cpu()
    if not infinite.any():
        return False
    written = torch.as_tensor(wanted, dtype=torch.float64, device="cpu")
    return bool((infinite & written.isfinite()).any())


def _largest_difference(found: torch.Tensor, expected: torch.Tensor) -> str:
    off = (found.double() - expected.double()).abs().nan_to_num(float("inf"))
    flat = int(off.argmax())
    index = [int(part) for part in torch.unravel_index(torch.tensor(flat), off.shape)]
    return (
        f"largest difference {float(off.flatten()[flat]):.5g} at {index}: found "
        f"{found.flatten()[flat].item():.7g}, wanted {expected.flatten()[flat].item():.7g}"
    )


CODECS = (
    Codec(
        "torch.Tensor",
        tensor_summary,
        tensor_plain,
        tensor_difference,
        tensor_begin,
        digest=tensor_digest,
        write=write_tensors,
        read=read_tensors,
        suffix=".safetensors",
        portable=tensor_portable,
        memory=tensor_memory,
    ),
    Codec(
        "torch.nn.parameter.Parameter",
        tensor_summary,
        tensor_plain,
        tensor_difference,
        tensor_begin,
        pack=as_tensor,
        unpack=as_parameter,
        portable=tensor_portable,
        memory=tensor_memory,
    ),
)
