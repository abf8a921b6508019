"""Names of torch's functions, and their operands as text."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flowrun_tensors.lazy_torch import torch

# Functions of two tensors that are broadcast against each other.
BROADCASTING = frozenset(
    "add sub subtract rsub mul multiply div divide true_divide floor_divide remainder fmod pow "
    "float_power maximum minimum fmax fmin atan2 arctan2 hypot logaddexp logaddexp2 xlogy copysign "
    "nextafter eq ne lt le gt ge not_equal less less_equal greater greater_equal logical_and "
    "logical_or logical_xor bitwise_and bitwise_or bitwise_xor and or xor where lerp isclose "
    "squared_difference".split()
)
_MOST_SHOWN = 6  # operands, and items of a list
_OPERATORS = {
    "truediv": "div", "floordiv": "floor_divide", "mod": "remainder",
    "getitem": "index", "setitem": "index_put_",
}  # fmt: skip


def function_name(function: Callable[..., Any]) -> str:
    """The name of a function that users know: `matmul` for `@`, `add_` for `+=`."""
    name = str(getattr(function, "__name__", function))
    if name == "__get__":  # of a property
        owner = getattr(function, "__self__", None)
        return str(getattr(owner, "__name__", name))
    if not (name.startswith("__") and name.endswith("__")):
        return name
    name = name.strip("_")
    if name in _OPERATORS:
        return _OPERATORS[name]
    for prefix, suffix in (("i", "_"), ("r", "")):
        rest = name.removeprefix(prefix)
        if rest != name and (rest in _OPERATORS or hasattr(torch.Tensor, f"__{rest}__")):
            return _OPERATORS.get(rest, rest) + suffix
    return name


def plain_name(function: Callable[..., Any]) -> str:
    """One name for all forms of a function: `add` for `+`, `+=` and `add_`."""
    return function_name(function).rstrip("_")


def call_text(
    function: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Any]
) -> str:
    """A call with its operands: `matmul((1000, 11) float32 cpu, (12, 64) float32 cpu)`."""
    if is_reversed(function):
        arguments = arguments[::-1]
    texts = [operand_text(value) for value in arguments]
    texts += [
        f"{name}={operand_text(value)}" for name, value in keywords.items() if value is not None
    ]
    if len(texts) > _MOST_SHOWN:
        texts = [*texts[:_MOST_SHOWN], "..."]
    return f"{function_name(function)}({', '.join(texts)})"


def is_reversed(function: Callable[..., Any]) -> bool:
    """Whether a function is an operator with its operands swapped: `__rsub__`."""
    name = str(getattr(function, "__name__", ""))
    return name.startswith("__r") and hasattr(torch.Tensor, f"__{name[3:]}")


def operand_text(value: Any) -> str:
    """A tensor by shape, dtype and device; anything else as Python writes it, shortened."""
    if isinstance(value, torch.Tensor):
        dtype = str(value.dtype).removeprefix("torch.")
        return f"{tuple(value.shape)} {dtype} {value.device}"
    if isinstance(value, (list, tuple)):
        items = [operand_text(item) for item in value[:_MOST_SHOWN]]
        items += ["..."] if len(value) > _MOST_SHOWN else []
        inner = ", ".join(items)
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    if isinstance(value, slice):
        parts = ("" if part is None else operand_text(part) for part in (value.start, value.stop))
        step = "" if value.step is None else f":{operand_text(value.step)}"
        return ":".join(parts) + step
    if isinstance(value, (torch.dtype, torch.device)):
        return str(value).removeprefix("torch.")
    if inspect.isroutine(value) or isinstance(value, type):
        return str(getattr(value, "__name__", "function"))
    text = repr(value)
    return text if len(text) <= 40 else f"{type(value).__name__} object"


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """The tensors among operands, including those in lists, tuples and dicts."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
