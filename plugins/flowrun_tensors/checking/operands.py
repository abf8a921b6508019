"""Functions of torch and their operands in a user's words."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flowrun_tensors.lazy_torch import torch

_MOST_SHOWN = 6  # operands, and items of a list
_OPERATORS = {
    "truediv": "div", "floordiv": "floor_divide", "getitem": "index", "setitem": "index_put_",
}  # fmt: skip


def function_name(function: Callable[..., Any]) -> str:
    """The name a user knows a function by: `matmul` for `@`, `add_` for `+=`."""
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
    """Whether a function is that of an operator with its operands the other way round."""
    name = str(getattr(function, "__name__", ""))
    return name.startswith("__r") and hasattr(torch.Tensor, f"__{name[3:]}")


def operand_text(value: Any) -> str:
    """A tensor by shape, dtype and device; anything else as Python writes it, shortened."""
    if isinstance(value, torch.Tensor):
        return tensor_text(value)
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


def tensor_text(tensor: torch.Tensor) -> str:
    """`(1000, 11) float32 cuda:0`."""
    dtype = str(tensor.dtype).removeprefix("torch.")
    return f"{tuple(tensor.shape)} {dtype} {tensor.device}"


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """The tensors among operands, those in lists, tuples and dicts included."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
