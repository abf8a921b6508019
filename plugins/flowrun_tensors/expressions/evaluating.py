"""Expressions evaluated on named values, each operation torch's own, sizes bounded."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from flowrun import Unknown, did_you_mean, listed
from flowrun_tensors.expressions import vocabulary
from flowrun_tensors.expressions.bounds import refuse_large, refuse_large_index, refuse_long
from flowrun_tensors.expressions.broadcasts import broadcast_warning
from flowrun_tensors.expressions.parsing import (
    Expression,
    ExpressionError,
    function_name,
    name_in_torch,
)
from flowrun_tensors.lazy_torch import torch

MOST_BITS = 4096  # of a whole number
_NO_GRAD = (
    "the update is no part of the function: make it without tracking, "
    "`{name}: {name}.detach() - 0.1 * {name}.grad`, or let `minimize` make it under torch.no_grad"
)
_NO_BACKWARD = (
    "`backward()` writes into the tensors of its graph, so it belongs into the `compute` that "
    "computes from them, as in `compute: {f: a ** 2, none: f.backward(), gradient: a.grad}`"
)

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
    *,
    warn: Callable[[str], None] | None = None,
    may_backward: bool = False,
    as_value: bool = True,
) -> Any:
    """The value of an expression; shapes become lists, dtypes and devices their names.

    With `as_value=False` it is the library's own object, such as a torch.Size, to be printed.

    An augmented assignment changes a copy of its target in place, as torch does. `library` has
    the functions, and `kind` is its class of arrays: torch and its Tensor, unless NumPy's
    are given. `warn` is called with a warning about a column and a vector that broadcast to a
    matrix. `backward()` changes tensors of the graph, so only a caller that owns them allows it.
    Raises ExpressionError if a number or tensor would become too large, and if
    the operations do not fit the values; torch's own errors come through as they are.
    """
    evaluator = _Evaluator(values, library, kind or torch.Tensor, warn, may_backward)
    try:
        result = evaluator.of(expression.tree)
        if expression.target is not None and expression.operator is not None:
            result = evaluator.assigned(expression.target, expression.operator, result)
    except (ArithmeticError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ExpressionError(f"`{expression.text}`: {error}") from error
    return _as_value(result, expression.text) if as_value else result


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

    def __init__(
        self,
        values: Mapping[str, Any],
        library: Any,
        kind: type,
        warn: Callable[[str], None] | None,
        may_backward: bool,
    ) -> None:
        self._values = values
        self._library = library
        self._kind = kind
        self._warn = warn
        self._may_backward = may_backward

    def assigned(self, name: str, kind: ast.operator, value: Any) -> Any:
        """The named value changed in place, on a copy of it, which is a leaf if that is one."""
        target = self._named(name)
        if isinstance(target, torch.Tensor):
            is_leaf = target.requires_grad and target.is_leaf
            target = target.detach().clone().requires_grad_() if is_leaf else target.clone()
        elif isinstance(target, self._kind):
            target = target.copy()
        if type(kind) not in _IN_PLACE:
            raise ValueError("this operator has no in-place form")
        try:
            return _IN_PLACE[type(kind)](target, value)
        except RuntimeError as error:
            if "leaf Variable" in str(error):
                raise ValueError(f"{error}\n{_NO_GRAD.format(name=name)}") from error
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
            return self._binary(node, node.op, self.of(node.left), self.of(node.right))
        if isinstance(node, ast.Compare):
            left, right = self.of(node.left), self.of(node.comparators[0])
            return self._binary(node, node.ops[0], left, right)
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

    def _binary(self, node: ast.BinOp | ast.Compare, kind: ast.AST, left: Any, right: Any) -> Any:
        if isinstance(left, self._kind) and isinstance(right, self._kind):
            is_product = isinstance(kind, ast.MatMult)
            refuse_large("matmul" if is_product else "", [left, right])
            warning = None if is_product else broadcast_warning(node, left, right)
            if warning is not None and self._warn is not None:
                self._warn(warning)
        elif isinstance(left, (list, tuple)) or isinstance(right, (list, tuple)):
            raise ValueError("a list stands for a tensor only inside an index")
        elif isinstance(left, int) and isinstance(right, int):
            _check_whole(kind, left, right)
        return _BINARY[type(kind)](left, right)

    def _indexed(self, value: Any, index: Any) -> Any:
        if isinstance(value, self._kind):
            refuse_long(index if isinstance(index, (tuple, list)) else [index])
            refuse_large_index(value, index)
        if isinstance(value, dict):
            return _entry(value, index)
        if isinstance(index, str):
            raise ValueError(f"a {self._kind_of(value)} has no keys such as {index!r}")
        return value[index]

    def _kind_of(self, value: Any) -> str:
        """The name of a value's type, the same for a tensor in a check."""
        return self._kind.__name__ if isinstance(value, self._kind) else type(value).__name__

    def _attribute(self, value: Any, name: str) -> Any:
        if isinstance(value, dict):
            return _entry(value, name)
        if name in vocabulary.METHODS and isinstance(value, self._kind):
            raise ValueError(f"`.{name}` is a method of a tensor: write `.{name}()`")
        if name not in vocabulary.ATTRIBUTES and not isinstance(value, Unknown):
            hint = did_you_mean(name, vocabulary.ATTRIBUTES)
            text = f"`.{name}` of a {self._kind_of(value)}, which has none"
            raise ValueError(text if hint is None else f"{text}; {hint}")
        of_a_pair = name in ("values", "indices")
        if isinstance(value, self._kind) == of_a_pair or not hasattr(value, name):
            raise ValueError(f"`.{name}` of a {self._kind_of(value)}, which has none")
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
                raise ValueError(f"`.{name}()` of a {self._kind_of(receiver)}, which has none")
            if name == "backward" and not self._may_backward:
                raise ValueError(_NO_BACKWARD)
            function = getattr(receiver, name)
            operands.insert(0, receiver)
        items = [item for one in operands for item in (one if isinstance(one, list) else [one])]
        refuse_long(items)
        arrays = [item for item in items if isinstance(item, self._kind)]
        refuse_large(name, arrays, [item for item in items if isinstance(item, int)])
        try:
            return function(*arguments, **keywords)
        except RuntimeError as error:
            if "floating point" not in str(error) or any(map(torch.is_floating_point, arrays)):
                raise
            raise ValueError(f"{error}\nconvert whole numbers first, by `.to(float32)`") from error


def _entry(values: dict[Any, Any], key: Any) -> Any:
    """The value of a key in a dict; raises LookupError that names its keys."""
    if isinstance(key, (str, int, float)) and key in values:
        return values[key]
    hint = did_you_mean(str(key), map(str, values))
    has = f"it has {listed(map(str, values))}"
    raise LookupError(f"the dict has no `{key}`; {hint or has}")


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
