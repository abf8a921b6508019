"""A warning about a column and a vector that broadcast to a matrix, most likely by mistake."""

from __future__ import annotations

import ast
from typing import Any


def broadcast_warning(node: ast.BinOp | ast.Compare, left: Any, right: Any) -> str | None:
    """The warning for an operation of `(n, 1)` and `(n,)`, which gives `(n, n)`; else None.

    node: the operation, whose operands have the values `left` and `right`. There is none if the
    column was made on purpose (`x[:, None] - y`, `x.unsqueeze(1) - y`), or if both sides come from
    the same values (`x.reshape(-1, 1) - x`).
    """
    shapes = [tuple(getattr(value, "shape", ())) for value in (left, right)]
    vector, matrix = sorted(shapes, key=len)
    if len(vector) != 1 or matrix != (*vector, 1) or vector == (1,):
        return None
    size = vector[0]
    other = node.right if isinstance(node, ast.BinOp) else node.comparators[0]
    column = node.left if len(shapes[0]) == 2 else other
    if _is_made_a_column(column) or _names(node.left) == _names(other):
        return None
    return (
        f"`{ast.unparse(node)}` of {shapes[0]} and {shapes[1]} gives {(size, size)}: every row of "
        "one against every row of the other;\nmake a column of the vector, `y.unsqueeze(1)`, or a "
        "vector of the column, `y.squeeze(1)`"
    )


def _is_made_a_column(node: ast.expr) -> bool:
    """Whether an expression adds an axis to something, by None in an index or by `unsqueeze`."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and part.attr == "unsqueeze":
            return True
        if isinstance(part, ast.Name) and part.id == "unsqueeze":
            return True
        if isinstance(part, ast.Subscript):
            parts = part.slice.elts if isinstance(part.slice, ast.Tuple) else [part.slice]
            if any(isinstance(one, ast.Constant) and one.value is None for one in parts):
                return True
    return False


def _names(node: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
