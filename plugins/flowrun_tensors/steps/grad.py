"""The step `grad`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any

from flowrun import Context, Meta, step
from flowrun_tensors.autodiff import check_names, scalar, tracked
from flowrun_tensors.expressions import EXPRESSION, evaluate, expression_inputs, parse_option
from flowrun_tensors.lazy_torch import torch


def _inputs(options: SimpleNamespace) -> tuple[str, ...]:
    return expression_inputs({"of": options.of}, options.by)


@step(inputs=_inputs, outputs=("f", "grads"))
def grad(
    values: dict[str, Any],
    *,
    of: Annotated[
        str, Meta(min_length=1, extra=EXPRESSION, description="The expression, a scalar.")
    ],
    by: Annotated[
        tuple[str, ...], Meta(min_length=1, description="The values to differentiate by.")
    ],
    ctx: Context,
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Differentiate an expression by named values (torch.autograd).

    By two values: `grad: {of: a ** 2 + (b - 4) ** 2, by: [a, b]}`.

    Gives `f`, the expression's value, of shape `()`, and `grads`, a dict of the derivatives by
    name, each of its value's shape; zeros for a value the expression does not depend on. Raises
    FlowrunError if the expression is not a scalar, or a value is not floating.
    """
    known = {**values, **{name: tracked(name, values[name]) for name in by}}
    f = scalar(evaluate(parse_option(of, "of"), known, warn=ctx.warn), of)
    gradients = torch.autograd.grad(
        f, [known[name] for name in by], allow_unused=True, materialize_grads=True
    )
    return f.detach(), dict(zip(by, gradients, strict=True))


@grad.check_options
def _check_options(options: SimpleNamespace) -> None:
    check_names(options.by)
