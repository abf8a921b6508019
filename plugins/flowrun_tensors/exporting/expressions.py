"""Expressions of `compute`, `numpy`, `grad` and `minimize` as Python, spaced as ruff has it."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from flowrun_tensors.exporting.script import Value
from flowrun_tensors.exporting.text import literal
from flowrun_tensors.expressions import vocabulary
from flowrun_tensors.expressions.parsing import Expression, function_name, name_in_torch

_BINARY = {
    ast.Add: ("+", 12), ast.Sub: ("-", 12), ast.Mult: ("*", 13), ast.Div: ("/", 13),
    ast.FloorDiv: ("//", 13), ast.Mod: ("%", 13), ast.MatMult: ("@", 13), ast.Pow: ("**", 15),
    ast.BitAnd: ("&", 10), ast.BitXor: ("^", 9), ast.BitOr: ("|", 8),
    ast.Eq: ("==", 6), ast.NotEq: ("!=", 6), ast.Lt: ("<", 6), ast.LtE: ("<=", 6),
    ast.Gt: (">", 6), ast.GtE: (">=", 6),
}  # fmt: skip
_UNARY = {ast.UAdd: "+", ast.USub: "-", ast.Invert: "~"}
_ATOM, _UNARY_LEVEL, _POWER = 18, 14, 15
_NUMBERS = frozenset({"item", "numel", "equal"})  # calls that give no tensor
_FLAT = frozenset(
    "argmax argmin argsort ones_like zeros_like full_like isfinite isnan all any".split()
)  # and those without a derivative


class Writer:
    """Writes expressions over named values with the functions of one library."""

    def __init__(self, values: Mapping[str, Value], library: str = "torch") -> None:
        self.values = dict(values)
        self._library = library

    def code(self, expression: Expression) -> str:
        """The expression as code, whose value is what the run makes of it: shapes are lists."""
        code, kind = self._written(expression.tree)[0], self.kind(expression.tree)
        if isinstance(expression.tree, ast.Tuple):
            return f"[{code[1:-1].removesuffix(',')}]"
        if kind == "size":
            return f"list({code})"
        if kind in ("dtype", "device") and self._library == "torch":
            is_name = isinstance(expression.tree, (ast.Name, ast.Attribute)) and kind == "dtype"
            if is_name and code.startswith("torch."):
                return literal(code.removeprefix("torch."))
            return f'str({code}).removeprefix("torch.")' if kind == "dtype" else f"str({code})"
        return code

    def assignment(self, target: str, expression: Expression) -> list[str]:
        """Statements that give a variable the value of an expression."""
        if expression.target is None or expression.operator is None:
            return [f"{target} = {self.code(expression)}"]
        changed = self.values[expression.target]
        copied = {"torch": "clone", "numpy": "copy"}[self._library]
        is_array = changed.kind not in ("number", "size", "list", "dict")
        first = f"{target} = {changed.name}{f'.{copied}()' if is_array else ''}"
        sign = _BINARY[type(expression.operator)][0]
        change = f"{target} {sign}= {self._written(expression.tree)[0]}"
        return [change] if first == f"{target} = {target}" else [first, change]

    def kind(self, node: ast.expr) -> str:
        """The kind of value a part gives, as `Value` has it."""
        if isinstance(node, ast.Constant):
            return "number"
        if isinstance(node, ast.Name):
            known = self.values.get(node.id)
            return known.kind if known else "dtype" if node.id in vocabulary.DTYPES else "number"
        if isinstance(node, ast.Call):
            name = function_name(node.func)
            name = name or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
            of_numpy = self._library == "numpy"
            if name == "tolist":
                return "list"
            return "number" if name in _NUMBERS and not (of_numpy and name == "equal") else "tensor"
        if isinstance(node, ast.Attribute):
            if name_in_torch(node) is not None:
                return "dtype"
            kinds = {"shape": "size", "ndim": "number", "dtype": "dtype", "device": "device"}
            return kinds.get(node.attr, "tensor")
        if isinstance(node, ast.Subscript):
            of = self.kind(node.value)
            is_part = isinstance(node.slice, ast.Slice)
            return {"size": "size" if is_part else "number", "tensor": "tensor"}.get(of, "")
        if isinstance(node, (ast.Tuple, ast.List)):
            return "list"
        parts = [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr)]
        kinds_of = {self.kind(part) for part in parts}
        return "tensor" if "tensor" in kinds_of else "" if "" in kinds_of else "number"

    def rank(self, node: ast.expr) -> int | None:
        """How many dimensions a part has; None where that is not known."""
        if isinstance(node, ast.Constant):
            return 0
        if isinstance(node, ast.Name):
            shape = self.values[node.id].shape if node.id in self.values else ()
            return None if shape is None else len(shape)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            is_reduced = node.func.attr in ("mean", "sum") and not node.args and not node.keywords
            return 0 if is_reduced else None
        if isinstance(node, ast.Subscript):
            rank = self.rank(node.value)
            return rank - 1 if rank and self.rank(node.slice) == 0 else None
        if isinstance(node, (ast.BinOp, ast.UnaryOp)):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
                return None
            parts = [node.operand] if isinstance(node, ast.UnaryOp) else [node.left, node.right]
            ranks = [self.rank(part) for part in parts]
            return None if None in ranks else max(rank for rank in ranks if rank is not None)
        return None

    def _written(self, node: ast.expr) -> tuple[str, int]:
        """Code, and how tightly it binds."""
        if isinstance(node, ast.Constant):
            return literal(node.value) if node.value is not Ellipsis else "...", _ATOM
        if isinstance(node, ast.Name):
            return self._name(node.id), _ATOM
        if isinstance(node, ast.BinOp):
            return self._operation(node.op, node.left, node.right)
        if isinstance(node, ast.Compare):
            return self._operation(node.ops[0], node.left, node.comparators[0])
        if isinstance(node, ast.UnaryOp):
            sign, inner = _UNARY[type(node.op)], self._within(node.operand, _UNARY_LEVEL)
            is_power = isinstance(node.operand, ast.BinOp) and isinstance(node.operand.op, ast.Pow)
            return f"{sign}({inner})" if is_power else f"{sign}{inner}", _UNARY_LEVEL
        if isinstance(node, (ast.Tuple, ast.List)):
            items = ", ".join(self._written(item)[0] for item in node.elts)
            if isinstance(node, ast.List):
                return f"[{items}]", _ATOM
            return f"({items}{',' if len(node.elts) == 1 else ''})", _ATOM
        if isinstance(node, ast.Subscript):
            return f"{self._within(node.value, _ATOM)}[{self._index(node.slice)}]", _ATOM
        if isinstance(node, ast.Call):
            return self._call(node), _ATOM
        assert isinstance(node, ast.Attribute)
        if name_in_torch(node) is not None:
            return f"{self._library}.{node.attr}", _ATOM
        return f"{self._within(node.value, _ATOM)}.{node.attr}", _ATOM

    def _name(self, name: str) -> str:
        if name in self.values:
            return self.values[name].name
        return f"{self._library}.{name}"  # a dtype, or one of pi, e and inf

    def _operation(self, kind: ast.AST, left: ast.expr, right: ast.expr) -> tuple[str, int]:
        sign, level = _BINARY[type(kind)]
        if sign == "**":
            sides = self._within(left, level + 1), self._within(right, _UNARY_LEVEL)
            hug = _is_simple(left) and _is_simple(right)
            return ("**" if hug else " ** ").join(sides), level
        # Comparisons do not stand beside each other without brackets: that would be a chain.
        first = level + 1 if level == 6 else level
        return f"{self._within(left, first)} {sign} {self._within(right, level + 1)}", level

    def _within(self, node: ast.expr, level: int) -> str:
        code, own = self._written(node)
        is_number = isinstance(node, ast.Constant) and level == _ATOM
        return f"({code})" if own < level or is_number else code

    def _call(self, node: ast.Call) -> str:
        name = function_name(node.func)
        if name is not None:
            function = f"{self._library}.{name}"
        else:
            assert isinstance(node.func, ast.Attribute)
            function = f"{self._within(node.func.value, _ATOM)}.{node.func.attr}"
        given = [self._written(argument)[0] for argument in node.args]
        given += [f"{one.arg}={self._written(one.value)[0]}" for one in node.keywords]
        return f"{function}({', '.join(given)})"

    def _index(self, node: ast.expr) -> str:
        if isinstance(node, ast.Tuple) and len(node.elts) > 1:
            return ", ".join(self._index(item) for item in node.elts)
        if not isinstance(node, ast.Slice):
            return self._written(node)[0]
        parts = [node.lower, node.upper, *([node.step] if node.step else [])]
        codes = ["" if part is None else self._written(part)[0] for part in parts]
        if all(part is None or _is_short(part) for part in parts):
            return ":".join(codes)
        made = codes[0]
        for code in codes[1:]:
            made += (" " if made and made[-1] != ":" else "") + ":" + (f" {code}" if code else "")
        return made


def has_gradient(expression: Expression, name: str) -> bool:
    """Whether torch certainly finds a derivative of an expression by a value."""
    for node in ast.walk(expression.tree):
        if isinstance(node, ast.Compare):
            return False
        if isinstance(node, ast.Attribute) and node.attr in vocabulary.ATTRIBUTES - {"T", "values"}:
            return False
        if isinstance(node, ast.Call):
            called = function_name(node.func) or getattr(node.func, "attr", "")
            if called in _NUMBERS | _FLAT | {"tolist", "to"}:
                return False
    return name in expression.names


def _is_simple(node: ast.expr) -> bool:
    """Whether ruff leaves no space round a power of it."""
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, (ast.Constant, ast.Name)) and not isinstance(
            node.op, ast.Invert
        )
    if isinstance(node, ast.Attribute):
        return _is_simple(node.value) and not isinstance(node.value, ast.Constant)
    return isinstance(node, (ast.Constant, ast.Name))


def _is_short(node: ast.expr) -> bool:
    """Whether ruff leaves no space round the colon of a slice with it."""
    if isinstance(node, ast.UnaryOp):
        return _is_short(node.operand)
    return isinstance(node, (ast.Constant, ast.Name))
