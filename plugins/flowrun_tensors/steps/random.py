"""The step `random`: tensors drawn or filled by a rule."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Annotated, Any

from flowrun import Context, FlowrunError, Meta, OptionError, did_you_mean, step
from flowrun_tensors.autodiff import tracked
from flowrun_tensors.lazy_torch import torch

_SHAPED = ("randn", "rand", "zeros", "ones")
_KINDS = (*_SHAPED, "randint", "randperm", "arange")
_MOST_ELEMENTS = 2**34
_MOST_SHOWN = 10**30  # Python writes no number of thousands of digits

Rule = Annotated[
    dict[str, Any],
    Meta(description="A name, and how it is made: {randn: [2, 3]}, {randperm: 4}."),
]


def _outputs(options: SimpleNamespace) -> tuple[str, ...]:
    for name, rule in options.named.items():
        _check_rule(name, rule)
    return tuple(options.named)


@step(outputs=_outputs, random=True)
def random(
    *,
    requires_grad: Annotated[
        bool, Meta(description="Let one differentiate by all of them, which must be floating.")
    ] = False,
    ctx: Context,
    **named: Rule,
) -> dict[str, Any]:
    """Draw tensors from the step's own seed, or fill them, each by its name.

    A draw and an order: `random: {x: {randn: [2, 3]}, index: {randperm: 4}}`.
    `{randn: [2, 3]}`, `{rand: [2, 3]}`, `{zeros: [2]}`, `{ones: [2]}`: by shape, a number or a
    list, floating. `{randperm: n}`: the numbers 0 to n-1 in random order. `{arange: n}`, or
    `{arange: [start, end, step]}`: as Python's range. `{randint: [2, 3], low: 0, high: 10}`: whole
    numbers from `low` to below `high`. The names are torch's, and so are dtypes.
    """
    made = {name: _made(name, rule, ctx.device) for name, rule in named.items()}
    return {name: tracked(name, value) for name, value in made.items()} if requires_grad else made


def _check_rule(name: str, rule: dict[str, Any]) -> None:
    kinds = [key for key in rule if key not in ("low", "high")]
    if len(kinds) != 1 or kinds[0] not in _KINDS:
        found = kinds[0] if kinds else "nothing"
        raise OptionError(
            f"`{name}` is made by one of {', '.join(_KINDS)}, and not by {found}",
            option=(name,),
            hint=did_you_mean(found, _KINDS) or f"write `{name}: {{randn: [2, 3]}}`",
        )
    kind = kinds[0]
    numbers = rule[kind] if isinstance(rule[kind], list) else [rule[kind]]
    whole = all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
    if kind == "arange":
        if not numbers or len(numbers) > 3 or not whole:
            raise OptionError("`arange` takes n or [start, end, step]", option=(name, kind))
    elif not whole or any(number < 0 for number in numbers):
        raise OptionError(f"`{kind}` takes whole numbers of at least 0", option=(name, kind))
    elif kind == "randperm" and len(numbers) != 1:
        raise OptionError("`randperm` takes one number", option=(name, kind))
    if kind == "randint" and not isinstance(rule.get("high"), int):
        hint = f"write `{name}: {{randint: [2], low: 0, high: 10}}`"
        raise OptionError("`randint` needs `high`", option=(name, kind), hint=hint)


def _made(name: str, rule: dict[str, Any], device: str) -> torch.Tensor:
    (kind,) = (key for key in rule if key in _KINDS)
    numbers = rule[kind] if isinstance(rule[kind], list) else [rule[kind]]
    count = _count_in_range(*numbers) if kind == "arange" else math.prod(numbers)
    if count > _MOST_ELEMENTS:
        shown = f"{count:,}" if count < _MOST_SHOWN else "far too many"
        raise FlowrunError(f"`{name}` would have {shown} elements")
    if kind == "arange":
        return torch.arange(*numbers, device=device)
    if kind == "randperm":
        return torch.randperm(numbers[0], device=device)
    if kind == "randint":
        return torch.randint(rule.get("low", 0), rule["high"], numbers, device=device)
    return getattr(torch, kind)(numbers, device=device)


def _count_in_range(first: int, end: int | None = None, step: int = 1) -> int:
    """How many numbers there are in a range, which may be more than Python's `len` can tell."""
    start, end = (0, first) if end is None else (first, end)
    return max(0, -((start - end) // step)) if step else 0
