"""Expressions parsed and checked against the vocabulary, without torch."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterable, Mapping

import msgspec

from flowrun import OptionError, did_you_mean
from flowrun_tensors.expressions import vocabulary

MOST_CHARACTERS = 2_000
MOST_NODES = 500
MOST_DEPTH = 40

_OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult,
    ast.BitAnd, ast.BitOr, ast.BitXor,
    ast.UAdd, ast.USub, ast.Invert,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
)  # fmt: skip
_REFUSED = {
    ast.Lambda: "a function",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.JoinedStr: "a formatted string",
    ast.NamedExpr: "an assignment",
    ast.IfExp: "a condition (use `where`)",
    ast.BoolOp: "`and` or `or` (use `&` and `|`)",
    ast.Not: "`not` (use `~`)",
    ast.Await: "`await`",
    ast.Yield: "`yield`",
    ast.Dict: "a dict",
    ast.Set: "a set",
    ast.Starred: "a star",
    ast.In: "`in`",
    ast.NotIn: "`in`",
    ast.Is: "`is`",
    ast.IsNot: "`is`",
    ast.LShift: "a shift",
    ast.RShift: "a shift",
}


class ExpressionError(OptionError):
    """An expression that is not of the language, or that cannot be evaluated."""


class Expression(msgspec.Struct, frozen=True):
    """A parsed expression: its text, its tree, the values it names, in the order it names them.

    Among the names are those of constants and dtypes: a value of such a name takes its place.
    target: the name on the left of an augmented assignment (`a += b`), else None.
    """

    text: str
    tree: ast.expr
    names: tuple[str, ...]
    target: str | None = None
    operator: ast.operator | None = None


def parse_expression(text: str) -> Expression:
    """Parse an expression, or one augmented assignment to a name such as `a += b`.

    Raises ExpressionError with the offset of the part outside the language, and the nearest name.
    """
    _check_size(text)
    try:
        (statement,) = ast.parse(text.strip(), mode="exec").body
    except SyntaxError as error:
        raise ExpressionError(f"not an expression: {error.msg}", (error.offset or 1) - 1) from None
    except (ValueError, RecursionError, MemoryError):
        raise ExpressionError("not one expression; one value is computed for each name") from None
    reader = _Reader(text)
    if isinstance(statement, ast.Expr):
        reader.visit(statement.value)
        return Expression(text, statement.value, tuple(reader.names))
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        target = statement.target.id
        reader.names[target] = None
        reader.visit(statement.op)
        reader.visit(statement.value)
        return Expression(text, statement.value, tuple(reader.names), target, statement.op)
    hint = "write `name: expression` in the recipe" if isinstance(statement, ast.Assign) else None
    raise ExpressionError("a statement, not an expression", 0, hint)


def _check_size(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise ExpressionError(f"longer than {MOST_CHARACTERS} characters")
    depth = 0
    for offset, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth > MOST_DEPTH:
            raise ExpressionError(f"nested deeper than {MOST_DEPTH} levels", offset)


class _Reader:
    """Walks a tree once: refuses nodes outside the language, collects the names of values."""

    def __init__(self, text: str) -> None:
        self.names: dict[str, None] = {}
        self._in_indices: set[ast.AST] = set()  # of `a[..., 0]` the `...`
        self._count = 0
        self._indent = len(text) - len(text.lstrip())
        self._lines = list(io.StringIO(text.strip(), newline=""))  # as Python has lines

    def visit(self, node: ast.AST, depth: int = 1) -> None:
        self._count += 1
        if self._count > MOST_NODES:
            raise ExpressionError(f"more than {MOST_NODES} parts")
        if depth > MOST_DEPTH * 2:
            raise ExpressionError(f"nested deeper than {MOST_DEPTH} levels")
        if isinstance(node, ast.Constant):
            self._check_constant(node)
        elif isinstance(node, ast.Name):
            if node.id.startswith("__"):
                self._refuse(f"the name `{node.id}`", node)
            self.names[node.id] = None
        elif isinstance(node, ast.Call):
            self._visit_call(node, depth)
        elif isinstance(node, ast.Attribute):
            self._visit_attribute(node, depth)
        elif isinstance(node, ast.Subscript):
            self.visit(node.value, depth + 1)
            index = node.slice
            self._in_indices.update(index.elts if isinstance(index, ast.Tuple) else [index])
            if not isinstance(index, ast.Constant) or not isinstance(index.value, str):
                self.visit(index, depth + 1)  # a text is a key, as in `params["W1"]`
        elif isinstance(node, ast.Compare) and len(node.ops) > 1:
            self._refuse("a chain of comparisons (join two with `&`)", node)
        elif isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Compare, ast.Slice, ast.Tuple,
                               ast.List)):  # fmt: skip
            for child in ast.iter_child_nodes(node):
                if not isinstance(child, ast.expr_context):
                    self.visit(child, depth + 1)
        elif not isinstance(node, _OPERATORS):
            self._refuse(_REFUSED.get(type(node), type(node).__name__), node)

    def _visit_call(self, node: ast.Call, depth: int) -> None:
        name = function_name(node.func)
        if name is not None:
            if name not in vocabulary.FUNCTIONS:
                self._unknown("function", name, vocabulary.FUNCTIONS, node.func)
        elif isinstance(node.func, ast.Attribute):
            method = node.func.attr
            if method not in vocabulary.METHODS:
                self._unknown("method", method, vocabulary.METHODS, node.func)
            self.visit(node.func.value, depth + 1)
        else:
            self._refuse("a call of something without a name", node)
        for argument in node.args:
            self.visit(argument, depth + 1)
        for keyword in node.keywords:
            if keyword.arg is None:
                self._refuse("`**`", node)
            elif keyword.arg not in vocabulary.KEYWORDS:
                self._unknown("keyword", keyword.arg, vocabulary.KEYWORDS, keyword)
            self.visit(keyword.value, depth + 1)

    def _visit_attribute(self, node: ast.Attribute, depth: int) -> None:
        if name_in_torch(node) is not None:
            if node.attr not in vocabulary.DTYPES:
                self._unknown("dtype", node.attr, vocabulary.DTYPES, node)
            return
        if node.attr not in vocabulary.ATTRIBUTES and not _may_be_a_key(node):
            self._unknown("attribute", node.attr, vocabulary.ATTRIBUTES, node)
        self.visit(node.value, depth + 1)

    def _check_constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, (str, bytes, complex)):
            self._refuse(f"a {type(node.value).__name__}", node)
        if node.value is Ellipsis and node not in self._in_indices:
            raise ExpressionError(
                "`...` is a hole", self._offset(node), "write an expression in its place"
            )

    def _unknown(self, kind: str, name: str, known: frozenset[str], node: ast.AST) -> None:
        raise ExpressionError(
            f"there is no {kind} `{name}` in expressions",
            self._offset(node),
            did_you_mean(name, known) or f"allowed: {', '.join(sorted(known))}",
        )

    def _refuse(self, what: str, node: ast.AST) -> None:
        raise ExpressionError(f"{what} is not part of expressions", self._offset(node))

    def _offset(self, node: ast.AST) -> int:
        """The offset of a node's own name: that of an attribute is after its dot."""
        if isinstance(node, ast.Attribute):
            end = self._characters(node.end_lineno, node.end_col_offset)
            return "".join(self._lines).rindex(".", 0, end) + 1 + self._indent
        line, column = getattr(node, "lineno", None), getattr(node, "col_offset", None)
        return self._characters(line, column) + self._indent

    def _characters(self, line: int | None, column: int | None) -> int:
        """The characters before a place, whose column Python counts in bytes of UTF-8."""
        if line is None or column is None:  # an operator has no place
            return 0
        within = self._lines[line - 1].encode()[:column].decode()
        return sum(map(len, self._lines[: line - 1])) + len(within)


def _may_be_a_key(node: ast.Attribute) -> bool:
    """Whether an attribute may be a key of a dict: `params.W1`, `timings.cpu.seconds`."""
    inner = node.value
    while isinstance(inner, (ast.Attribute, ast.Subscript)):
        inner = inner.value
    return isinstance(inner, ast.Name) and not node.attr.startswith("_")


def function_name(node: ast.expr) -> str | None:
    """`exp` of `exp(...)` or `torch.exp(...)`; None for a method."""
    return node.id if isinstance(node, ast.Name) else name_in_torch(node)


def name_in_torch(node: ast.expr) -> str | None:
    """`exp` of `torch.exp`; None for anything else."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.attr if node.value.id == "torch" else None
    return None


# The `extra` of the Meta of an option that is an expression: what messages call its value.
EXPRESSION = {"words": "an expression"}


def parse_option(text: str, option: str) -> Expression:
    """Parse the text of a step's option; an ExpressionError names the option."""
    try:
        return parse_expression(text)
    except ExpressionError as error:
        raise error.of_option(option) from None


def expression_inputs(
    texts: Mapping[str, str], also: Iterable[str] = (), *, one_after_another: bool = True
) -> tuple[str, ...]:
    """The values that expressions, computed in this order, take from outside.

    one_after_another: whether an expression sees the values of those before it.

    A `?` ends the name of a constant or dtype, which stands for itself if there is no such value.
    also: further values that are taken. Raises all that is wrong with the expressions at once, as a
    group of ExpressionErrors.
    """
    is_needed: dict[str, bool] = {}
    made: set[str] = set()
    errors = []
    for name, text in texts.items():
        try:
            expression = parse_option(text, name)
        except ExpressionError as error:
            errors.append(error)
        else:
            for used in expression.names:
                if used not in made:
                    is_own = used in vocabulary.CONSTANTS or used in vocabulary.DTYPES
                    needed = not is_own or used == expression.target
                    is_needed[used] = needed or is_needed.get(used, False)
        if one_after_another:
            made.add(name)
    if errors:
        raise ExceptionGroup("expressions", errors)
    is_needed.update(dict.fromkeys(also, True))
    return tuple(name if needed else f"{name}?" for name, needed in is_needed.items())
