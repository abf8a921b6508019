"""The bound on the size of an expression's results, applied before anything is made."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flowrun_tensors.lazy_torch import torch

MOST_ELEMENTS = 2**30  # of one tensor that an expression makes

_Shape = tuple[int, ...]


def refuse_large(name: str, arrays: Sequence[Any], numbers: Sequence[int] = ()) -> None:
    """Raise ValueError if the result of a function would have more elements than allowed.

    arrays, numbers: all its arguments, by position and by keyword, in lists as well. The result of
    a function of the vocabulary is no larger than the shape its arrays broadcast to, except for
    functions that have a rule here.
    """
    shapes = [tuple(array.shape) for array in arrays]
    rule = _LARGER.get(name)
    try:
        shape = torch.broadcast_shapes(*shapes) if rule is None else rule(shapes, numbers)
    except (RuntimeError, ValueError):
        return  # the function itself reports the mistake
    _refuse(tuple(shape))


def refuse_long(numbers: Iterable[Any]) -> None:
    """Raise ValueError for a whole number that no function of torch takes.

    torch's own error has the frames of its C++ code.
    """
    for number in numbers:
        if isinstance(number, int) and not -(2**63) <= number < 2**63:
            raise ValueError("a whole number of more than 64 bits as an argument or an index")


def refuse_large_index(array: Any, index: Any) -> None:
    """Raise ValueError if indices in tensors or lists choose more elements than allowed."""
    sizes = list(array.shape)
    chosen: list[_Shape] = []
    kept: list[int] = []
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, list):
            chosen.append((len(part),))
            del sizes[:1]
        elif hasattr(part, "shape"):
            is_mask = str(part.dtype).endswith("bool")
            chosen.append((math.prod(part.shape),) if is_mask else tuple(part.shape))
            del sizes[: part.ndim if is_mask else 1]
        elif isinstance(part, slice):
            kept += sizes[:1]
            del sizes[:1]
        elif part is not None:
            del sizes[:1]
    try:
        _refuse((*torch.broadcast_shapes(*chosen), *kept, *sizes))
    except RuntimeError:
        return  # the index itself reports the mistake


def _refuse(shape: _Shape) -> None:
    if math.prod(shape) > MOST_ELEMENTS:
        raise ValueError(f"a tensor of the shape {shape}, more than 2**30 elements")


def _of_product(shapes: Sequence[_Shape], numbers: Sequence[int]) -> _Shape:
    left, right = shapes
    batch = tuple(torch.broadcast_shapes(left[:-2], right[:-2]))
    return (*batch, *left[-2:-1], *(right[-1:] if len(right) > 1 else ()))


def _of_diagonal(shapes: Sequence[_Shape], numbers: Sequence[int]) -> _Shape:
    (shape,) = shapes
    size = math.prod(shape) + sum(abs(number) for number in numbers)
    return (size, size) if len(shape) == 1 else shape


def _of_outer(shapes: Sequence[_Shape], numbers: Sequence[int]) -> _Shape:
    return tuple(math.prod(shape) for shape in shapes)


def _of_join(shapes: Sequence[_Shape], numbers: Sequence[int]) -> _Shape:
    return (sum(math.prod(shape) for shape in shapes),)


_LARGER: dict[str, Callable[[Sequence[_Shape], Sequence[int]], _Shape]] = {
    **dict.fromkeys(("matmul", "mm", "mv", "dot"), _of_product),
    **dict.fromkeys(("cat", "stack"), _of_join),
    "diag": _of_diagonal,
    "outer": _of_outer,
}
