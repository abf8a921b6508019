"""What the kernels of the CPU say of operands, asked of them, and not of rules for shapes.

torch's rules for shapes look at dtypes where its compiler needs it, and kernels look again: what a
kernel says of dtypes it says of operands of a single element as well. Where a rule refuses shapes,
the kernel is asked about operands of these very shapes, unless they are large: it says so in the
words of a run, or does it all the same.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from typing import Any

from torch._subclasses.fake_tensor import unset_fake_temporarily

from flowrun_tensors.lazy_torch import torch

# Whose operands may all be of one element each, by the name of torch's operation.
_ASKED = frozenset(
    "mm addmm bmm baddbmm mv addmv dot vdot addr std var std_mean var_mean _softmax _log_softmax "
    "bitwise_and bitwise_or bitwise_xor lerp pow complex _cdist_forward relu gelu silu softplus "
    "elu hardtanh leaky_relu index_select index_add index_fill nll_loss_forward "
    "nll_loss2d_forward binary_cross_entropy native_batch_norm native_layer_norm "
    "bernoulli add sub mul div masked_scatter prod cumprod erf sigmoid_ log_sigmoid_forward "
    "embedding hardswish hardsigmoid logit mish polar heaviside logical_and floor_divide "
    "remainder fmod "
    "bitwise_left_shift bitwise_right_shift gather scatter scatter_add sort "
    "median cumsum cumsum_ amax amin max min argmax argmin logcumsumexp".split()
)
_OF_DTYPES = re.compile("dtype|type|implemented for|[Ii]nteger|floating|[Bb]ool")
_NARROW = (torch.float16, torch.bfloat16)
_MOST_ELEMENTS = 2**22  # of operands of which a kernel is asked


class Kernels:
    """Asks the kernel of an operation once for each combination of dtypes."""

    def __init__(self) -> None:
        self._asked: set[Any] = set()

    def ask(self, operation: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> None:
        """Raise what the kernel does for operands of these dtypes."""
        packet = getattr(operation, "_overloadpacket", None)
        if packet is None or packet.__name__.removesuffix("_") not in _ASKED:
            return
        key = (operation, *_signature(args), *_signature(tuple(keywords.items())))
        try:
            if key in self._asked:
                return
        except TypeError:  # an operand that has no hash
            return
        tensors = list(_tensors((args, tuple(keywords.values()))))
        if not all(tensor.numel() for tensor in tensors):
            return  # of nothing, kernels take what they refuse else
        self._asked.add(key)
        is_cpu = all(tensor.device.type == "cpu" for tensor in tensors)
        has_narrow = any(tensor.dtype in _NARROW for tensor in tensors)
        size = 2 if packet.__name__.startswith(("std", "var")) else 1  # one does not vary
        if packet.__name__ == "native_layer_norm":
            args = (args[0], [1] * len(args[1]), *args[2:])
        try:
            with unset_fake_temporarily(), torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                operation(
                    *(_single(value, size) for value in args),
                    **{name: _single(value, size) for name, value in keywords.items()},
                )
        except (RuntimeError, IndexError) as error:
            if not is_cpu and has_narrow and isinstance(error, NotImplementedError):
                return
            if not _OF_DTYPES.search(str(error)):  # sizes are not those of the operands
                return
            self._asked.discard(key)
            raise

    def failure(
        self, operation: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Exception | bool | None:
        """What a kernel raises for operands of these shapes: False for nothing, None if not asked.

        Not asked is it about large operands, or such of several devices.
        """
        values = (args, tuple(keywords.values()))
        tensors = list(_tensors(values))
        devices = {tensor.device for tensor in tensors}
        if len(devices) > 1 or _elements(values) > _MOST_ELEMENTS:
            return None
        try:
            with unset_fake_temporarily(), torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                operation(
                    *(_filled(value) for value in args),
                    **{name: _filled(value) for name, value in keywords.items()},
                )
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            if isinstance(error, NotImplementedError) and "not implemented for" not in str(error):
                return None
            return None if "allocate" in str(error) else error
        return False


def _elements(value: Any) -> int:
    """How many elements operands have, or what sizes among them make."""
    count = 0
    for item in value:
        if isinstance(item, torch.Tensor):
            count += item.numel()
        elif isinstance(item, (list, tuple)):
            sizes = [size for size in item if isinstance(size, int)]
            count += math.prod(abs(size) for size in sizes) if sizes else _elements(item)
    return count


def _signature(value: Any) -> tuple[Any, ...]:
    """What of operands a kernel's answer depends on."""
    found: list[Any] = []
    for item in value:
        if isinstance(item, torch.Tensor):
            found.append((item.dtype, item.dim(), item.device.type))
        elif isinstance(item, (list, tuple)):
            found.append(_signature(item))
        else:
            found.append((type(item), item))
    return tuple(found)


def _tensors(value: Any) -> Any:
    for item in value:
        if isinstance(item, torch.Tensor):
            yield item
        elif isinstance(item, (list, tuple)):
            yield from _tensors(item)


def _single(value: Any, size: int) -> Any:
    """An operand with one element in place of all, or so many in each dimension."""
    if isinstance(value, torch.Tensor):
        return _real((size,) * value.dim(), value.dtype)
    if isinstance(value, torch.device):
        return torch.device("cpu")
    if isinstance(value, (list, tuple)):
        return type(value)(_single(item, size) for item in value)
    return value


def _filled(value: Any) -> Any:
    """An operand of the same shape and strides, on the CPU."""
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.is_contiguous():
            return _real(tuple(value.shape), value.dtype)
        size = 1 + sum(
            (count - 1) * step for count, step in zip(value.shape, value.stride(), strict=True)
        )
        return _real((max(size, 0),), value.dtype).as_strided(value.shape, value.stride())
    if isinstance(value, torch.device):
        return torch.device("cpu")
    if isinstance(value, (list, tuple)):
        return type(value)(_filled(item) for item in value)
    return value


def _real(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """A real tensor of ones, or of zeros where these may be indices."""
    if dtype.is_floating_point or dtype.is_complex:
        return torch.ones(shape, dtype=dtype, device="cpu")
    return torch.zeros(shape, dtype=dtype, device="cpu")
