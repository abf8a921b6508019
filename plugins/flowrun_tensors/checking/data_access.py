"""Answers a step that reads a tensor's data: with the value if it is known, Unknown, or an error.

A value is known if it is written in the code: `torch.tensor(2.5).item()` is 2.5.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from flowrun import NeedsDataError, Unknown
from flowrun_tensors.checking.fake_tensors import (
    assumed_data,
    is_made_up,
    known_data,
    unset_fake_temporarily,
)
from flowrun_tensors.checking.operands import BROADCASTING, function_name, plain_name
from flowrun_tensors.checking.sequences import pack_padded, pad_packed
from flowrun_tensors.lazy_torch import torch

_MOST_LISTED = 100_000  # elements that become a list of unknown numbers

# In these functions the shape of the result does not depend on the numbers among the operands.
_TAKE_UNKNOWN_NUMBERS = BROADCASTING | frozenset(
    "clamp clip clamp_min clamp_max fill full full_like new_full masked_fill addcmul addcdiv "
    "threshold leaky_relu elu celu hardtanh relu6 softplus dropout nan_to_num addmm addmv addbmm "
    "baddbmm addr uniform normal exponential log_normal geometric cauchy bernoulli index_fill "
    "index_add quantile tensor as_tensor asarray scalar_tensor linspace logspace heaviside "
    "polygamma renorm".split()
)


def handlers() -> dict[Any, Callable[..., Any]]:
    """Return replacements of torch's functions that read data.

    Each is called with the function, its positional and its keyword arguments.
    """
    found: dict[Any, Callable[..., Any]] = {
        torch.Tensor.item: _item,
        torch.Tensor.tolist: lambda function, args, kwargs: tolist(args[0]),
        torch.Tensor.numpy: _numpy,
        torch.Tensor.__array__: _numpy,
        torch.Tensor.__repr__: lambda function, args, kwargs: _text(args[0]),
        torch.Tensor.__format__: _formatted,
        torch.Tensor.__deepcopy__: _deep_copy,
        torch._VF._pad_packed_sequence: pad_packed,
        torch._VF._pack_padded_sequence: pack_padded,
    }
    for name in ("bool", "float", "int", "index", "complex"):
        found[getattr(torch.Tensor, f"__{name}__")] = _number
    for name in ("data_ptr", "__dlpack__", "__reduce_ex__"):
        found[getattr(torch.Tensor, name)] = _refused
    return found


def _kind(dtype: torch.dtype) -> str:
    """The type of Python number that an element becomes."""
    if dtype is torch.bool:
        return "bool"
    if dtype.is_complex:
        return "complex"
    return "float" if dtype.is_floating_point else "int"


def tolist(tensor: torch.Tensor) -> Any:
    """Nested lists of unknown numbers; raises NeedsDataError if there are too many."""
    data = _number_data(tensor)
    if data is not None:
        with unset_fake_temporarily():
            return data.tolist()
    if tensor.numel() > _MOST_LISTED:
        raise NeedsDataError(f"it makes a list of {tensor.numel():,} elements of a tensor")
    return _unknown_list(tuple(tensor.shape), _kind(tensor.dtype))


def _unknown_list(shape: tuple[int, ...], kind: str) -> Any:
    if not shape:
        return Unknown(kind)
    return [_unknown_list(shape[1:], kind) for _ in range(shape[0])]


def _item(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    (tensor,) = args
    if tensor.numel() != 1:
        raise RuntimeError(f"a Tensor with {tensor.numel()} elements cannot be converted to Scalar")
    data = _number_data(tensor)
    if data is None:
        return Unknown(_kind(tensor.dtype))
    with unset_fake_temporarily():
        return data.item()


def _number(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`float(x)` and the like, which must return a number."""
    (tensor,) = args
    name = function.__name__.strip("_")
    if tensor.numel() != 1:
        if name == "bool":
            values = "more than one value" if tensor.numel() else "no values"
            raise RuntimeError(f"Boolean value of Tensor with {values} is ambiguous")
        if name != "index":
            raise ValueError("only one element tensors can be converted to Python scalars")
    if name == "index" and (tensor.numel() != 1 or _kind(tensor.dtype) in ("float", "complex")):
        raise TypeError("only integer tensors of a single element can be converted to an index")
    data = _number_data(tensor)
    if data is None:
        verb = "decides by" if name == "bool" else f"takes `{name}()` of"
        kind = "int" if name == "index" else name
        return Unknown(kind).assumed(f"it {verb} a tensor's value")
    with unset_fake_temporarily():
        return function(data)


def _number_data(tensor: torch.Tensor) -> torch.Tensor | None:
    """The real tensor of a known one; of whole numbers also a made-up one; otherwise None.

    Whole numbers are sizes and positions, which must agree with those computed from them.
    """
    if _kind(tensor.dtype) != "int":
        return known_data(tensor)
    if is_made_up(tensor):
        Unknown("int").assumed("it looks at a whole number")  # the check learns of it
    data = known_data(tensor)
    return assumed_data(tensor) if data is None else data


def _numpy(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor = args[0]
    is_forced = bool(kwargs.get("force"))
    if tensor.requires_grad and not is_forced:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    if tensor.device.type != "cpu" and not is_forced:
        raise TypeError(
            f"can't convert {tensor.device} device type tensor to numpy. "
            "Use Tensor.cpu() to copy the tensor to host memory first."
        )
    data = known_data(tensor)
    if data is None:
        data = assumed_data(tensor)
    if data is None:
        raise NeedsDataError("it makes a NumPy array of a tensor")
    with unset_fake_temporarily():
        return data.numpy().copy()


def _refused(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NoReturn:
    if function.__name__ == "__reduce_ex__":
        raise NeedsDataError("it writes a tensor by pickle")
    raise NeedsDataError(f"it takes `{function.__name__.strip('_')}` of a tensor")


def _deep_copy(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of copy.deepcopy; torch's own method needs the address of the data."""
    tensor, memo = args
    if id(tensor) in memo:
        return memo[id(tensor)]
    if not tensor.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment."
        )
    copied = tensor.detach().clone()
    if isinstance(tensor, torch.nn.Parameter):
        copied = torch.nn.Parameter(copied, tensor.requires_grad)
    elif tensor.requires_grad:
        copied.requires_grad_()
    memo[id(tensor)] = copied
    if tensor.grad is not None:
        copied.grad = tensor.grad.detach().clone()
    return copied


def _text(tensor: torch.Tensor) -> str:
    """The printed form of a tensor: `tensor(?, size=(3, 4), dtype=torch.float32)`."""
    data = known_data(tensor)
    if data is not None:
        with unset_fake_temporarily():
            return repr(data)
    device = "" if tensor.device.type == "cpu" else f", device='{tensor.device}'"
    return f"tensor(?, size={tuple(tensor.shape)}, dtype={tensor.dtype}{device})"


def _formatted(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    tensor, specification = args
    data = known_data(tensor)
    if data is not None:
        with unset_fake_temporarily():
            return format(data, specification)
    if tensor.dim() == 0:
        return "?"
    if specification:
        raise TypeError("unsupported format string passed to Tensor.__format__")
    return _text(tensor)


def with_known_numbers(
    function: Any, args: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call, with unknown numbers replaced, and list masks as positions.

    Raises NeedsDataError if the shape of the result depends on an unknown number.
    """
    if _holds_unknown(args) or _holds_unknown(tuple(keywords.values())):
        name = plain_name(function)
        sizes = [args[:1], keywords.get("size")] if name in ("full", "new_full") else ()
        replace = _any_number
        if name not in _TAKE_UNKNOWN_NUMBERS or any(_holds_unknown(size) for size in sizes):
            reason = f"it passes `{function_name(function)}` a number that is known only in a run"
            replace = partial(_assumed_number, reason=reason)
        args = replace(args)
        keywords = {name: replace(value) for name, value in keywords.items()}
    if function in (torch.Tensor.__getitem__, torch.Tensor.__setitem__):
        tensor, index, *value = args
        args = tensor, _checked_index(tensor, index), *value
    return args, keywords


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_holds_unknown(item) for item in value)
    return isinstance(value, Unknown)


def _any_number(value: Any) -> Any:
    """Replace an unknown number by one of the same type, also in lists and tuples."""
    if isinstance(value, Unknown):
        numbers: dict[str, Any] = {"float": 1.0, "int": 1, "bool": True, "complex": 1j}
        if value.kind not in numbers:
            raise NeedsDataError("it takes a value that is known only in a run")
        return numbers[value.kind]
    if isinstance(value, (list, tuple)):
        return type(value)(_any_number(item) for item in value)
    return value


def _assumed_number(value: Any, *, reason: str) -> Any:
    """Replace unknown numbers by assumed ones; raises NeedsDataError if there are none."""
    if isinstance(value, Unknown):
        return value.assumed(reason)
    if isinstance(value, (list, tuple)):
        return type(value)(_assumed_number(item, reason=reason) for item in value)
    return value


def _checked_index(tensor: torch.Tensor, index: Any) -> Any:
    """Check the numbers of Python lists in an index, which are known; list masks as positions."""
    parts = list(index) if isinstance(index, tuple) else [index]
    dimension = 0
    for place, part in enumerate(parts):
        if part is Ellipsis or dimension >= tensor.dim():
            break  # after this, only torch knows which dimension a part belongs to
        if isinstance(part, list) and part and all(isinstance(item, int) for item in part):
            parts[place] = _positions(part, tensor, dimension)
        if isinstance(part, torch.Tensor) and part.dtype in (torch.bool, torch.uint8):
            dimension += part.dim()
        elif part is not None and not isinstance(part, bool):
            dimension += 1
    return tuple(parts) if isinstance(index, tuple) else parts[0]


def _positions(part: list[Any], tensor: torch.Tensor, dimension: int) -> list[int]:
    size = tensor.shape[dimension]
    if all(isinstance(item, bool) for item in part):
        if len(part) != size:
            raise IndexError(
                f"The shape of the mask [{len(part)}] at index 0 does not match the shape of the "
                f"indexed tensor {list(tensor.shape)} at index {dimension}"
            )
        return [position for position, is_chosen in enumerate(part) if is_chosen]
    for position in part:
        if not -size <= position < size:
            raise IndexError(
                f"index {position} is out of bounds for dimension {dimension} with size {size}"
            )
    return part
