"""Code of a user's plugin in a script: a step's own text, and the modules beside it.

A function goes in as it is written, without the decorators and annotations that are flowrun's, and
with it the statements at the top of its module that it needs. Modules of the plugin's own folder or
package that it imports are copied beside the script as they are.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowrun.problems import shown_path
from flowrun_tensors.exporting.script import ExportError, Script, StepLines
from flowrun_tensors.exporting.text import call, literal, mapping

_REFUSED = frozenset("globals locals vars exec eval __import__ __file__".split())
_ERRORS = ("FlowrunError", "DataError")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_QUIET = (*_FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom, ast.AnnAssign)
_GIVEN = ("step", "seed", "device", "dtype")
_FIXED = {"wants_progress": "False", "restored": "None", "folder": "HERE"}
_METHODS = {
    "path": ("name", "return HERE / name"),
    "env": ("name", "return os.environ.get(name)"),
    "log": ("text", "print(text)"),
    "warn": ("text", 'print(f"warning: {text}", file=sys.stderr)'),
    "reads": ("path", "return path"),
    "writes": ("path", "return path"),
    "progress": ("done, total, **figures", "pass"),
    "checkpoint": ("state", "pass"),
}
_COPIED = [
    "def NAME(value):",
    '    """A value with its lists and dicts copied, so that a step changes nothing of others."""',
    "    if isinstance(value, dict):",
    "        return {key: NAME(item) for key, item in value.items()}",
    "    if isinstance(value, (list, tuple)):",
    "        return type(value)(NAME(item) for item in value)",
    "    return value",
]


@dataclass(eq=False)
class _Module:
    """A module of a user's. root: the folder from which it is imported, as is what lies there."""

    path: Path
    root: Path
    text: str
    tree: ast.Module

    @classmethod
    def read(cls, path: Path, root: Path) -> _Module:
        try:
            text = path.read_text(encoding="utf-8")
            return cls(path, root, text, ast.parse(text))
        except (OSError, ValueError, SyntaxError) as error:
            raise ExportError(f"the source {shown_path(path)} cannot be had ({error})") from None

    def giving(self, name: str) -> ast.stmt | None:
        """The statement at its top that binds a name last."""
        return next((one for one in reversed(self.tree.body) if name in _bound(one)), None)

    def place(self, node: ast.AST) -> str:
        """`file:line` of a node."""
        return f"{shown_path(self.path)}:{getattr(node, 'lineno', 1)}"

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
            if _alias_name(alias) == name and module.partition(".")[0] == "flowrun":
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
            if isinstance(statement, _FUNCTIONS) and isinstance(node, ast.Attribute):
                return any(self.is_flowruns(one) for one in statement.decorator_list)
        return False


class OwnCode:
    """What a script takes of user's modules."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._modules: dict[Path, _Module] = {}
        self._pieces: dict[ast.stmt, _Module] = {}
        self._meanings: dict[str, object] = {}
        self._attributes: set[str] = set()

    def function(self, function: Callable[..., Any]) -> str:
        """Take a function that stands at the top of its module; gives its name in the script."""
        function = inspect.unwrap(function)
        name, code = function.__name__, function.__code__
        place = f"{shown_path(Path(code.co_filename))}:{code.co_firstlineno}"
        if function.__qualname__ != name or not name.isidentifier():
            message = (
                f"its function `{function.__qualname__}` does not stand at the top of a module"
            )
            raise ExportError(f"{place}: {message}\n    define it there, with `def`")
        path = Path(code.co_filename)
        if path not in self._modules:
            package = getattr(sys.modules.get(function.__module__), "__package__", "") or ""
            root = path.parents[len(package.split("."))] if package else path.parent
            self._modules[path] = module = _Module.read(path, root)
            for statement in filter(_acts, module.tree.body):
                self._take(module, statement)
        statement = self._modules[path].giving(name)
        if statement is None:
            raise ExportError(f"{place}: `{name}` is not found in the text of its module")
        self._take(self._modules[path], statement)
        return name

    def lines(self) -> list[str]:
        """The text of all that is taken, in the order of its modules."""
        order = [*self._modules.values()]
        pieces = sorted(
            self._pieces.items(), key=lambda piece: (order.index(piece[1]), piece[0].lineno)
        )
        made: list[str] = []
        for statement, module in pieces:
            is_definition = isinstance(statement, (*_FUNCTIONS, ast.ClassDef))
            made += ["", ""] if is_definition or made[-1:] == [""] else []
            made += [*_text(module, statement), *([""] if is_definition else [])]
        return made

    def context(self) -> str:
        """The class whose objects steps get as `ctx`: of it, what their code asks for."""
        wanted = [name for name in _METHODS if name in self._attributes]
        fixed = [name for name in _FIXED if name in self._attributes]
        if {"path", "folder"} & self._attributes:
            self._script.here()
        for name, module in (("env", "os"), ("warn", "sys")):
            if name in wanted:
                self._script.use(module)
        lines = ["class NAME:", '    """What flowrun gives a step as `ctx`."""', ""]
        lines += [*(f"    {name} = {_FIXED[name]}" for name in fixed), *([""] if fixed else [])]
        lines.append(f"    def __init__(self, {', '.join(_GIVEN)}):")
        lines += [f"        self.{name} = {name}" for name in _GIVEN]
        for name in wanted:
            given, does = _METHODS[name]
            lines += ["", f"    def {name}(self, {given}):", f"        {does}"]
        return self._script.helper("Context", lines)

    def _take(self, module: _Module, statement: ast.stmt) -> None:
        """Take a statement at the top of a module, and all that it needs."""
        if statement in self._pieces:
            return
        self._pieces[statement] = module
        for name in _bound(statement):
            self._mean(module, name, statement)
        for node in _evaluated(module, statement):
            if isinstance(node, ast.Attribute):
                self._see_attribute(module, node)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                for one, alias, target in module.imported(node):
                    self._copy_imported(module, one, alias, target)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self._need(module, node)

    def _need(self, module: _Module, use: ast.Name) -> None:
        """Take what a name means at the top of its module."""
        if use.id in _REFUSED:
            called = use.id if use.id == "__file__" else f"{use.id}()"
            message = f"uses `{called}`, and what that reaches cannot be followed into a script"
            raise ExportError(f"{module.place(use)}: {message}")
        statement = module.giving(use.id)
        if own := module.flowrun_name(use.id):
            self._take_of_flowrun(module, use, own)
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            for node, alias, target in module.imported(statement):
                if _alias_name(alias) == use.id:
                    self._import(module, node, alias, target)
        elif statement is not None:
            self._take(module, statement)
        elif use.id not in dir(builtins):
            for node, alias, _ in module.imported(module.tree):
                if alias.name == "*":
                    message = f"`import *` hides whether it gives `{use.id}`: import it by name"
                    raise ExportError(f"{module.place(node)}: {message}")

    def _take_of_flowrun(self, module: _Module, use: ast.AST, name: str) -> None:
        if name not in _ERRORS or getattr(use, "id", "") != name:
            message = (
                f"uses `{getattr(use, 'id', name)}`, which is of flowrun, and no part of a script"
            )
            raise ExportError(
                f"{module.place(use)}: {message}\n    move it out of what the step calls"
            )
        self._mean(module, name, name)
        lines = [f"class {name}(Exception):", '    """Bad input of a step."""']
        self._script.helpers.setdefault(name, (name, lines))

    def _import(self, module: _Module, node: ast.stmt, alias: ast.alias, target: str) -> None:
        """Have the script import a name as the module does."""
        self._copy_imported(module, node, alias, target)
        name = _alias_name(alias)
        self._mean(module, name, (target, alias.name))
        renamed = f" as {alias.asname}" if alias.asname else ""
        self._script.use(
            target, f"{alias.name}{renamed}" if isinstance(node, ast.ImportFrom) else renamed
        )

    def _copy_imported(
        self, module: _Module, node: ast.stmt, alias: ast.alias, target: str
    ) -> None:
        """Have what is imported copied beside the script, if it is the plugin's own."""
        if target.partition(".")[0] == "flowrun":
            self._take_of_flowrun(module, node, alias.name)
        part = f"{target}.{alias.name}"
        is_part = isinstance(node, ast.ImportFrom) and _file_of(module.root, part) is not None
        name = part if is_part else target
        for count in range(1, name.count(".") + 2):
            parts = name.split(".")[:count]
            path = _file_of(module.root, ".".join(parts))
            if path is not None:
                self._copy(module, node, path, is_needed=len(parts) == name.count(".") + 1)

    def _copy(self, module: _Module, node: ast.stmt, path: Path, *, is_needed: bool) -> None:
        where = path.relative_to(module.root).as_posix()
        if where in self._script.files:
            return
        copied = _Module.read(path, module.root)
        imports = [*copied.imported(copied.tree)]
        if any(target.partition(".")[0] == "flowrun" for _, _, target in imports):
            if not is_needed:
                return  # without its `__init__.py` a folder is a package all the same
            message = f"imports {shown_path(path)}, which imports flowrun and cannot be copied"
            hint = "move what is needed to a module without flowrun"
            raise ExportError(f"{module.place(node)}: {message}\n    {hint}")
        self._script.files[where] = path
        for one in ast.walk(copied.tree):
            if isinstance(one, ast.Name) and one.id == "__file__":
                self._need(copied, one)
            if isinstance(one, ast.Attribute):
                self._see_attribute(copied, one)
        for inner, alias, target in imports:
            self._copy_imported(copied, inner, alias, target)

    def _see_attribute(self, module: _Module, node: ast.Attribute) -> None:
        self._attributes.add(node.attr)
        is_of_context = isinstance(node.value, ast.Name) and node.value.id == "ctx"
        if is_of_context and node.attr not in (*_METHODS, *_FIXED, *_GIVEN):
            message = f"uses `ctx.{node.attr}`, which only a run can give"
            raise ExportError(f"{module.place(node)}: {message}")

    def _mean(self, module: _Module, name: str, meaning: object) -> None:
        """Have a name of the script mean this; raises ExportError if it has another meaning."""
        other = self._meanings.setdefault(name, meaning)
        is_same = other == meaning or self._pieces.get(other) is module  # type: ignore[call-overload]
        is_module = name in ("csv", "json", "os", "sys", "torch") and meaning != (name, name)
        if not is_same or is_module:
            message = f"`{name}` means something else elsewhere in the script: rename it"
            raise ExportError(f"{shown_path(module.path)}: {message}")
        self._script.taken.add(name)


def own_step(step: StepLines, own: OwnCode) -> None:
    """A user's step: its function called with the values, the options, and `ctx` if it asks."""
    planned = step.step
    function, is_dict = own.function(planned.step.function), planned.step.outputs_of is not None
    step.seed()
    for module in ("random", "numpy"):
        if module in step.script.imports:
            seed = planned.seed % 2**32 if module == "numpy" else planned.seed
            step.add(f"{'numpy.random' if module == 'numpy' else 'random'}.seed({seed})")
    values = {name: _copied(step, name) for name in step.named}
    first = planned.wires.named
    positional = [] if first is None else [mapping((literal(name), values[name]) for name in first)]
    given = {name: values[name] for name in planned.wires.inputs}
    given |= {name: literal(value) for name, value in planned.keywords.items()}
    if planned.step.takes_context:
        about = [literal(planned.id), str(planned.seed), literal(step.script.device),
                 literal(step.script.dtype)]  # fmt: skip
        given["ctx"] = call(own.context(), about, {})
    code = call(function, positional, given)
    outputs = {name: step.give(name) for name in planned.wires.outputs}
    if is_dict:
        made = step.local("made")
        step.add(f"{made} = {code}")
        step.add(*(f"{target} = {made}[{literal(name)}]" for name, target in outputs.items()))
    else:
        step.add(f"{', '.join(outputs.values())} = {code}" if outputs else code)


def _copied(step: StepLines, name: str) -> str:
    """An input; of lists and dicts a copy, as in a run."""
    value = step.named[name]
    if value.kind in ("tensor", "number", "text"):
        return value.name
    return f"{step.script.helper('copied', _COPIED)}({value.name})"


def _evaluated(module: _Module, statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes that the script evaluates: no annotations of functions, no flowrun decorators."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, _FUNCTIONS):
            waiting += [one for one in node.decorator_list if not module.is_flowruns(one)]
            waiting += [*node.body, *node.args.defaults, *filter(None, node.args.kw_defaults)]
        elif not isinstance(node, ast.arg):
            waiting += ast.iter_child_nodes(node)


def _text(module: _Module, statement: ast.stmt) -> list[str]:
    """The lines of a statement, without what is flowrun's."""
    lines = module.text.splitlines()
    decorators = getattr(statement, "decorator_list", [])
    kept = [one for one in decorators if not module.is_flowruns(one)]
    body = lines[statement.lineno - 1 : statement.end_lineno]
    if isinstance(statement, _FUNCTIONS):
        given = statement.args
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        notes = [
            one for one in every if one and one.annotation and module.is_flowruns(one.annotation)
        ]
        for one in sorted(notes, key=lambda one: (one.lineno, one.col_offset), reverse=True):
            _strip(module, body, one, statement.lineno)
    above = (lines[one.lineno - 1 : one.end_lineno] for one in kept)
    return [*(line for part in above for line in part), *body]


def _strip(module: _Module, body: list[str], argument: ast.arg, first: int) -> None:
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


def _bound(statement: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module binds."""
    found: list[str] = []
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            found.append(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found += map(_alias_name, node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append(node.id)
        elif not isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp)):
            waiting += ast.iter_child_nodes(node)
    return found


def _acts(statement: ast.stmt) -> bool:
    """Whether a statement does more than bind names: whoever takes of its module, takes it too."""
    if isinstance(statement, ast.If):
        return not any(word in ast.dump(statement.test) for word in ("TYPE_CHECKING", "'__main__'"))
    if isinstance(statement, ast.Assign):
        return not all(isinstance(one, (ast.Name, ast.Tuple)) for one in statement.targets)
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return not is_text and not isinstance(statement, _QUIET)


def _alias_name(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _file_of(root: Path, name: str) -> Path | None:
    """The file of a module that lies below a folder."""
    path = root.joinpath(*name.split("."))
    found = (path / "__init__.py", path.parent / f"{path.name}.py")
    return next((one for one in found if one.is_file()), None)
