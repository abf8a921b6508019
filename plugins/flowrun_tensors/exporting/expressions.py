"""Expressions of `compute`, `numpy`, `grad` and `minimize` as Python, spaced as ruff has it."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from flowrun_tensors.exporting.script import Value
from flowrun_tensors.exporting.text import literal
from flowrun_tensors.expressions import Expression, vocabulary

_NUMBERS = frozenset({"item", "numel", "equal"})  # calls that give no tensor
_FLAT = frozenset(  # calls without a derivative
    "argmax argmin argsort ones_like zeros_like full_like isfinite isnan all any to tolist".split()
)
_SHORT = (ast.Constant, ast.Name)  # ruff puts no space around a colon beside these
_SIMPLE = r"(?:[A-Za-z_][\w.]*|\d[\w.]*)"  # nor around a power of these
_POWER = re.compile(rf"(?<![\w.\])])({_SIMPLE}) \*\* ([-+]?{_SIMPLE})(?![\w.(\[])", re.ASCII)


class Writer:
    """Writes expressions over named values with the functions of one library."""

    def __init__(self, values: Mapping[str, Value], library: str = "torch") -> None:
        self.values = dict(values)
        self._library = library

    def code(self, expression: Expression) -> str:
        """The expression as code, whose value is the same as in a run: shapes are lists."""
        tree, kind = expression.tree, self.kind(expression.tree)
        if isinstance(tree, ast.Tuple):
            tree = ast.List(tree.elts, ast.Load())
        code = self._written(tree)
        if kind == "size":
            return f"list({code})"
        if self._library == "numpy" or kind not in ("dtype", "device"):
            return code
        if kind == "dtype" and code.startswith("torch."):
            return literal(code.removeprefix("torch."))
        return f'str({code}).removeprefix("torch.")' if kind == "dtype" else f"str({code})"

    def printed(self, expression: Expression) -> str:
        """The expression as code, whose value is the library's own object: a shape is a Size."""
        return self._written(expression.tree)

    def assignment(self, target: str, expression: Expression) -> list[str]:
        """Statements that give a variable the value of an expression."""
        if expression.target is None or expression.operator is None:
            return [f"{target} = {self.code(expression)}"]
        changed = self.values[expression.target]
        copied = {"torch": ".clone()", "numpy": ".copy()"}[self._library]
        is_array = changed.kind in ("tensor", "")
        sign = ast.unparse(ast.AugAssign(ast.Name("a"), expression.operator, ast.Name("b")))[2:-2]
        return [
            f"{target} = {changed.name}{copied if is_array else ''}",
            f"{target} {sign} {self._written(expression.tree)}",
        ]

    def kind(self, node: ast.expr) -> str:
        """The kind of value a part gives, as `Value` has it."""
        name = getattr(node, "id", None)
        if name in self.values:
            return self.values[name].kind
        if isinstance(node, (ast.Constant, ast.Name)):
            return "dtype" if name in vocabulary.DTYPES else "number"
        if isinstance(node, ast.Call):
            called = _called(node)
            if called == "tolist":
                return "list"
            of_numpy = self._library == "numpy" and called == "equal"
            return "number" if called in _NUMBERS and not of_numpy else "tensor"
        if isinstance(node, (ast.Attribute, ast.Subscript)) and is_of_a_dict(node, self.values):
            return "tensor" if self._is_tensor_in_a_dict(node) else ""
        if isinstance(node, ast.Attribute):
            kinds = {"shape": "size", "ndim": "number", "dtype": "dtype", "device": "device"}
            return "dtype" if is_of_torch(node) else kinds.get(node.attr, "tensor")
        if isinstance(node, ast.Subscript):
            of, is_part = self.kind(node.value), isinstance(node.slice, ast.Slice)
            return (
                "tensor" if of == "tensor" else "" if of != "size" else of if is_part else "number"
            )
        kinds_of = {
            self.kind(one) for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr)
        }
        return "tensor" if "tensor" in kinds_of else "" if "" in kinds_of else "number"

    def _is_tensor_in_a_dict(self, node: ast.Attribute | ast.Subscript) -> bool:
        """Whether a part is an entry of parameters or gradients, which are all tensors."""
        value = self.values.get(getattr(node.value, "id", ""))
        return value is not None and isinstance(value.detail, int)

    def is_scalar(self, node: ast.expr) -> bool:
        """Whether the value of a part certainly has no dimensions."""
        return self._rank(node) == 0

    def _rank(self, node: Any) -> int | None:
        if isinstance(node, ast.Name) and node.id in self.values:
            shape = self.values[node.id].shape
            return None if shape is None else len(shape)
        if isinstance(node, (ast.Constant, ast.Name)):
            return 0
        if isinstance(node, ast.Call):
            is_whole = isinstance(node.func, ast.Attribute) and not (node.args or node.keywords)
            return 0 if is_whole and _called(node) in ("mean", "sum") else None
        if isinstance(node, ast.Subscript):
            rank = self._rank(node.value)
            return rank - 1 if rank and self._rank(node.slice) == 0 else None
        parts = {ast.UnaryOp: ["operand"], ast.BinOp: ["left", "right"]}.get(type(node), [])
        ranks = [self._rank(getattr(node, part)) for part in parts]
        if not ranks or None in ranks or isinstance(getattr(node, "op", None), ast.MatMult):
            return None
        return max(rank for rank in ranks if rank is not None)

    def _written(self, tree: ast.expr) -> str:
        code = ast.unparse(_Names(self.values, self._library).visit(ast.parse(ast.unparse(tree))))
        return _POWER.sub(r"\1**\2", _POWER.sub(r"\1**\2", code))


class _Names(ast.NodeTransformer):
    """Puts variables for values, and the library before its functions, dtypes and constants."""

    def __init__(self, values: Mapping[str, Value], library: str) -> None:
        self._values = values
        self._library = library

    def visit_Name(self, node: ast.Name) -> ast.Name:
        is_value = node.id in self._values
        return ast.Name(self._values[node.id].name if is_value else f"{self._library}.{node.id}")

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if is_of_torch(node):
            return ast.Name(f"{self._library}.{node.attr}")
        if is_of_a_dict(node, self._values):
            return ast.Name(f"{ast.unparse(self.visit(node.value))}[{literal(node.attr)}]")
        return self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            return ast.Name(f"{ast.unparse(self.visit(node.value))}[{literal(node.slice.value)}]")
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        function = node.func
        if isinstance(function, ast.Name):  # a function, even if a value has that name
            function = ast.Name(f"{self._library}.{function.id}")
        elif isinstance(function, ast.Attribute) and not is_of_torch(function):
            function = ast.Attribute(self.visit(function.value), function.attr)
        else:
            function = self.visit(function)
        keywords = [ast.keyword(one.arg, self.visit(one.value)) for one in node.keywords]
        return ast.Call(function, [self.visit(one) for one in node.args], keywords)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.operand, ast.BinOp) and isinstance(node.operand.op, ast.Pow):
            node.operand = ast.Name(f"({ast.unparse(node.operand)})")
        return node

    def visit_Slice(self, node: ast.Slice) -> ast.AST:
        parts = [node.lower, node.upper, *([node.step] if node.step else [])]
        is_short = all(part is None or _is_short(part) for part in parts)
        codes = ["" if part is None else ast.unparse(self.visit(part)) for part in parts]
        spaced = codes[0] + "".join(f" :{f' {code}' if code else ''}" for code in codes[1:])
        return ast.Name(":".join(codes) if is_short else spaced.replace(": :", "::").lstrip())


def is_of_a_dict(node: ast.Attribute | ast.Subscript, values: Mapping[str, Value]) -> bool:
    """Whether a part is an entry of a dict, as far as that is known before a run.

    What is no attribute of a tensor can be nothing else.
    """
    value = values.get(getattr(node.value, "id", ""))
    if value is not None and value.kind == "dict":
        return True
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
    return node.attr not in vocabulary.ATTRIBUTES and not is_of_torch(node)


def is_of_torch(node: ast.Attribute) -> bool:
    """Whether a part is a name of the library itself: `torch.float32`."""
    return getattr(node.value, "id", None) == "torch"


def calls_backward(expression: Expression) -> bool:
    """Whether an expression writes gradients."""
    calls = (node for node in ast.walk(expression.tree) if isinstance(node, ast.Call))
    return any(_called(node) == "backward" for node in calls)


def has_gradient(expression: Expression, name: str) -> bool:
    """Whether torch certainly finds a derivative of an expression by a value."""
    rough = vocabulary.ATTRIBUTES - {"T", "values"}
    for node in ast.walk(expression.tree):
        if isinstance(node, ast.Compare) or getattr(node, "attr", None) in rough:
            return False
        if isinstance(node, ast.Call) and _called(node) in _NUMBERS | _FLAT:
            return False
    return name in expression.names


def _called(node: ast.Call) -> str:
    """The name of the function or method that a part calls."""
    return getattr(node.func, "id", "") or getattr(node.func, "attr", "")


def _is_short(node: ast.expr) -> bool:
    return _is_short(node.operand) if isinstance(node, ast.UnaryOp) else isinstance(node, _SHORT)
