"""The names of one statement: those of its module that it uses, and those that it binds there."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from flowrun_tensors.exporting.scopes import (
    Bound,
    Definition,
    Import,
    RefusedError,
    all_arguments,
    bound_by,
    parameters,
    type_parameters,
)


@dataclass(frozen=True, slots=True)
class Use:
    """A name of the module that a statement uses, and the attributes asked of it, outwards.

    For `a.b.c`, `node` is `a` and `attributes` are `a.b` and `a.b.c`. `imported` is the import
    inside a function that the name comes from, with the name it has there, where there is one.
    """

    node: ast.Name
    attributes: tuple[ast.Attribute, ...] = ()
    imported: tuple[Import, ast.alias] | None = None


@dataclass(slots=True)
class Names:
    """The names of one statement of a module.

    uses: names of the module that it uses. stores: names of the module that it binds, and what
    binds them; own: names bound in scopes inside it. imports: imports inside its functions of code
    that becomes part of the script. dropped: parts that are left out, with what stays of them.
    """

    uses: list[Use] = field(default_factory=list)
    stores: list[tuple[str, ast.AST]] = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    imports: list[Import] = field(default_factory=list)
    dropped: list[tuple[ast.expr, ast.expr | None]] = field(default_factory=list)


@dataclass(slots=True)
class _Scope:
    kind: Literal["class", "function"]
    bound: set[str] = field(default_factory=set)
    outer: set[str] = field(default_factory=set)  # declared global
    imported: dict[str, tuple[Import, ast.alias]] = field(default_factory=dict)


class NameReader:
    """Reads the names of one statement at the top of a module.

    is_inlined: whether an import is of code that becomes part of the script, so that the import
    goes. full_name: the dotted name that an expression stands for, through the module's imports.
    """

    def __init__(
        self,
        statement: ast.stmt,
        is_inlined: Callable[[Import, ast.alias], bool],
        full_name: Callable[[ast.expr], str | None],
    ) -> None:
        self.names = Names()
        self._is_inlined = is_inlined
        self._full_name = full_name
        self._scopes: list[_Scope] = []
        self._read(statement)

    def _read(self, node: ast.AST) -> None:
        match node:
            case ast.Name():
                self._use(node, ())
            case ast.Attribute():
                self._read_attribute(node)
            case ast.Subscript():
                self._read_subscript(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._read_function(node)
            case ast.Lambda():
                self._read_arguments(node.args)
                with self._scope("function", [node.body], parameters(node)):
                    self._read(node.body)
            case ast.ClassDef():
                self._read_class(node)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._read_comprehension(node)
            case ast.Import() | ast.ImportFrom():
                self._read_import(node)
            case ast.Global():
                self.names.stores.extend((name, node) for name in node.names)
            case _:
                if isinstance(node, ast.ExceptHandler) and node.name and not self._scopes:
                    self.names.stores.append((node.name, node))
                self._read_all(ast.iter_child_nodes(node))

    def _read_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self._read(node)

    # --- names ---

    def _read_attribute(self, node: ast.Attribute) -> None:
        chain: list[ast.Attribute] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            chain.insert(0, inner)
            inner = inner.value
        if isinstance(inner, ast.Name):
            self._use(inner, tuple(chain))
        else:
            self._read(inner)

    def _use(self, node: ast.Name, attributes: tuple[ast.Attribute, ...]) -> None:
        for depth, scope in enumerate(reversed(self._scopes)):
            if node.id in scope.outer:
                break
            if scope.kind == "class" and depth:
                continue  # a method does not see the names of its class
            if node.id in scope.imported:
                self.names.uses.append(Use(node, attributes, scope.imported[node.id]))
                return
            if node.id in scope.bound:
                return
        if not self._scopes and not isinstance(node.ctx, ast.Load):
            self.names.stores.append((node.id, node))
        else:
            self.names.uses.append(Use(node, attributes))

    def _read_import(self, node: Import) -> None:
        """An import in a compound statement of the module binds; one in a function may go."""
        is_inlined = any(self._is_inlined(node, alias) for alias in node.names)
        if is_inlined and (not self._scopes or self._scopes[-1].kind == "class"):
            message = "it imports code of a plugin inside of a class or a compound statement"
            raise RefusedError(f"{message}; import that at the top of the file", node)
        if not self._scopes:
            self.names.stores.extend((bound_by(alias), alias) for alias in node.names)
        elif is_inlined:
            self.names.imports.append(node)

    # --- scopes ---

    def _read_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._bind(node)
        self._read_arguments(node.args)
        if node.returns is not None:
            self._read(node.returns)
        with self._scope("function", node.body, parameters(node)):
            self._read_all(node.body)

    def _read_class(self, node: ast.ClassDef) -> None:
        self._bind(node)
        self._read_all([*node.bases, *node.keywords])
        with self._scope("class", node.body, type_parameters(node)):
            self._read_all(node.body)

    def _read_comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        self._read(node.generators[0].iter)  # the first one is evaluated outside
        targets = Bound(generator.target for generator in node.generators).names
        with self._scope("function", [], targets):
            for index, generator in enumerate(node.generators):
                self._read_all([*([generator.iter] if index else []), *generator.ifs])
                self._read(generator.target)
            if isinstance(node, ast.DictComp):
                self._read_all((node.key, node.value))
            else:
                self._read(node.elt)

    def _bind(self, node: Definition) -> None:
        """Note the name of a function or class, and read its decorators that stay."""
        if not self._scopes:
            self.names.stores.append((node.name, node))
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if self._full_name(called) in ("flowrun.step", "flowrun.hookimpl"):
                self.names.dropped.append((decorator, None))
            else:
                self._read(decorator)

    def _read_arguments(self, arguments: ast.arguments) -> None:
        """Read defaults and annotations, which belong to the scope round the function."""
        self._read_all(arguments.defaults)
        self._read_all(default for default in arguments.kw_defaults if default is not None)
        annotations = [argument.annotation for argument in all_arguments(arguments)]
        self._read_all(annotation for annotation in annotations if annotation is not None)

    @contextmanager
    def _scope(
        self, kind: Literal["class", "function"], body: Iterable[ast.AST], names: set[str]
    ) -> Iterator[None]:
        found = Bound(body)
        scope = _Scope(kind, found.names | names, found.globals)
        for node in found.imports:
            for alias in node.names:
                if not self._is_inlined(node, alias):
                    scope.bound.add(bound_by(alias))
                elif bound_by(alias) in scope.bound:
                    message = f"`{bound_by(alias)}` is imported from a plugin and assigned as well"
                    raise RefusedError(f"{message}; give one of the two another name", node)
                else:
                    scope.imported[bound_by(alias)] = (node, alias)
        scope.bound -= found.globals | found.nonlocals
        self.names.own |= scope.bound
        self._scopes.append(scope)
        yield
        self._scopes.pop()

    def _read_subscript(self, node: ast.Subscript) -> None:
        """`Annotated[T, ...]` becomes T, but in a class, whose maker may look at what it says."""
        in_class = bool(self._scopes) and self._scopes[-1].kind == "class"
        if self._full_name(node.value) != "typing.Annotated" or in_class:
            self._read_all([node.value, node.slice])
        else:
            assert isinstance(node.slice, ast.Tuple)
            self.names.dropped.append((node, node.slice.elts[0]))
            self._read(node.slice.elts[0])
