"""Statements that act where their module is imported, though nothing of the script names them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from flowrun_tensors.exporting.meanings import Defined, External, Resolved
from flowrun_tensors.exporting.sources import Module, Statement

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_OF_A_STEP = ("on_shapes", "check_options")  # decorators


class Effects:
    """Tells which statements act on what is in a script.

    resolved: what the names of a statement stand for; None where that cannot be told. is_taken:
    whether a statement is in the script.
    """

    def __init__(
        self,
        resolved: Callable[[Module, Statement], list[Resolved] | None],
        is_taken: Callable[[Module, Statement], bool],
    ) -> None:
        self._resolved = resolved
        self._is_taken = is_taken

    def acts(self, module: Module, statement: Statement) -> bool:
        """Whether a statement has an effect on the script or on a library.

        That is a call, or an assignment to a part of something, if it concerns what is in the
        script or a library; a definition with a decorator that registers it with what is in the
        script; and a compound statement that concerns nothing outside of the script.
        """
        node = statement.node
        resolved = self._resolved(module, statement)
        if resolved is None:
            return False
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            if any(isinstance(one, ast.Attribute) and one.attr in _OF_A_STEP
                   for one in node.decorator_list):  # fmt: skip
                return False  # a script neither plans nor checks
            meanings = _of_roots(node.decorator_list, resolved)
            return any(isinstance(one, Defined) and self._registers(one, is_part)
                       for one, is_part in meanings)  # fmt: skip
        if statement.binds:
            return False
        match node:
            case ast.Expr():
                parts: Iterable[ast.expr] = [node.value]
            case ast.Assign():
                parts = node.targets
            case ast.AugAssign() | ast.AnnAssign():
                parts = [node.target]
            case _:
                parts = [child for child in ast.walk(node) if isinstance(child, ast.Name)]
        return all(self._concerns(one) for one, _ in _of_roots(parts, resolved))

    def _concerns(self, meaning: Defined | External) -> bool:
        """Whether it is a library's, in the script, or a function, which may act on either."""
        if isinstance(meaning, External):
            return True
        giving = meaning.module.giving(meaning.name)
        return any(
            self._is_taken(meaning.module, one) or isinstance(one.node, _FUNCTIONS)
            for one in giving
        )

    def _registers(self, decorator: Defined, is_part: bool) -> bool:
        """Whether a decorator may change what is in the script.

        A part of something, as `@function.register` is, belongs to it; a function may change the
        lists, dicts and other objects that it reaches.
        """
        if is_part:
            return self._concerns(decorator)
        reached: set[Defined] = set()
        waiting = [decorator]
        while waiting:
            defined = waiting.pop()
            if defined in reached:
                continue
            reached.add(defined)
            for one in defined.module.giving(defined.name):
                if self._is_taken(defined.module, one) and _holds_an_object(one.node):
                    return True
                found = self._resolved(defined.module, one) or []
                waiting += [each.meaning for each in found if isinstance(each.meaning, Defined)]
        return False


def _of_roots(
    parts: Iterable[ast.expr], resolved: list[Resolved]
) -> Iterator[tuple[Defined | External, bool]]:
    """What expressions such as `a.b[0](c)` start from, and whether a part of that is meant."""
    by_node = {id(one.node): one.meaning for one in resolved}
    for part in parts:
        inner, is_part = part, False
        while id(inner) not in by_node:
            if isinstance(inner, ast.Call):
                inner = inner.func
            elif isinstance(inner, (ast.Attribute, ast.Subscript, ast.Starred)):
                inner, is_part = inner.value, True
            else:
                break
        if id(inner) in by_node:
            yield by_node[id(inner)], is_part


def _holds_an_object(node: ast.stmt) -> bool:
    """Whether a statement makes something that can be changed: not a function, number or text."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return False
    value = getattr(node, "value", None)
    try:
        return isinstance(ast.literal_eval(value), (list, dict, set)) if value else True
    except ValueError:
        return True
