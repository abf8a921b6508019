"""Cures for the errors of torch that people meet most."""

from __future__ import annotations

import re
from collections.abc import Callable

_Cure = Callable[[re.Match[str], str], str | None]


def hint_for(message: str, operation: str | None) -> str | None:
    """The cure of an error by its message; None where none is known."""
    for pattern, cure in _CURES:
        if match := pattern.search(message):
            return cure(match, operation or "")
    return None


def _of_product(match: re.Match[str], operation: str) -> str:
    rows, columns, right_rows, right_columns = match.groups()
    if operation.startswith(("linear(", "addmm(")) or "linear" in operation.partition("(")[0]:
        return (
            f"the layer takes {right_rows} columns, and is given {columns}: "
            f"make it for {columns} inputs"
        )
    advice = "make them equal"
    if columns == right_columns:
        advice = "turn the right side round: `.T`"
    elif rows == right_rows:
        advice = "turn the left side round: `.T`"
    return f"the left side has {columns} columns, and the right side {right_rows} rows: {advice}"


def _of_index(match: re.Match[str], operation: str) -> str | None:
    size = int(match[1])
    return f"the last index is {size - 1}, which is also -1" if size else "there are none"


def _always(text: str) -> _Cure:
    return lambda match, operation: text


_FLOATING = _always("cast it to a floating dtype: `.float()`, or a step `cast`")
_CURES: list[tuple[re.Pattern[str], _Cure]] = [
    (re.compile(pattern), cure)
    for pattern, cure in (
        (r"cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)", _of_product),
        (
            r"at least two devices, ([\w:]+) and ([\w:]+)",
            lambda match, operation: (
                f"one tensor is on {match[1].strip('!')} and another on {match[2].strip('!')}: "
                "add `device:` to a step, or move one of them with a step `place`"
            ),
        ),
        (
            r"can't be cast to the desired output type",
            _always(
                "in place the left side keeps its dtype: write `a = a + b` in place of `a += b`, "
                "or cast it first"
            ),
        ),
        (
            r"same dtype|expected scalar type|mixed dtype|[Dd]type.* but found|dtypes match",
            _always("give both one dtype: `.to(other.dtype)` in the code, or a step `cast`"),
        ),
        (
            r"0D or 1D target tensor expected",
            _always("labels have the shape (n,): take `.squeeze(1)` of them"),
        ),
        (
            r"expected target dtype to be Long|Expected floating point type for target",
            _always("labels are whole numbers of the shape (n,): `.long()`, or a step `cast`"),
        ),
        (r"out of bounds for dimension \d+ with size (\d+)", _of_index),
        (r"could not infer output dtype|only support floating point", _FLOATING),
        (r"not implemented for '(?:Long|Int|Bool|Byte)'", _FLOATING),
        (
            r"to have (\d+) channels, but got (\d+) channels",
            lambda match, operation: f"make the layer for {match[2]} channels of input",
        ),
        (
            r"grad can be implicitly created only for scalar",
            _always("take its `.mean()` or `.sum()` first"),
        ),
        (
            r"leaf Variable that requires grad",
            _always("make the update under `torch.no_grad()`, or work on a copy: `.clone()`"),
        ),
        (
            r"modified by an inplace operation",
            _always("the backward pass needs what was there: write `y = y + 1` for `y += 1`"),
        ),
        (
            r"does not require grad and does not have a grad_fn",
            _always("nothing it was made of requires a gradient: `.requires_grad_()`"),
        ),
        (
            r"indices' to have one of the following scalar types|used as indices must be",
            _always("indices are whole numbers: `.long()`, or a step `cast`"),
        ),
    )
]
