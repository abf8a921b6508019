"""Expressions evaluated on named values, each operation torch's own, sizes bounded."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from flowrun_tensors.expressions import vocabulary
from flowrun_tensors.expressions.bounds import refuse_large, refuse_large_index
from flowrun_tensors.expressions.parsing import (
    Expression,
    ExpressionError,
    function_name,
    name_in_torch,
)
from flowrun_tensors.lazy_torch import torch

MOST_BITS = 4096  # of a whole number

_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.Pow: operator.pow, ast.MatMult: operator.matmul, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_, ast.BitXor: operator.xor, ast.Eq: operator.eq,
    ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
_IN_PLACE: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.iadd, ast.Sub: operator.isub, ast.Mult: operator.imul,
    ast.Div: operator.itruediv, ast.FloorDiv: operator.ifloordiv, ast.Mod: operator.imod,
    ast.Pow: operator.ipow, ast.BitAnd: operator.iand, ast.BitOr: operator.ior,
    ast.BitXor: operator.ixor,
}  # fmt: skip
_UNARY: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos, ast.USub: operator.neg, ast.Invert: operator.invert,
}  # fmt: skip


def evaluate(
    expression: Expression,
    values: Mapping[str, Any],
    library: Any = torch,
    kind: type | None = None,
) -> Any:
    """The value of an expression; shapes become lists, dtypes and devices their names.

    An augmented assignment changes a copy of its target in place, as torch does. `library` has
    the functions, and `kind` is its class of arrays: torch and its Tensor, unless NumPy's
    are given. Raises ExpressionError if a number or tensor would become too large, and if
    the operations do not fit the values; torch's own errors come through as they are.
    """
    evaluator = _Evaluator(values, library, kind or torch.Tensor)
    try:
        result = evaluator.of(expression.tree)
        if expression.target is not None and expression.operator is not None:
            result = evaluator.assigned(expression.target, expression.operator, result)
    except (ArithmeticError, ValueError, IndexError, TypeError, AttributeError) as error:
        raise ExpressionError(f"`{expression.text}`: {error}") from error
    return _as_value(result, expression.text)


def _as_value(result: Any, text: str) -> Any:
    if isinstance(result, torch.Size) or type(result) is tuple:
        return list(result)
    if isinstance(result, (torch.dtype, torch.device)):
        return str(result).removeprefix("torch.")
    if isinstance(result, tuple):
        raise ExpressionError(f"`{text}` gives two tensors: take `.values` or `.indices` of it")
    return result


class _Evaluator:
    """Evaluates a tree over named values with the functions and arrays of one library."""

    def __init__(self, values: Mapping[str, Any], library: Any, kind: type) -> None:
        self._values = values
        self._library = library
        self._kind = kind

    def assigned(self, name: str, kind: ast.operator, value: Any) -> Any:
        """The named value changed in place, on a copy of it."""
        target = self._named(name)
        if isinstance(target, self._kind):
            target = target.clone() if isinstance(target, torch.Tensor) else target.copy()
        if type(kind) not in _IN_PLACE:
            raise ValueError("this operator has no in-place form")
        try:
            return _IN_PLACE[type(kind)](target, value)
        except RuntimeError as error:
            if "can't be cast" not in str(error):
                raise
            dtype = str(getattr(value, "dtype", "float32")).removeprefix("torch.")
            raise ValueError(
                f"{error}\nan assignment in place keeps the dtype of its left side: convert that "
                f"first, with `cast: {{{name}: {dtype}}}`"
            ) from error

    def of(self, node: ast.AST) -> Any:
        """The value of one node; the parser has let nothing else through than is handled here."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self._named(node.id)
        if isinstance(node, ast.BinOp):
            return self._binary(node.op, self.of(node.left), self.of(node.right))
        if isinstance(node, ast.Compare):
            return self._binary(node.ops[0], self.of(node.left), self.of(node.comparators[0]))
        if isinstance(node, ast.UnaryOp):
            return _UNARY[type(node.op)](self.of(node.operand))
        if isinstance(node, ast.Subscript):
            return self._indexed(self.of(node.value), self.of(node.slice))
        if isinstance(node, ast.Slice):
            return slice(*(part and self.of(part) for part in (node.lower, node.upper, node.step)))
        if isinstance(node, (ast.Tuple, ast.List)):
            items = [self.of(item) for item in node.elts]
            return tuple(items) if isinstance(node, ast.Tuple) else items
        if isinstance(node, ast.Call):
            return self._called(node)
        assert isinstance(node, ast.Attribute)
        if name_in_torch(node) is not None:
            return getattr(self._library, node.attr)
        return self._attribute(self.of(node.value), node.attr)

    def _named(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        if name in vocabulary.CONSTANTS:
            return vocabulary.CONSTANTS[name]
        if name in vocabulary.DTYPES:
            return getattr(self._library, name)
        raise ValueError(f"there is no value `{name}`")

    def _binary(self, kind: ast.AST, left: Any, right: Any) -> Any:
        if isinstance(left, self._kind) and isinstance(right, self._kind):
            refuse_large("matmul" if isinstance(kind, ast.MatMult) else "", [left, right])
        elif isinstance(left, (list, tuple)) or isinstance(right, (list, tuple)):
            raise ValueError("a list stands for a tensor only inside an index")
        elif isinstance(left, int) and isinstance(right, int):
            _check_whole(kind, left, right)
        return _BINARY[type(kind)](left, right)

    def _indexed(self, value: Any, index: Any) -> Any:
        if isinstance(value, self._kind):
            refuse_large_index(value, index)
        return value[index]

    def _attribute(self, value: Any, name: str) -> Any:
        of_a_pair = name in ("values", "indices")
        if isinstance(value, self._kind) == of_a_pair or not hasattr(value, name):
            raise ValueError(f"`.{name}` of a {type(value).__name__}, which has none")
        return getattr(value, name)

    def _called(self, node: ast.Call) -> Any:
        arguments = [self.of(argument) for argument in node.args]
        keywords = {str(keyword.arg): self.of(keyword.value) for keyword in node.keywords}
        operands = [*arguments, *keywords.values()]
        name = function_name(node.func)
        if name is not None:
            function = getattr(self._library, name)
        else:
            assert isinstance(node.func, ast.Attribute)
            name, receiver = node.func.attr, self.of(node.func.value)
            if not isinstance(receiver, self._kind):
                raise ValueError(f"`.{name}()` of a {type(receiver).__name__}, which has none")
            function = getattr(receiver, name)
            operands.insert(0, receiver)
        items = [item for one in operands for item in (one if isinstance(one, list) else [one])]
        arrays = [item for item in items if isinstance(item, self._kind)]
        refuse_large(name, arrays, [item for item in items if isinstance(item, int)])
        return function(*arguments, **keywords)


def _check_whole(kind: ast.AST, left: int, right: int) -> None:
    """Refuse whole numbers of absurd size before they are computed."""
    if isinstance(kind, ast.Pow):
        bits = left.bit_length() * max(right, 0)
    elif isinstance(kind, ast.Mult):
        bits = left.bit_length() + right.bit_length()
    else:
        return
    if bits > MOST_BITS:
        raise ValueError(f"a whole number of more than {MOST_BITS} bits")
