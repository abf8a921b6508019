"""The text of a piece as it stands in the script: renamed, and without what only flowrun needs."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable

from flowrun_tensors.exporting.collecting import ExportError, Piece
from flowrun_tensors.exporting.naming import ScriptNames
from flowrun_tensors.exporting.scopes import Import
from flowrun_tensors.exporting.sources import Module
from flowrun_tensors.exporting.structs import DATACLASS


class PieceEditor:
    """Edits one piece. The text is changed at the places of its names and is otherwise kept."""

    def __init__(
        self,
        piece: Piece,
        names: ScriptNames,
        is_inlined: Callable[[Module, Import, ast.alias], bool],
    ) -> None:
        self._piece = piece
        self._module = piece.module
        self._names = names
        self._is_inlined = is_inlined
        self._edits: dict[tuple[int, int], str] = {}
        self._rename_uses()
        self._rename_stores()
        self._drop()
        self._make_dataclass()
        self._remove_imports()

    @property
    def text(self) -> str:
        """The piece with the comment above it."""
        start, end = whole_span(self._module, self._piece.statement.node)
        made, position = [], start
        for (begin, stop), replacement in sorted(self._edits.items()):
            made += [self._module.text[position:begin], replacement.encode()]
            position = stop
        made.append(self._module.text[position:end])
        return textwrap.dedent(b"".join(made).decode()).strip("\n")

    def _replace(self, start: int, end: int, text: str) -> None:
        if self._edits.setdefault((start, end), text) != text:
            line = self._module.text[:start].count(b"\n") + 1
            message = "two names stand at one place, in an f-string; take them out of it"
            raise ExportError(f"{self._module.path}:{line}: {message}")

    def _rename_uses(self) -> None:
        for resolved in self._piece.resolved:
            self._rename(resolved.node, self._names.of(resolved.meaning))
        for use in self._piece.names.uses:
            told = {"__file__": str(self._module.path), "__name__": self._module.name}
            if use.node.id in told:
                self._rename(use.node, repr(told[use.node.id]))

    def _rename(self, node: ast.expr, name: str) -> None:
        """Put a name in the place of an expression such as `a` or `a.b`."""
        start, end = self._module.span(node)
        written = ast.unparse(node)
        if written == name:
            return
        found = re.sub(rb"[\s\\]", b"", self._module.text[start:end]).decode()
        if found != written:  # Python before 3.12 is not always right about places in f-strings
            message = f"the place of `{written}` in an f-string is not known; take it out of it"
            raise ExportError(f"{self._module.place(node)}: {message}")
        self._replace(start, end, name)

    def _rename_stores(self) -> None:
        for name, node in self._piece.names.stores:
            new = self._names.of_stored(self._module, name)
            if new == name:
                continue
            start, end = self._module.span(node)
            if isinstance(node, ast.alias):
                self._replace(start, end, f"{node.name} as {new}")
                continue
            before = {
                ast.Name: "",
                ast.Global: r"global\b[^#\n]*?\b",
                ast.ExceptHandler: r"except\b.*?\bas\s+",
                ast.ClassDef: r"class\s+",
            }.get(type(node), r"(?:async\s+)?def\s+")
            pattern = rf"(?s){before}\b({re.escape(name)})\b"
            found = re.compile(pattern.encode()).match(self._module.text, start, end)
            assert found is not None, f"{self._module.place(node)}: {name}"
            self._replace(*found.span(1), new)

    def _drop(self) -> None:
        for node, stays in self._piece.names.dropped:
            start, end = self._module.span(node)
            if stays is None:  # a decorator, from its @ to the end of its line
                line = (
                    self._module.text.rfind(b"\n", 0, self._module.text.rindex(b"@", 0, start)) + 1
                )
                self._replace(line, self._module.text.index(b"\n", end) + 1, "")
                continue
            inner, inner_end = self._module.span(stays)
            lines = self._module.text[inner:inner_end].count(b"\n")
            opening, closing = ("(", ")") if lines and isinstance(stays, ast.BinOp) else ("", "")
            self._replace(start, inner, opening)
            self._replace(inner_end, end, closing)

    def _make_dataclass(self) -> None:
        """Put a decorator in the place of a base class."""
        given = self._piece.dataclass
        if given is not None:
            start, end = self._module.span(self._piece.statement.node)
            arguments = f"({', '.join(given)})" if given else ""
            self._replace(start, start, f"@{self._names.of(DATACLASS)}{arguments}\n")
            bases = re.compile(rb"class\s+\w+\s*(\([^()]*\))").match(self._module.text, start, end)
            assert bases is not None, self._module.place(self._piece.statement.node)
            self._replace(*bases.span(1), "")

    def _remove_imports(self) -> None:
        """Take the imports inside functions out whose names are now names of the script."""
        gone = []
        for node in self._piece.names.imports:
            kept = [one for one in node.names if not self._is_inlined(self._module, node, one)]
            if kept:
                copy = type(node)(**{**vars(node), "names": kept})
                self._replace(*self._module.span(node), ast.unparse(copy))
            else:
                gone.append(node)
        for owner in ast.walk(self._piece.statement.node):
            for body in (getattr(owner, part, None) for part in ("body", "orelse", "finalbody")):
                inside = [one for one in body if one in gone] if isinstance(body, list) else []
                for node in inside:
                    stays = inside == body and node is body[0]
                    self._remove_statement(node, "pass" if stays else "")

    def _remove_statement(self, node: ast.stmt, stays: str) -> None:
        start, end = self._module.span(node)
        line = self._module.offset(node.lineno)
        rest = re.compile(rb"[ \t]*(#[^\n]*)?\n([ \t]*\n)?").match(self._module.text, end)
        is_alone = not self._module.text[line:start].strip() and rest is not None
        if stays or not is_alone:
            self._replace(start, end, stays or "pass")
        else:
            assert rest is not None
            self._replace(line, rest.end(), "")


def whole_span(module: Module, node: ast.stmt) -> tuple[int, int]:
    """The bytes of a statement, its decorators, and the comments above and beside it."""
    start, end = module.span(node)
    if decorators := getattr(node, "decorator_list", []):
        start = module.text.rindex(b"@", 0, module.span(decorators[0])[0])
    line_start = module.text.rfind(b"\n", 0, start) + 1
    if not module.text[line_start:start].strip():
        start = line_start
        comments = re.compile(rb"(?:^[ \t]*#(?!!)[^\n]*\n)+\Z", re.MULTILINE)
        found = comments.search(module.text[:start])
        start = found.start() if found is not None else start
    rest = re.compile(rb"[ \t]*(#[^\n]*)?(?=\n|\Z)").match(module.text, end)
    return start, rest.end() if rest is not None else end
