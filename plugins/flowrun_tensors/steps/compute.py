"""The step `compute`: values from expressions over the values above."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any

from flowrun import Meta, step
from flowrun_tensors.expressions import evaluate, expression_inputs, parse_option

Text = Annotated[str, Meta(min_length=1, description="A name, and the expression of its value.")]


def _inputs(options: SimpleNamespace) -> tuple[str, ...]:
    return expression_inputs(options.named)


@step(inputs=_inputs, outputs=lambda options: tuple(options.named))
def compute(values: dict[str, Any], **named: Text) -> dict[str, Any]:
    """Compute values from expressions, one after the other; a later one may use an earlier one.

    Two at once: `compute: {c: 2 * (a + b), error: ((a - b) ** 2).mean()}`.

    An expression has numbers, names of values, `+ - * / // % ** @`, comparisons, `& | ~`, indices
    and slices as Python writes them (`data[:, :-1]`, `data[index]`, `data[[3, 2, 1, 0]]`), torch's
    functions (`exp(a)`, `maximum(a, b)`, also as `torch.exp(a)`) and a tensor's methods and
    attributes (`a.mean(0)`, `a.shape`, `a.dtype`); `docs/expressions.md` lists them. `a += b` works
    as in torch, on a copy. Anything else is an error before the recipe runs. Numbers and
    tensors that would become absurdly large are rejected.
    """
    known = dict(values)
    made = {}
    for name, text in named.items():
        made[name] = known[name] = evaluate(parse_option(text, name), known)
    return made
