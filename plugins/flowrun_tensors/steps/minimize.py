"""The step `minimize`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any

from flowrun import CheckContext, Context, FlowrunError, Meta, OptionError, Unknown, step
from flowrun_tensors.autodiff import check_names, scalar, tracked
from flowrun_tensors.expressions import EXPRESSION, evaluate, expression_inputs, parse_option
from flowrun_tensors.lazy_torch import torch


def _names(by: str | tuple[str, ...]) -> tuple[str, ...]:
    return (by,) if isinstance(by, str) else by


def _inputs(options: SimpleNamespace) -> tuple[str, ...]:
    return expression_inputs({"of": options.of}, _names(options.by))


def _outputs(options: SimpleNamespace) -> tuple[str, ...]:
    is_one = isinstance(options.by, str)
    return (*_names(options.by), "trace", *(("points",) if is_one else ()))


@step(inputs=_inputs, outputs=_outputs)
def minimize(
    values: dict[str, Any],
    *,
    of: Annotated[
        str,
        Meta(min_length=1, extra=EXPRESSION, description="The expression to minimize, a scalar."),
    ],
    by: Annotated[
        Annotated[str, Meta(min_length=1)] | Annotated[tuple[str, ...], Meta(min_length=1)],
        Meta(description="The value to change, or a list of several."),
    ],
    lr: Annotated[float, Meta(gt=0, description="Learning rate.")] = 0.1,
    steps: Annotated[int, Meta(ge=1, description="Updates.")] = 50,
    tolerance: Annotated[
        float, Meta(ge=0, description="Stop when the value changes by less; 0 takes every step.")
    ] = 0.0,
    accumulate: Annotated[
        bool, Meta(description="Never reset the gradients: the steps speed up and overshoot.")
    ] = False,
    no_grad: Annotated[
        bool, Meta(description="Update under torch.no_grad; without it torch fails.")
    ] = True,
    ctx: Context,
) -> dict[str, torch.Tensor]:
    """Gradient descent on an expression over named values: `x <- x - lr * df/dx` for each.

    Of two numbers: `minimize: {of: "x[0] ** 2 + (x[1] - 4) ** 2", by: x, lr: 0.1, steps: 50}`.
    Of a model: `minimize: {of: "((X_train @ W + b - y_train) ** 2).mean()", by: [W, b], lr: 0.01}`.

    A step evaluates the expression, calls `backward`, updates the values in their order, and resets
    their gradients. Gives each value under its own name (which requires a gradient if it did
    before), and `trace` of `(steps taken,)`, the expression before each update. If `by` is one name
    and no list, also gives `points` of `(steps taken + 1, ...)`, the value from the first to the
    last. With `accumulate` the gradients of all steps are added up, as `backward` does unless they
    are reset; with `no_grad: false` the update itself is tracked, and torch raises an error. Raises
    FlowrunError if the expression stops being finite.
    """
    expression = parse_option(of, "of")
    names = _names(by)
    changed = {name: tracked(name, values[name]) for name in names}
    known = {**values, **changed}
    points, trace = [changed[names[0]].detach().clone()], []
    warn = ctx.warn
    for number in range(steps):
        f = scalar(evaluate(expression, known, warn=warn if number == 0 else None), of)
        f.backward()
        _update(changed, of, lr, no_grad)
        if not accumulate:
            for x in changed.values():
                x.grad = None
        trace.append(f.detach())
        if isinstance(by, str):
            points.append(changed[by].detach().clone())
        if not f.isfinite():
            raise FlowrunError(f"`{of}` stopped being finite at step {number + 1}; lower `lr`")
        ctx.progress(number + 1, steps)
        if tolerance and number and abs(float(trace[-1] - trace[-2])) < tolerance:
            break
    results = {name: _like(values[name], x) for name, x in changed.items()}
    results["trace"] = torch.stack(trace)
    return {**results, "points": torch.stack(points)} if isinstance(by, str) else results


@minimize.on_shapes
def _on_shapes(
    values: dict[str, Any],
    *,
    of: str,
    by: str | tuple[str, ...],
    lr: float,
    steps: int,
    tolerance: float,
    accumulate: bool,
    no_grad: bool,
    ctx: CheckContext,
) -> dict[str, Any]:
    """One update in place of all."""
    changed = {name: tracked(name, values[name]) for name in _names(by)}
    with ctx.repeated(steps):
        f = scalar(evaluate(parse_option(of, "of"), {**values, **changed}), of)
        f.backward()
        _update(changed, of, lr, no_grad)
    results: dict[str, Any] = {name: _like(values[name], x) for name, x in changed.items()}
    lengths = None if tolerance else (steps, steps + 1)
    results["trace"] = (
        Unknown("tensor")
        if lengths is None
        else torch.empty(lengths[0], dtype=f.dtype, device=f.device)
    )
    if isinstance(by, str):
        x = changed[by]
        results["points"] = (
            Unknown("tensor")
            if lengths is None
            else torch.empty((lengths[1], *x.shape), dtype=x.dtype, device=x.device)
        )
    return results


@minimize.check_options
def _check_options(options: SimpleNamespace) -> None:
    names = _names(options.by)
    check_names(names)
    for name in names:
        if names.count(name) > 1 or name in ("trace", "points"):
            why = "is there twice" if names.count(name) > 1 else "is the name of another output"
            raise OptionError(f"`{name}` {why}", option=("by",))


def _like(given: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The found value, by which one can differentiate if that held for the given one."""
    return x.detach().requires_grad_(given.requires_grad)


def _update(changed: dict[str, torch.Tensor], of: str, lr: float, no_grad: bool) -> None:
    for name, x in changed.items():
        gradient = x.grad
        if gradient is None:
            raise FlowrunError(f"`{of}` does not depend on `{name}` of `by`")
        if no_grad:
            with torch.no_grad():
                x -= lr * gradient
            continue
        try:
            x -= lr * gradient
        except RuntimeError as error:
            raise FlowrunError(
                f"{error}\nthe update is no part of the function: make it under torch.no_grad "
                "(`no_grad: true`, the default)"
            ) from error
