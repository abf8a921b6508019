"""Code of a user's plugin in a script: a step's own text, and the modules beside it.

A function goes in as it is written, without the decorators and annotations that are flowrun's, and
with it the statements at the top of its module that it needs. Modules of the plugin's own folder or
package that it imports are copied beside the script as they are.
"""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flowrun_tensors.exporting.own_text import (
    FUNCTIONS,
    Module,
    acts,
    alias_name,
    bound_names,
    evaluated,
    file_of,
    shown,
    text_of,
)
from flowrun_tensors.exporting.script import Script
from flowrun_tensors.exporting.text import ExportError

_REFUSED = frozenset("globals locals vars exec eval __import__ __file__".split())
_ERRORS = ("FlowrunError", "DataError")
_GIVEN = ("step", "seed", "device", "dtype")
_FIXED = {"restored": "None", "should_stop": "False"}
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


class OwnCode:
    """What a script takes of user's modules."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._modules: dict[Path, Module] = {}
        self._pieces: dict[ast.stmt, Module] = {}
        self._meanings: dict[str, object] = {}
        self._attributes: set[str] = set()

    def function(self, function: Callable[..., Any]) -> str:
        """Take a function that stands at the top of its module; gives its name in the script."""
        function = inspect.unwrap(function)
        if not inspect.isfunction(function):
            raise ExportError(
                f"`{function!r}` is no function\n    define one at the top of a module, with `def`"
            )
        name, code = function.__name__, function.__code__
        place = f"{shown(Path(code.co_filename))}:{code.co_firstlineno}"
        if function.__qualname__ != name or not name.isidentifier():
            message = (
                f"its function `{function.__qualname__}` does not stand at the top of a module"
            )
            raise ExportError(f"{place}: {message}\n    define it there, with `def`")
        path = Path(code.co_filename)
        if path not in self._modules:
            package = function.__globals__.get("__package__") or ""
            root = path.parents[len(package.split("."))] if package else path.parent
            self._modules[path] = module = Module.read(path, root)
            for statement in filter(acts, module.tree.body):
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
        begun: set[tuple[Path, int]] = set()
        for statement, module in pieces:
            if (module.path, statement.lineno) in begun:
                continue  # two statements on one line
            begun.add((module.path, statement.lineno))
            is_definition = isinstance(statement, (*FUNCTIONS, ast.ClassDef))
            follows_blank = made[-1:] in ([], [""])
            if is_definition:
                made += [""] if follows_blank else ["", ""]
            elif made and follows_blank:
                made.append("")
            made += [*text_of(module, statement), *([""] if is_definition else [])]
        return made

    def context(self) -> str:
        """The class whose objects steps get as `ctx`, with only the members that they use."""
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

    def _take(self, module: Module, statement: ast.stmt) -> None:
        """Take a statement at the top of a module, and all that it needs."""
        if statement in self._pieces:
            return
        self._pieces[statement] = module
        for name in bound_names(statement):
            self._mean(module, name, statement)
        for node in evaluated(module, statement):
            if isinstance(node, ast.Attribute):
                self._see_attribute(module, node)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                if getattr(node, "level", 0):
                    raise ExportError(f"{module.place(node)}: write this import from its root")
                for one, alias, target in module.imported(node):
                    self._copy_imported(module, one, alias, target)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self._need(module, node)

    def _need(self, module: Module, use: ast.Name) -> None:
        """Take the definition of a name at the top of its module."""
        if use.id in _REFUSED:
            called = use.id if use.id == "__file__" else f"{use.id}()"
            message = f"uses `{called}`, and the code it reaches cannot be found for a script"
            raise ExportError(f"{module.place(use)}: {message}")
        statement = module.giving(use.id)
        if own := module.flowrun_name(use.id):
            self._take_of_flowrun(module, use, own)
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            for node, alias, target in module.imported(statement):
                if alias_name(alias) == use.id:
                    self._import(module, node, alias, target)
        elif statement is not None:
            for one in module.binding(use.id):
                self._take(module, one)
        elif use.id not in dir(builtins):
            for node, alias, _ in module.imported(module.tree):
                if alias.name == "*":
                    message = f"`import *` hides whether it gives `{use.id}`: import it by name"
                    raise ExportError(f"{module.place(node)}: {message}")

    def _take_of_flowrun(self, module: Module, use: ast.AST, name: str) -> None:
        if name not in _ERRORS or getattr(use, "id", "") != name:
            message = (
                f"uses `{getattr(use, 'id', name)}`, which is of flowrun, and no part of a script"
            )
            raise ExportError(
                f"{module.place(use)}: {message}\n    move it out of the code that the step calls"
            )
        self._mean(module, name, name)
        lines = [f"class {name}(Exception):", '    """Bad input of a step."""']
        self._script.helpers.setdefault(name, (name, lines))

    def _import(self, module: Module, node: ast.stmt, alias: ast.alias, target: str) -> None:
        """Have the script import a name as the module does."""
        self._copy_imported(module, node, alias, target)
        name = alias_name(alias)
        self._mean(module, name, (target, alias.name))
        renamed = f" as {alias.asname}" if alias.asname else ""
        self._script.use(
            target, f"{alias.name}{renamed}" if isinstance(node, ast.ImportFrom) else renamed
        )

    def _copy_imported(self, module: Module, node: ast.stmt, alias: ast.alias, target: str) -> None:
        """Copy the imported module beside the script, if it is the plugin's own."""
        if target.partition(".")[0] == "flowrun":
            self._take_of_flowrun(module, node, alias.name)
        part = f"{target}.{alias.name}"
        is_part = isinstance(node, ast.ImportFrom) and file_of(module.root, part) is not None
        name = part if is_part else target
        for count in range(1, name.count(".") + 2):
            parts = name.split(".")[:count]
            path = file_of(module.root, ".".join(parts))
            if path is not None:
                self._copy(module, node, path, is_needed=len(parts) == name.count(".") + 1)

    def _copy(self, module: Module, node: ast.stmt, path: Path, *, is_needed: bool) -> None:
        where = path.relative_to(module.root).as_posix()
        if where in self._script.files:
            return
        copied = Module.read(path, module.root)
        imports = [*copied.imported(copied.tree)]
        if any(target.partition(".")[0] == "flowrun" for _, _, target in imports):
            if not is_needed:
                return  # without its `__init__.py` a folder is a package all the same
            message = f"imports {shown(path)}, which imports flowrun and cannot be copied"
            hint = "move the needed code to a module without flowrun"
            raise ExportError(f"{module.place(node)}: {message}\n    {hint}")
        self._script.files[where] = path
        for one in ast.walk(copied.tree):
            if isinstance(one, ast.Name) and one.id == "__file__":
                self._need(copied, one)
            if isinstance(one, ast.Attribute):
                self._see_attribute(copied, one)
        for inner, alias, target in imports:
            self._copy_imported(copied, inner, alias, target)

    def _see_attribute(self, module: Module, node: ast.Attribute) -> None:
        self._attributes.add(node.attr)
        is_of_context = isinstance(node.value, ast.Name) and node.value.id == "ctx"
        if is_of_context and node.attr not in (*_METHODS, *_FIXED, *_GIVEN):
            message = f"uses `ctx.{node.attr}`, which only a run can give"
            raise ExportError(f"{module.place(node)}: {message}")

    def _mean(self, module: Module, name: str, meaning: object) -> None:
        """Have a name of the script mean this; raises ExportError if it has another meaning."""
        is_value = name in self._script.variables.values()
        other = self._meanings.setdefault(name, meaning)
        is_same = other == meaning or self._pieces.get(other) is module  # type: ignore[call-overload]
        is_module = name in ("csv", "json", "os", "sys", "torch") and meaning != (name, name)
        if not is_same or is_module or is_value:
            message = f"`{name}` means something else elsewhere in the script: rename it"
            raise ExportError(f"{shown(module.path)}: {message}")
        self._script.taken.add(name)
