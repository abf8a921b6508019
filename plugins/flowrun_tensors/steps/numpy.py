"""The step `numpy`: expressions computed by NumPy on the tensors' own memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any

from flowrun import FlowrunError, Meta, step
from flowrun_tensors.expressions import evaluate, expression_inputs, parse_option
from flowrun_tensors.lazy import torch

Text = Annotated[str, Meta(min_length=1, description="A name, and the expression of its value.")]


def _inputs(options: SimpleNamespace) -> tuple[str, ...]:
    return expression_inputs(options.named)


@step(inputs=_inputs, outputs=lambda options: tuple(options.named))
def numpy(values: dict[str, Any], **named: Text) -> dict[str, Any]:
    """Compute values as `compute` does, but with NumPy: `numpy: {c: a - a.mean()}`.

    Tensors on the CPU are handed over as arrays on the same memory, nothing is copied, and arrays
    come back as tensors likewise. The expressions are those of `compute`; functions and methods
    are NumPy's of the same name, with NumPy's meaning (its `std` divides by n). Raises FlowrunError
    where a tensor lies on another device.
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


def _as_array(value: Any, name: str) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    if value.device.type != "cpu":
        raise FlowrunError(f"`{name}` is on {value.device}, and NumPy works on the CPU: place it")
    return value.detach().numpy()
