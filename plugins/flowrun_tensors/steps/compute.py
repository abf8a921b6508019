"""The step `compute`: values from expressions over the values above."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any

from flowrun import Context, Meta, OutputsError, step
from flowrun_tensors.expressions import EXPRESSION, evaluate, expression_inputs, parse_option
from flowrun_tensors.lazy_torch import torch

Text = Annotated[
    str,
    Meta(min_length=1, extra=EXPRESSION, description="A name, and the expression of its value."),
]


def _inputs(options: SimpleNamespace) -> tuple[str, ...]:
    return expression_inputs(options.named)


@step(inputs=_inputs, outputs=lambda options: tuple(options.named))
def compute(values: dict[str, Any], *, ctx: Context, **named: Text) -> dict[str, Any]:
    """Compute values from expressions, one after the other; a later one may use an earlier one.

    Two at once: `compute: {c: 2 * (a + b), error: ((a - b) ** 2).mean()}`.

    An expression has numbers, names of values, `+ - * / // % ** @`, comparisons, `& | ~`, indices
    and slices as Python writes them (`data[:, :-1]`, `data[index]`, `data[[3, 2, 1, 0]]`), parts of
    a dict (`params.W1`, `params["W1"]`), torch's functions (`exp(a)`, `maximum(a, b)`, also as
    `torch.exp(a)`) and a tensor's methods and attributes (`a.mean(0)`, `a.shape`, `a.dtype`);
    `docs/expressions.md` lists them. `a += b` works as in torch, on a copy. `f.backward()` writes
    the gradients of tensors that require them, of copies as well, for `a.grad` further on in the
    same step. Anything else is an error before the recipe runs. Numbers and tensors that would
    become absurdly large are rejected. A column `(n, 1)` and a vector `(n,)` that broadcast to
    `(n, n)` give a warning.
    """
    known = {name: _own(value) for name, value in values.items()}
    may_backward = not any(map(_is_inside_a_graph, values.values()))
    made: dict[str, Any] = {}
    errors: dict[str, Exception] = {}
    lost: set[str] = set()  # outputs that failed, or that need one that did
    for name, text in named.items():
        expression = parse_option(text, name)
        if not lost.isdisjoint(expression.names):
            lost.add(name)
            continue
        try:
            made[name] = known[name] = evaluate(
                expression, known, warn=ctx.warn, may_backward=may_backward
            )
        except Exception as error:
            errors[name] = error
            lost.add(name)
    if errors:
        raise OutputsError(errors, made)
    return made


def _own(value: Any) -> Any:
    """A tensor by which one differentiates as a copy of the step's own; others as they are."""
    if isinstance(value, torch.Tensor) and value.requires_grad and value.is_leaf:
        return value.detach().clone().requires_grad_()
    return value


def _is_inside_a_graph(value: Any) -> bool:
    """Whether `backward` through a value would write into tensors of the steps above."""
    return isinstance(value, torch.Tensor) and value.requires_grad and not value.is_leaf
