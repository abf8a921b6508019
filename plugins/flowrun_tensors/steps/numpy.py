"""The step `numpy`: expressions computed by NumPy on the tensors' own memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any

from flowrun import FlowrunError, Meta, NeedsDataError, Unknown, step
from flowrun_tensors.expressions import EXPRESSION, evaluate, expression_inputs, parse_option
from flowrun_tensors.lazy_torch import torch

_MOST_ELEMENTS = 2**20  # of an array that a check has NumPy compute with

Text = Annotated[
    str,
    Meta(min_length=1, extra=EXPRESSION, description="A name, and the expression of its value."),
]


def _inputs(options: SimpleNamespace) -> tuple[str, ...]:
    return expression_inputs(options.named)


@step(inputs=_inputs, outputs=lambda options: tuple(options.named))
def numpy(values: dict[str, Any], **named: Text) -> dict[str, Any]:
    """Compute values as `compute` does, but with NumPy: `numpy: {c: a - a.mean()}`.

    Tensors on the CPU are passed as arrays on the same memory, nothing is copied, and arrays
    become tensors in the same way. The expressions are those of `compute`; functions and methods
    are NumPy's of the same name, with NumPy's meaning (its `std` divides by n). Raises FlowrunError
    if a tensor is on another device.
    """
    import numpy as library

    known = {name: _as_array(value, name) for name, value in values.items()}
    made = {}
    for name, text in named.items():
        value = evaluate(parse_option(text, name), known, library, library.ndarray)
        known[name] = value
        is_array = isinstance(value, (library.ndarray, library.generic))
        made[name] = torch.as_tensor(value, device="cpu") if is_array else value
    return made


@numpy.on_shapes
def _on_shapes(values: dict[str, Any], **named: str) -> dict[str, Any]:
    """NumPy's results for zeros, which have the same shapes and dtypes unless a mask selects."""
    import numpy as library

    class Zeros(library.ndarray):
        """Zeros in place of data; an operation that depends on their values is rejected."""

        def __getitem__(self, index: Any) -> Any:
            parts = index if isinstance(index, tuple) else (index,)
            if any(getattr(part, "dtype", None) == library.dtype(bool) for part in parts):
                raise NeedsDataError("a mask chooses")
            return super().__getitem__(index)

        def item(self, *arguments: Any) -> Any:
            raise NeedsDataError("it takes a number out of an array")

        tolist = item

    def zeros(value: Any, name: str) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        _require_host(value, name)
        if value.numel() > _MOST_ELEMENTS:
            raise NeedsDataError(f"`{name}` is large, and NumPy cannot compute without its data")
        dtype = str(value.dtype).removeprefix("torch.")
        return library.zeros(tuple(value.shape), dtype).view(Zeros)

    known = {name: zeros(value, name) for name, value in values.items()}
    made: dict[str, Any] = {}
    for name, text in named.items():
        with library.errstate(all="ignore"):
            value = evaluate(parse_option(text, name), known, library, library.ndarray)
        known[name] = value
        if isinstance(value, (library.ndarray, library.generic)):
            made[name] = torch.empty(value.shape, dtype=getattr(torch, value.dtype.name))
        else:
            made[name] = value if isinstance(value, (str, list)) else Unknown(type(value).__name__)
    return made


def _as_array(value: Any, name: str) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    _require_host(value, name)
    return value.detach().numpy()


def _require_host(value: torch.Tensor, name: str) -> None:
    if value.device.type != "cpu":
        raise FlowrunError(f"`{name}` is on {value.device}, and NumPy works on the CPU: place it")
