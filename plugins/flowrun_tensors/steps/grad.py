"""The step `grad`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any

from flowrun import FlowrunError, Meta, step
from flowrun_tensors.expressions import evaluate, expression_inputs, parse_option
from flowrun_tensors.lazy_torch import torch


def _inputs(options: SimpleNamespace) -> tuple[str, ...]:
    return expression_inputs({"of": options.of}, options.by)


@step(inputs=_inputs, outputs=("f", "grads"))
def grad(
    values: dict[str, Any],
    *,
    of: Annotated[str, Meta(min_length=1, description="The expression, a scalar.")],
    by: Annotated[
        tuple[str, ...], Meta(min_length=1, description="The values to differentiate by.")
    ],
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Differentiate an expression by named values (torch.autograd).

    By two values: `grad: {of: a ** 2 + (b - 4) ** 2, by: [a, b]}`.

    Gives `f`, the expression's value, of shape `()`, and `grads`, a dict of the derivatives by
    name, each of its value's shape; zeros for a value the expression does not depend on. Raises
    FlowrunError if the expression is not a scalar, or a value is not floating.
    """
    known = {**values, **{name: tracked(name, values[name]) for name in by}}
    f = scalar(evaluate(parse_option(of, "of"), known), of)
    gradients = torch.autograd.grad(
        f, [known[name] for name in by], allow_unused=True, materialize_grads=True
    )
    return f.detach(), dict(zip(by, gradients, strict=True))


def tracked(name: str, value: Any) -> torch.Tensor:
    """A copy of a value by which one can differentiate."""
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        kind = value.dtype if isinstance(value, torch.Tensor) else type(value).__name__
        raise FlowrunError(f"`{name}` is {kind}: only floating tensors have derivatives; cast it")
    return value.detach().clone().requires_grad_()


def scalar(f: Any, text: str) -> torch.Tensor:
    """The value of an expression, which must be one number that depends on tracked tensors."""
    if not isinstance(f, torch.Tensor) or not f.requires_grad:
        raise FlowrunError(f"`{text}` does not depend on the tensors of `by`")
    if f.numel() != 1:
        raise FlowrunError(
            f"`{text}` has the shape {tuple(f.shape)}; only a scalar has a gradient: "
            "take its `.mean()` or `.sum()`"
        )
    return f.reshape(())
