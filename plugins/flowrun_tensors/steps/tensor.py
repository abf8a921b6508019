"""The step `tensor`: values written in the recipe."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any, Literal

from flowrun import Context, FlowrunError, Meta, OptionError, step
from flowrun_tensors.autodiff import tracked
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.ranges import is_too_large, too_large

Literals = Annotated[Any, Meta(description="A name, and its number, bool or nested list.")]


def _outputs(options: SimpleNamespace) -> tuple[str, ...]:
    """The names, after a check that every list among them is even."""
    for name, value in options.named.items():
        _check_even(value, name, (name,))
    return tuple(options.named)


Dtype = Literal["bool", "int32", "int64", "float16", "bfloat16", "float32", "float64"]


@step(outputs=_outputs)
def tensor(
    *,
    dtype: Annotated[
        Dtype | None,
        Meta(description="Of all of them; by default as torch.tensor chooses."),
    ] = None,
    requires_grad: Annotated[
        bool, Meta(description="Let one differentiate by all of them, which must be floating.")
    ] = False,
    ctx: Context,
    **named: Literals,
) -> dict[str, Any]:
    """Make tensors from numbers and nested lists, each by its name.

    Two at once: `tensor: {a: [1, 2, 3], m: [[0.4, 1.8], [0.1, 1.4]]}`.

    A number gives a tensor of shape `()`, a list `(n,)`, a list of lists `(n, m)`, and so on, on
    the step's device. Whole numbers become int64, others the recipe's dtype. Lists of uneven
    length are an error that names the row, and so are numbers too large for the dtype.
    """
    kind = getattr(torch, dtype) if dtype is not None else None
    made = {name: _made(value, name, kind, ctx.device) for name, value in named.items()}
    return {name: tracked(name, value) for name, value in made.items()} if requires_grad else made


def _made(value: Any, name: str, kind: torch.dtype | None, device: str) -> torch.Tensor:
    """The tensor of a literal; raises FlowrunError for a number too large for its dtype."""
    made = torch.tensor(value, dtype=kind, device=device)
    if made.is_floating_point():
        _check_range(value, name, str(made.dtype).removeprefix("torch."))
    return made


def _check_range(value: Any, place: str, dtype: str) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _check_range(item, f"{place}[{index}]", dtype)
    elif is_too_large(value, dtype):
        raise FlowrunError(f"`{place}`: {too_large(value, dtype)}")


def _check_even(value: Any, name: str, path: tuple[str | int, ...]) -> tuple[int, ...]:
    """The shape of nested lists; raises OptionError at the first row that does not fit."""
    if not isinstance(value, list):
        if isinstance(value, (int, float)):
            return ()
        raise OptionError(
            f"`{name}` holds {value!r}, which is no number", option=path, hint="write numbers only"
        )
    shapes = [_check_even(item, name, (*path, row)) for row, item in enumerate(value)]
    for row, shape in enumerate(shapes):
        if shape != shapes[0]:
            found = f"{shape[0]} values" if shape else "a number"
            wanted = f"{shapes[0][0]} values" if shapes[0] else "a number"
            where = "".join(f"[{index}]" for index in (*path[1:], row))
            raise OptionError(
                f"the rows of `{name}` are not of one length: row {row} (`{name}{where}`) is "
                f"{found}, and the first is {wanted}",
                option=(*path, row),
                hint="make every row as long as the first",
            )
    return (len(value), *(shapes[0] if shapes else ()))
