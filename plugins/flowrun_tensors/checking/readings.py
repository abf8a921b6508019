"""What looks at a tensor's data: known where the tensor is a constant, unknown or refused else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily

from flowrun import NeedsDataError, Unknown
from flowrun_tensors.lazy_torch import torch

_MOST_LISTED = 1000  # elements that become a list of unknown numbers

Handler = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]


def kind_of(dtype: torch.dtype) -> str:
    """The type of Python's numbers that the elements of a tensor become."""
    if dtype is torch.bool:
        return "bool"
    if dtype.is_complex:
        return "complex"
    return "float" if dtype.is_floating_point else "int"


def known(tensor: torch.Tensor) -> torch.Tensor | None:
    """The real tensor that holds the data, where there is one: made outside, or of one number."""
    return tensor.constant if isinstance(tensor, FakeTensor) else tensor


def handlers() -> dict[Any, Handler]:
    """What stands for the functions that look at data, by torch's functions."""
    found: dict[Any, Handler] = {
        torch.Tensor.item: _item,
        torch.Tensor.tolist: lambda function, args, kwargs: tolist(args[0]),
        torch.Tensor.numpy: _numpy,
        torch.Tensor.__array__: _numpy,
        torch.Tensor.__repr__: lambda function, args, kwargs: text_of(args[0]),
        torch.Tensor.__format__: _formatted,
        torch.Tensor.__deepcopy__: _copied_deep,
    }
    for name in ("bool", "float", "int", "index", "complex"):
        found[getattr(torch.Tensor, f"__{name}__")] = _number
    for name in ("data_ptr", "__dlpack__", "__reduce_ex__"):
        found[getattr(torch.Tensor, name)] = _refused
    return found


def tolist(tensor: torch.Tensor) -> Any:
    """Nested lists of unknown numbers; raises NeedsDataError where they would be many."""
    data = known(tensor)
    if data is not None:
        with unset_fake_temporarily():
            return data.tolist()
    if tensor.numel() > _MOST_LISTED:
        raise NeedsDataError(f"it makes a list of {tensor.numel():,} elements of a tensor")
    return _unknowns(tuple(tensor.shape), kind_of(tensor.dtype))


def _unknowns(shape: tuple[int, ...], kind: str) -> Any:
    if not shape:
        return Unknown(kind)
    return [_unknowns(shape[1:], kind) for _ in range(shape[0])]


def _item(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    (tensor,) = args
    if tensor.numel() != 1:
        raise RuntimeError(f"a Tensor with {tensor.numel()} elements cannot be converted to Scalar")
    data = known(tensor)
    if data is None:
        return Unknown(kind_of(tensor.dtype))
    with unset_fake_temporarily():
        return data.item()


def _number(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`float(x)` and the like, which must give a number."""
    (tensor,) = args
    name = function.__name__.strip("_")
    if tensor.numel() != 1:
        if name == "bool" and tensor.numel():
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        if name == "bool":
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        if name != "index":
            raise ValueError("only one element tensors can be converted to Python scalars")
    if name == "index" and (tensor.numel() != 1 or kind_of(tensor.dtype) in ("float", "complex")):
        raise TypeError("only integer tensors of a single element can be converted to an index")
    data = known(tensor)
    if data is None:
        what = "decides by" if name == "bool" else f"takes `{name}()` of"
        raise NeedsDataError(f"it {what} a tensor's value")
    with unset_fake_temporarily():
        return function(data)


def _numpy(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NoReturn:
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
    raise NeedsDataError("it makes a NumPy array of a tensor")


def _refused(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NoReturn:
    if function.__name__ == "__reduce_ex__":
        raise NeedsDataError("it writes a tensor by pickle")
    raise NeedsDataError(f"it takes `{function.__name__.strip('_')}` of a tensor")


def _copied_deep(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What copy.deepcopy gives: torch asks for the address of the data first."""
    tensor, memo = args
    if id(tensor) in memo:
        return memo[id(tensor)]
    if not tensor.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment."
        )
    made = tensor.detach().clone()
    if isinstance(tensor, torch.nn.Parameter):
        made = torch.nn.Parameter(made, tensor.requires_grad)
    elif tensor.requires_grad:
        made.requires_grad_()
    memo[id(tensor)] = made
    if tensor.grad is not None:
        made.grad = tensor.grad.detach().clone()
    return made


def text_of(tensor: torch.Tensor) -> str:
    """A tensor as it is printed: `tensor(?, size=(3, 4), dtype=torch.float32)`."""
    data = known(tensor)
    if data is not None:
        with unset_fake_temporarily():
            return repr(data)
    device = "" if tensor.device.type == "cpu" else f", device='{tensor.device}'"
    return f"tensor(?, size={tuple(tensor.shape)}, dtype={tensor.dtype}{device})"


def _formatted(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    tensor, specification = args
    data = known(tensor)
    if tensor.dim() == 0 and data is None:
        return "?"
    if data is not None:
        with unset_fake_temporarily():
            return format(data, specification)
    return object.__format__(_Printed(text_of(tensor)), specification)


class _Printed:
    """A text that, as a tensor does, refuses a format specification."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


def like(value: Any) -> Any:
    """A number of the kind of an unknown one, in lists and tuples too; for shape and dtype alone.

    Raises NeedsDataError where it is none.
    """
    if isinstance(value, Unknown):
        numbers: dict[str, Any] = {"float": 1.0, "int": 1, "bool": True, "complex": 1j}
        if value.kind not in numbers:
            raise NeedsDataError("it takes a value that is known only in a run")
        return numbers[value.kind]
    if isinstance(value, (list, tuple)):
        return type(value)(like(item) for item in value)
    return value
