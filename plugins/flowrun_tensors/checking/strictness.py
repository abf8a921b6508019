"""What torch's kernels refuse, in their words, where its rules for shapes let it through."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flowrun_tensors.lazy_torch import torch

_SPREAD = (
    "add sub mul div remainder fmod pow maximum minimum atan2 eq ne lt le gt ge logical_and "
    "logical_or logical_xor bitwise_and bitwise_or bitwise_xor floor_divide "
    "mse_loss huber_loss smooth_l1_loss".split()
)

_DTYPES = {  # as torch's kernels name them
    torch.float32: "Float", torch.float64: "Double", torch.float16: "Half", torch.int64: "Long",
    torch.bfloat16: "BFloat16", torch.int32: "Int", torch.bool: "Bool", torch.uint8: "Byte",
}  # fmt: skip


def strict_checks() -> dict[Any, Callable[..., Any]]:
    """Checks by torch's operations, called with their operands; each raises what a kernel would.

    For operands of any size: small ones the kernel itself is asked about.
    """
    aten = torch.ops.aten
    found: dict[Any, Callable[..., Any]] = {
        aten.index.Tensor: _check_masks,
        aten.index_put_.default: _check_put,
        aten.index_put.default: _check_put,
        aten.mm.default: _check_product,
        aten.addmm.default: lambda bias, left, right, **scales: _check_product(left, right),
        aten.linear.default: lambda rows, weight, bias=None: _check_linear(rows, weight),
        aten.mv.default: _check_vector,
        aten.bmm.default: _check_batches,
        aten.cat.default: _check_joined,
        aten.bucketize.Tensor: _check_boundaries,
        aten.index_select.default: _check_chosen,
        aten.multinomial.default: _check_draws,
    }
    for name in ("max", "min", "amax", "amin"):
        packet = getattr(aten, name)
        for overload in ("default", "dim"):
            if overload in packet.overloads():
                found[getattr(packet, overload)] = partial(_check_not_empty, name)
    for name in _SPREAD:
        packet = getattr(aten, name)
        for overload in packet.overloads():
            found.setdefault(getattr(packet, overload), _check_spread)
    return found


def _check_product(left: torch.Tensor, right: torch.Tensor, *more: Any) -> None:
    if left.dim() == right.dim() == 2 and left.shape[1] != right.shape[0]:
        raise RuntimeError(
            "mat1 and mat2 shapes cannot be multiplied "
            f"({left.shape[0]}x{left.shape[1]} and {right.shape[0]}x{right.shape[1]})"
        )


def _check_linear(rows: torch.Tensor, weight: torch.Tensor) -> None:
    if rows.dim() > 0 and weight.dim() == 2:
        _check_product(rows.reshape(-1, rows.shape[-1]) if rows.dim() != 2 else rows, weight.t())


def _check_vector(matrix: torch.Tensor, vector: torch.Tensor) -> None:
    if matrix.dim() == 2 and vector.dim() == 1 and matrix.shape[1] != vector.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({matrix.shape[0]}), mat "
            f"({matrix.shape[0]}x{matrix.shape[1]}), vec ({vector.shape[0]})"
        )


def _check_batches(left: torch.Tensor, right: torch.Tensor, *more: Any) -> None:
    if left.dim() != 3 or right.dim() != 3:
        return
    expected, found = [left.shape[0], left.shape[2]], [right.shape[0], right.shape[1]]
    if expected != found:
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"{expected} but got: {found}."
        )


def _check_joined(tensors: Any, dim: int = 0) -> None:
    shapes = [tuple(tensor.shape) for tensor in tensors if tuple(tensor.shape) != (0,)]
    if len({len(shape) for shape in shapes}) > 1:
        other = next(shape for shape in shapes if len(shape) != len(shapes[0]))
        raise RuntimeError(
            f"Tensors must have same number of dimensions: got {len(shapes[0])} and {len(other)}"
        )
    for number, shape in enumerate(shapes):
        place = dim % len(shape)
        for axis, (size, first) in enumerate(zip(shape, shapes[0], strict=True)):
            if size != first and axis != place:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {place}. Expected size "
                    f"{first} but got size {size} for tensor number {number} in the list."
                )


def _check_not_empty(
    name: str, tensor: torch.Tensor, dim: Any = None, keepdim: bool = False
) -> None:
    if dim is None or dim == []:
        if not tensor.numel():
            raise RuntimeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            )
    elif isinstance(dim, int) and -tensor.dim() <= dim < tensor.dim() and not tensor.shape[dim]:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")


def _check_chosen(tensor: torch.Tensor, dim: int, index: torch.Tensor) -> None:
    if index.dim() > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")


def _check_draws(
    weights: torch.Tensor, count: int, replacement: bool = False, **settings: Any
) -> None:
    if not weights.is_floating_point():
        name = _DTYPES.get(weights.dtype, str(weights.dtype))
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {name}"
        )
    if not replacement and weights.dim() and count > weights.shape[-1]:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )


def _check_boundaries(tensor: torch.Tensor, boundaries: torch.Tensor, **settings: Any) -> None:
    if boundaries.dim() != 1:
        raise RuntimeError(
            f"boundaries tensor must be 1 dimension, but got dim({boundaries.dim()})"
        )


def _check_spread(*operands: Any, **settings: Any) -> None:
    """Raise where two operands are not of one size, and none of them is spread."""
    tensors = [operand for operand in operands if isinstance(operand, torch.Tensor)]
    if len(tensors) != 2:
        return
    first, second = (tuple(tensor.shape) for tensor in tensors)
    width = max(len(first), len(second))
    padded = [(1,) * (width - len(shape)) + shape for shape in (first, second)]
    for axis in reversed(range(width)):
        one, other = padded[0][axis], padded[1][axis]
        if one != other and 1 not in (one, other):
            raise RuntimeError(
                f"The size of tensor a ({one}) must match the size of tensor b ({other}) at "
                f"non-singleton dimension {axis}"
            )


def _check_masks(tensor: torch.Tensor, indices: Any) -> None:
    """Raise where a mask has not the shape of what it chooses from."""
    dimension = 0
    for index in indices:
        if index is None or index.dtype not in (torch.bool, torch.uint8):
            dimension += 1
            continue
        for place, size in enumerate(index.shape):
            if dimension >= tensor.dim() or tensor.shape[dimension] != size:
                raise IndexError(
                    f"The shape of the mask {list(index.shape)} at index {place} does not match "
                    f"the shape of the indexed tensor {list(tensor.shape)} at index {dimension}"
                )
            dimension += 1


def _check_put(
    tensor: torch.Tensor, indices: Any, values: torch.Tensor, accumulate: bool = False
) -> None:
    """Raise where what is put does not fit what it is put into."""
    _check_masks(tensor, indices)
    if values.dtype != tensor.dtype:
        names = [_DTYPES.get(one.dtype, str(one.dtype)) for one in (tensor, values)]
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{names[0]} for the destination and {names[1]} for the source."
        )
    chosen = [index for index in indices if index is not None]
    if len(chosen) != len(indices) or tensor.dim() < len(indices):
        return  # some dimension is kept whole between others: torch's own rule looks at it
    is_mask = [index.dtype in (torch.bool, torch.uint8) for index in chosen]
    used = sum(index.dim() if mask else 1 for index, mask in zip(chosen, is_mask, strict=True))
    rest = tuple(tensor.shape[used:])
    if any(is_mask):
        fits = _spreads_to(tuple(values.shape)[-len(rest) :] if rest else (), rest)
        result = ["?", *rest]
    else:
        result = [*torch.broadcast_shapes(*(index.shape for index in chosen)), *rest]
        fits = _spreads_to(tuple(values.shape), tuple(result))
    if not fits:
        shown = ", ".join(map(str, result))
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to "
            f"indexing result of shape [{shown}]"
        )


def _spreads_to(shape: tuple[int, ...], wanted: tuple[Any, ...]) -> bool:
    while len(shape) > len(wanted) and shape[0] == 1:
        shape = shape[1:]
    return len(shape) <= len(wanted) and all(
        size in (1, other) for size, other in zip(reversed(shape), reversed(wanted), strict=False)
    )
