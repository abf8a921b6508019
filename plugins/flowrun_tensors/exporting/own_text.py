"""A user's module as text: the names its statements bind and need, without flowrun's."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flowrun_tensors.exporting.text import ExportError

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_QUIET = (*FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom, ast.AnnAssign)


@dataclass(eq=False)
class Module:
    """A user's module. root: the folder from which it and its neighbours are imported."""

    path: Path
    root: Path
    text: str
    tree: ast.Module

    @classmethod
    def read(cls, path: Path, root: Path) -> Module:
        try:
            text = path.read_text(encoding="utf-8")
            return cls(path, root, text, ast.parse(text))
        except (OSError, ValueError, SyntaxError) as error:
            raise ExportError(f"the source {shown(path)} cannot be had ({error})") from None

    def binding(self, name: str) -> list[ast.stmt]:
        """The statements at its top that bind a name."""
        return [one for one in self.tree.body if name in bound_names(one)]

    def giving(self, name: str) -> ast.stmt | None:
        """The last of them."""
        return next(reversed(self.binding(name)), None)

    def place(self, node: ast.AST) -> str:
        """`file:line` of a node."""
        return f"{shown(self.path)}:{getattr(node, 'lineno', 1)}"

    def imported(self, tree: ast.AST) -> Iterator[tuple[ast.stmt, ast.alias, str]]:
        """Every import below a node: the statement, a name of it, and its module in full."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from ((node, alias, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                package = self.path.parent.relative_to(self.root).parts if node.level else ()
                parts = [*package[: len(package) - node.level + 1], *filter(None, [node.module])]
                yield from ((node, alias, ".".join(parts)) for alias in node.names)

    def flowrun_name(self, name: str) -> str | None:
        """What of flowrun a name at its top is: `step`, `Meta`, or the module; None if nothing."""
        statement = self.giving(name)
        for node, alias, module in [] if statement is None else self.imported(statement):
            if alias_name(alias) == name and module.partition(".")[0] == "flowrun":
                return alias.name if isinstance(node, ast.ImportFrom) else "flowrun"
        return None

    def is_flowruns(self, node: ast.AST) -> bool:
        """Whether a decorator or an annotation names something of flowrun's, also by an alias."""
        for name in {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}:
            statement = self.giving(name)
            if self.flowrun_name(name) or (
                isinstance(statement, ast.Assign) and self.is_flowruns(statement.value)
            ):
                return True
            # `@clip.on_shapes`: a decorator that a step gives.
            if isinstance(statement, FUNCTIONS) and isinstance(node, ast.Attribute):
                return any(self.is_flowruns(one) for one in statement.decorator_list)
        return False


def shown(path: Path) -> str:
    """A path as a message names it: from the current folder, if it lies there."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def evaluated(module: Module, statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes that the script evaluates: no annotations of functions, no flowrun decorators."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, FUNCTIONS):
            waiting += [one for one in node.decorator_list if not module.is_flowruns(one)]
            waiting += [*node.body, *node.args.defaults, *filter(None, node.args.kw_defaults)]
        elif not isinstance(node, ast.arg):
            waiting += ast.iter_child_nodes(node)


def text_of(module: Module, statement: ast.stmt) -> list[str]:
    """The lines of a statement, without those of flowrun."""
    lines = module.text.split("\n")
    decorators = getattr(statement, "decorator_list", [])
    kept = [one for one in decorators if not module.is_flowruns(one)]
    body = lines[statement.lineno - 1 : statement.end_lineno]
    if isinstance(statement, FUNCTIONS):
        given = statement.args
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        notes = [
            one for one in every if one and one.annotation and module.is_flowruns(one.annotation)
        ]
        for one in sorted(notes, key=lambda one: (one.lineno, one.col_offset), reverse=True):
            _strip(module, body, one, statement.lineno)
    above = (lines[one.lineno - 1 : one.end_lineno] for one in kept)
    return [*(line for part in above for line in part), *body]


def _strip(module: Module, body: list[str], argument: ast.arg, first: int) -> None:
    """Write an annotation without flowrun's part: `Annotated[float, Meta(...)]` is `float`."""
    note = argument.annotation
    assert note is not None
    inner = note.slice.elts[0] if isinstance(note, ast.Subscript) and isinstance(
        note.slice, ast.Tuple) else None  # fmt: skip
    bare = "" if inner is None or module.is_flowruns(inner) else f": {ast.unparse(inner)}"
    start, end = argument.lineno - first, (note.end_lineno or note.lineno) - first
    # Columns are counted in bytes.
    name_end = argument.col_offset + len(argument.arg.encode())
    before = body[start].encode()[:name_end].decode()
    after = body[end].encode()[note.end_col_offset :].decode()
    body[start : end + 1] = [f"{before}{bare}{after}"]


def bound_names(statement: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module binds."""
    found: list[str] = []
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            found.append(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found += map(alias_name, node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append(node.id)
        elif not isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp)):
            waiting += ast.iter_child_nodes(node)
    return found


def acts(statement: ast.stmt) -> bool:
    """Whether a statement does more than bind names: whoever takes of its module, takes it too."""
    if isinstance(statement, ast.If):
        return not any(word in ast.dump(statement.test) for word in ("TYPE_CHECKING", "'__main__'"))
    if isinstance(statement, ast.Assign):
        return not all(isinstance(one, (ast.Name, ast.Tuple)) for one in statement.targets)
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return not is_text and not isinstance(statement, _QUIET)


def alias_name(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def file_of(root: Path, name: str) -> Path | None:
    """The file of a module that lies below a folder."""
    path = root.joinpath(*name.split("."))
    found = (path / "__init__.py", path.parent / f"{path.name}.py")
    return next((one for one in found if one.is_file()), None)
