"""The step `minimize`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any

from flowrun import CheckContext, Context, FlowrunError, Meta, Unknown, step
from flowrun_tensors.expressions import evaluate, expression_inputs, parse_option
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.steps.grad import scalar, tracked


def _inputs(options: SimpleNamespace) -> tuple[str, ...]:
    return expression_inputs({"of": options.of}, [options.by])


@step(inputs=_inputs, outputs=lambda options: (options.by, "trace", "points"))
def minimize(
    values: dict[str, Any],
    *,
    of: Annotated[str, Meta(min_length=1, description="The expression to minimize, a scalar.")],
    by: Annotated[str, Meta(min_length=1, description="The value to change.")],
    lr: Annotated[float, Meta(gt=0, description="Learning rate.")] = 0.1,
    steps: Annotated[int, Meta(ge=1, description="Updates.")] = 50,
    tolerance: Annotated[
        float, Meta(ge=0, description="Stop when the value changes by less; 0 takes every step.")
    ] = 0.0,
    accumulate: Annotated[
        bool, Meta(description="Never reset the gradient: the steps speed up and overshoot.")
    ] = False,
    no_grad: Annotated[
        bool, Meta(description="Update under torch.no_grad; without it torch fails.")
    ] = True,
    ctx: Context,
) -> dict[str, torch.Tensor]:
    """Gradient descent on an expression over one named value: `x <- x - lr * df/dx`.

    Of two numbers: `minimize: {of: "x[0] ** 2 + (x[1] - 4) ** 2", by: x, lr: 0.1, steps: 50}`.

    Gives the value under its own name, `trace` of `(steps taken,)`, the expression before each
    update, and `points` of `(steps taken + 1, ...)`, the value from the first to the last. With
    `accumulate` the gradients of all steps are added up, as `backward` does unless they are reset;
    with `no_grad: false` the update itself is tracked, and torch raises an error. Raises
    FlowrunError if the expression stops being finite.
    """
    expression = parse_option(of, "of")
    x = tracked(by, values[by])
    points, trace = [x.detach().clone()], []
    for number in range(steps):
        f = scalar(evaluate(expression, {**values, by: x}), of)
        f.backward()
        _update(x, lr, no_grad)
        if not accumulate:
            x.grad = None
        trace.append(f.detach())
        points.append(x.detach().clone())
        if not f.isfinite():
            raise FlowrunError(f"`{of}` stopped being finite at step {number + 1}; lower `lr`")
        ctx.progress(number + 1, steps)
        if tolerance and number and abs(float(trace[-1] - trace[-2])) < tolerance:
            break
    return {by: x.detach(), "trace": torch.stack(trace), "points": torch.stack(points)}


@minimize.on_shapes
def _on_shapes(
    values: dict[str, Any],
    *,
    of: str,
    by: str,
    lr: float,
    steps: int,
    tolerance: float,
    accumulate: bool,
    no_grad: bool,
    ctx: CheckContext,
) -> dict[str, Any]:
    """One update in place of all."""
    x = tracked(by, values[by])
    with ctx.repeated(steps):
        f = scalar(evaluate(parse_option(of, "of"), {**values, by: x}), of)
        f.backward()
        _update(x, lr, no_grad)
    if tolerance:
        return {by: x.detach(), "trace": Unknown("tensor"), "points": Unknown("tensor")}
    trace = torch.empty(steps, dtype=f.dtype, device=f.device)
    points = torch.empty((steps + 1, *x.shape), dtype=x.dtype, device=x.device)
    return {by: x.detach(), "trace": trace, "points": points}


def _update(x: torch.Tensor, lr: float, no_grad: bool) -> None:
    gradient = x.grad
    assert gradient is not None  # `scalar` has seen that the expression depends on x
    if no_grad:
        with torch.no_grad():
            x -= lr * gradient
        return
    try:
        x -= lr * gradient
    except RuntimeError as error:
        raise FlowrunError(
            f"{error}\nthe update is no part of the function: make it under torch.no_grad "
            "(`no_grad: true`, the default)"
        ) from error
