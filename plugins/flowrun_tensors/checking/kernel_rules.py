"""Corrects torch's rules for shapes if its kernels differ, and adds rules that torch lacks.

FakeTensorMode computes shapes and dtypes by torch's own rules. These accept some operands that the
kernels of a run refuse, and for others give other messages. So the kernel itself is asked: it runs
on small real operands in place of the given ones. Errors that depend on sizes, which it cannot
find in this way, are checked here and reported in the kernel's words.

A check belongs here only if it finds errors that nothing else finds. This was measured with torch
2.13: each was switched off alone, over the mistakes of this project's tests and the operator
database of torch's own tests, with operands of other dtypes as well.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

from flowrun_tensors.checking.operands import tensors_in
from flowrun_tensors.lazy_torch import torch

# Messages of kernels about dtypes or numbers of dimensions, which the small operands share.
_SAME_FOR_SMALL = re.compile(
    "type|implemented for|[Ii]nteger|floating|[Bb]ool|complex|tensors but got|long tensor|"
    r"supposed to be a vector|must be \d dimension|at least \d dimension|"
    r"non-zero size|numel\(\) == 0"
)
_NARROW = (torch.float16, torch.bfloat16)
_CPU_ALONE = ("abs", "histc", "trace")  # have kernels for fewer dtypes on the CPU than on a GPU
_LONGEST = (16, 8, 4)  # sizes of a dimension of the small operands; the first is tried first
_FEW = 2**16  # elements of all of them
_MOST_ELEMENTS = 2**22  # of operands for which a kernel is asked about shapes


class _Operand(NamedTuple):
    """An operand to pass to a kernel that is asked."""

    shape: tuple[int, ...]
    stride: tuple[int, ...] | None
    dtype: torch.dtype

    def made(self) -> torch.Tensor:
        """A real tensor of ones, or of zeros if it may be an index."""
        fill = torch.ones if self.dtype.is_floating_point or self.dtype.is_complex else torch.zeros
        if self.stride is None:
            return fill(self.shape, dtype=self.dtype, device="cpu")
        ends = ((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))
        storage = fill((max(1 + sum(ends), 0),), dtype=self.dtype, device="cpu")
        return storage.as_strided(self.shape, self.stride)


class KernelRules:
    """Answers about operations of torch's dispatcher.

    shapes: functions that return the result of an operation on shapes, or NotImplemented to leave
        it to torch. All methods are called inside `ShapesMode.__torch_dispatch__`, where operations
        on real tensors are real.
    """

    def __init__(self) -> None:
        aten = torch.ops.aten
        self._asked: dict[Any, tuple[torch.dtype, ...] | None] = {}
        self._checks: dict[Any, Callable[..., None]] = {
            aten.index.Tensor: _check_masks,
            aten.index_put_.default: _check_put,
            aten.index_put.default: _check_put,
            aten.multinomial.default: _check_draws,
        }
        self.shapes: dict[Any, Callable[..., Any]] = {
            aten._to_copy.default: _copy_of_doubles,
            aten.linalg_lstsq.default: _least_squares,
            aten._pin_memory.default: lambda tensor, device=None: tensor.clone(),
            aten._thnn_fused_gru_cell.default: _gru_cell,
            aten._thnn_fused_gru_cell_backward.default: _gru_cell_backward,
        }

    def check(
        self, operation: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> tuple[torch.dtype, ...] | None:
        """Raise the kernel's error if it refuses these operands.

        Returns the dtypes of its results; None if they are not known.
        """
        if operation in self._checks:
            self._checks[operation](*args, **keywords)
        if getattr(operation, "namespace", "") != "aten":
            return None
        return self._ask(operation, args, keywords)

    def _ask(
        self, operation: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> tuple[torch.dtype, ...] | None:
        """Ask the kernel once for each combination of dtypes and numbers of dimensions."""
        tensors = list(tensors_in((args, keywords)))
        if not tensors or any(tensor.layout is not torch.strided for tensor in tensors):
            return None
        operands = (args, tuple(keywords.items()))
        is_cpu = all(tensor.device.type == "cpu" for tensor in tensors)
        key = (operation, is_cpu, _small(operands, 1))
        if key in self._asked:
            return self._asked[key]
        longest = next((size for size in _LONGEST if _elements(operands, size) <= _FEW), 1)
        error, result = _answer(operation, *_small(operands, longest))
        if error is not None and not _is_of_dtypes(error):
            # Cut to `longest` the operands may not fit each other; with one element they do.
            error, result = _answer(operation, *key[-1])
        if error is not None and _is_of_dtypes(error):
            lacks_kernel = isinstance(error, NotImplementedError)
            has_narrow = any(tensor.dtype in _NARROW for tensor in tensors)
            name = operation._overloadpacket.__name__.removesuffix("_")
            if is_cpu or not lacks_kernel or not (has_narrow or name in _CPU_ALONE):
                raise error
        # A number may have become a tensor without dimensions, which counts less for the dtype.
        is_sure = is_cpu and all(tensor.shape for tensor in tensors)
        dtypes = tuple(tensor.dtype for tensor in tensors_in(result))
        self._asked[key] = dtypes if is_sure and result is not None else None
        return self._asked[key]

    def second_opinion(
        self, operation: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Any:
        """The kernel's result for operands of exactly these shapes, which torch's rules refuse.

        Raises the kernel's error. Returns None if it cannot be asked, or writes to its operands.
        """
        devices = {tensor.device for tensor in tensors_in((args, keywords))}
        if len(devices) > 1 or _elements((args, tuple(keywords.values()))) > _MOST_ELEMENTS:
            return None
        error, result = _answer(operation, *_same((args, tuple(keywords.items()))))
        if error is not None and "allocate" not in str(error):
            raise error from None
        return None if operation._schema.is_mutable else result


def _answer(operation: Any, args: Any, keywords: Any) -> tuple[Exception | None, Any]:
    """A kernel's error for operands, and its result; None and None if the CPU has no such kernel.

    args, keywords: as `_small` and `_same` describe them.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        if torch.Tag.nondeterministic_seeded in operation.tags:
            stack.enter_context(torch.random.fork_rng(devices=()))
        try:
            return None, operation(*_made(args), **dict(_made(keywords)))
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            has_kernel = "Could not run 'aten::" not in str(error)
            return error if has_kernel else None, None


def _is_of_dtypes(error: Exception) -> bool:
    """Whether a kernel refuses operands of these dtypes and numbers of dimensions in any size."""
    kinds = (RuntimeError, IndexError)
    return isinstance(error, kinds) and bool(_SAME_FOR_SMALL.search(str(error)))


def _small(value: Any, longest: int) -> Any:
    """Operands cut to at most `longest` elements in each dimension.

    Sizes and positions among them are cut too, and floating-point numbers keep only their sign.
    """
    if isinstance(value, torch.Tensor):
        return _Operand(tuple(min(size, longest) for size in value.shape), None, value.dtype)
    if isinstance(value, (list, tuple)):
        return tuple(_small(item, longest) for item in value)
    if type(value) is int:
        return min(value, longest)
    return math.copysign(1.0, value) if isinstance(value, float) else value


def _same(value: Any) -> Any:
    """Descriptions of operands of the same shapes and strides."""
    if isinstance(value, torch.Tensor):
        has_stride = value.layout is torch.strided and not value.is_contiguous()
        return _Operand(tuple(value.shape), value.stride() if has_stride else None, value.dtype)
    return tuple(_same(item) for item in value) if isinstance(value, (list, tuple)) else value


def _made(value: Any) -> Any:
    """Real operands on the CPU, as `_small` and `_same` describe them."""
    if isinstance(value, _Operand):
        return value.made()
    if isinstance(value, torch.device):
        return torch.device("cpu")
    return tuple(_made(item) for item in value) if isinstance(value, tuple) else value


def _elements(value: Any, longest: int = 2**62) -> int:
    """How many elements operands have, or the sizes among them ask for, if cut to `longest`."""
    if isinstance(value, torch.Tensor):
        return math.prod(min(size, longest) for size in value.shape)
    if not isinstance(value, (list, tuple)):
        return 0
    sizes = [min(abs(size), longest) for size in value if type(size) is int]
    return math.prod(sizes) * bool(sizes) + sum(_elements(item, longest) for item in value)


def _check_masks(tensor: torch.Tensor, indices: Any) -> None:
    """Raise IndexError if a mask does not have the shape of the part that it chooses from."""
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
    """Raise the error of `tensor[indices] = values` if the values do not fit."""
    _check_masks(tensor, indices)
    chosen = [index for index in indices if index is not None]
    if len(chosen) != len(indices) or tensor.dim() < len(indices):
        return  # a whole dimension is taken between others: torch's own rule checks this
    is_mask = [index.dtype in (torch.bool, torch.uint8) for index in chosen]
    used = sum(index.dim() if mask else 1 for index, mask in zip(chosen, is_mask, strict=True))
    rest = tuple(tensor.shape[used:])
    if any(is_mask):
        fits = _broadcasts_to(tuple(values.shape)[-len(rest) :] if rest else (), rest)
        result = ["?", *rest]
    else:
        result = [*torch.broadcast_shapes(*(index.shape for index in chosen)), *rest]
        fits = _broadcasts_to(tuple(values.shape), tuple(result))
    if not fits:
        shown = ", ".join(map(str, result))
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to "
            f"indexing result of shape [{shown}]"
        )


def _broadcasts_to(shape: tuple[int, ...], wanted: tuple[Any, ...]) -> bool:
    while len(shape) > len(wanted) and shape[0] == 1:
        shape = shape[1:]
    return len(shape) <= len(wanted) and all(
        size in (1, other) for size, other in zip(reversed(shape), reversed(wanted), strict=False)
    )


def _check_draws(
    weights: torch.Tensor, count: int, replacement: bool = False, **settings: Any
) -> None:
    """Raise RuntimeError if more is drawn without replacement than there is."""
    if not replacement and weights.dim() and count > weights.shape[-1]:
        message = "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        raise RuntimeError(message)


def _copy_of_doubles(tensor: torch.Tensor, **keywords: Any) -> Any:
    """Cast first, then move: to do both at once, torch loads its compiler, which takes seconds."""
    device, dtype = keywords.get("device"), keywords.get("dtype")
    if device is None or dtype is None or tensor.dtype is not torch.float64:
        return NotImplemented
    cast = torch.ops.aten._to_copy.default(tensor, dtype=dtype)
    return torch.ops.aten._to_copy.default(cast, **{**keywords, "dtype": None})


def _least_squares(
    matrix: torch.Tensor, right: torch.Tensor, rcond: Any = None, *, driver: str | None = None
) -> Any:
    """`(..., m, n)` and `(..., m, k)` give a solution of `(..., n, k)`, for full rank.

    Raises RuntimeError as torch.linalg.lstsq does if the rows differ.
    """
    is_vector = right.dim() == 1 or (
        matrix.dim() - 1 == right.dim() and tuple(right.shape) == tuple(matrix.shape[:-1])
    )
    columns = right.unsqueeze(-1) if is_vector else right
    if matrix.shape[-2] != columns.shape[-2]:
        raise RuntimeError("torch.linalg.lstsq: input.size(-2) should match other.size(-2)")
    rows, width = matrix.shape[-2:]
    count = columns.shape[-1]
    batch = tuple(torch.broadcast_shapes(matrix.shape[:-2], columns.shape[:-2]))
    solution = matrix.new_empty((*batch, width, count))
    driver = driver or ("gelsy" if matrix.device.type == "cpu" else "gels")
    has_residuals = rows > width and driver != "gelsy"
    singular = (*batch, min(rows, width)) if driver in ("gelsd", "gelss") else (0,)
    real = matrix.dtype.to_real()
    return torch.return_types.linalg_lstsq(
        (
            solution.squeeze(-1) if is_vector else solution,
            matrix.new_empty((*batch, count) if has_residuals else (0,), dtype=real),
            matrix.new_empty((0,) if driver == "gels" else batch, dtype=torch.int64),
            matrix.new_empty(singular, dtype=real),
        )
    )


def _gru_cell(
    input_gates: torch.Tensor, hidden_gates: torch.Tensor, hidden: torch.Tensor, *biases: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """The next hidden state `(n, size)`, and the workspace of the backward pass `(n, 5 size)`."""
    rows, size = hidden.shape
    return torch.empty_like(hidden), hidden.new_empty((rows, 5 * size))


def _gru_cell_backward(
    gradient: torch.Tensor, workspace: torch.Tensor, has_bias: bool
) -> tuple[torch.Tensor | None, ...]:
    """Gradients of the arguments of `_gru_cell`, in its order."""
    rows, size = gradient.shape
    gates = [gradient.new_empty((rows, 3 * size)) for _ in range(2)]
    biases = [gradient.new_empty((3 * size,)) if has_bias else None for _ in range(2)]
    return (*gates, torch.empty_like(gradient), *biases)
