"""The statements a script needs: those of its roots, and all that they name, across modules."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flowrun_tensors.exporting.effects import Effects
from flowrun_tensors.exporting.meanings import Defined, Meanings, Resolved
from flowrun_tensors.exporting.names import NameReader, Names
from flowrun_tensors.exporting.scopes import Import, RefusedError
from flowrun_tensors.exporting.sources import Library, Module, Statement

_UNTRACEABLE = ("globals", "exec", "eval")  # code by which names are reached that no one can see


class ExportError(Exception):
    """Code that cannot become part of a script; the text says where it is and what to do."""


@dataclass(eq=False)
class Piece:
    """A statement that becomes part of the script.

    names: its names. resolved: those among them that stand for something else in the script.
    needs: the pieces that define these. dataclass: the arguments of the `@dataclass` that takes the
    place of a base class, where it does.
    """

    module: Module
    statement: Statement
    names: Names
    resolved: list[Resolved]
    needs: list[Piece] = field(default_factory=list)
    dataclass: list[str] | None = None


class Collector:
    """Collects pieces, root by root."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._meanings = Meanings(library)
        self._pieces: dict[tuple[Module, int], Piece] = {}
        self._read_already: dict[tuple[Module, int], list[Resolved] | None] = {}
        self._effects = Effects(
            self._resolved, lambda module, statement: (module, statement.index) in self._pieces
        )
        self._found: dict[Piece, None] = {}  # what the present call has found

    def collect(self, module: Module, name: str) -> list[Piece]:
        """The pieces that define a name, and all they need, that were not collected before.

        Raises ExportError where that names code which cannot be had.
        """
        self._found = {}
        self._define(module, name)
        while acting := list(self._acting()):
            for owner, statement in acting:
                self._take(owner, statement)
        return list(self._found)

    def in_order(self, pieces: Iterable[Piece]) -> list[Piece]:
        """Pieces in an order in which they can run: that of their modules, and within these."""
        order = self._module_order()
        return sorted(pieces, key=lambda piece: (order[piece.module], piece.statement.index))

    def is_inlined(self, module: Module, node: Import, alias: ast.alias) -> bool:
        """Whether an import is of code that becomes part of the script."""
        return self._library.holds(module.imported(node, alias).module)

    def _define(self, module: Module, name: str) -> list[Piece]:
        return [self._take(module, statement) for statement in module.giving(name)]

    def _take(self, module: Module, statement: Statement) -> Piece:
        """The piece of a statement, made and followed if it is new."""
        key = (module, statement.index)
        if key in self._pieces:
            return self._pieces[key]
        names, resolved = self._read(module, statement)
        piece = self._pieces[key] = Piece(module, statement, names, resolved)
        self._found[piece] = None
        for one in resolved:
            if isinstance(one.meaning, Defined):
                piece.needs += self._define(one.meaning.module, one.meaning.name)
        return piece

    def _read(self, module: Module, statement: Statement) -> tuple[Names, list[Resolved]]:
        """The names of a statement, and what they stand for."""
        with _refusals_placed(module):
            names = NameReader(
                statement.node,
                lambda node, alias: self.is_inlined(module, node, alias),
                lambda expression: self._meanings.full_name(module, expression),
            ).names
            resolved = []
            for use in names.uses:
                found = self._meanings.of_use(module, use)
                if found is not None:
                    resolved.append(found)
                elif use.node.id in _UNTRACEABLE:
                    message = f"it uses `{use.node.id}()`, and what that reaches cannot be told"
                    raise RefusedError(message, use.node)
        return names, resolved

    def _acting(self) -> Iterator[tuple[Module, Statement]]:
        """Statements of the modules at hand that act on what is in the script."""
        for module in {piece.module: None for piece in self._pieces.values()}:
            for statement in module.statements:
                is_taken = (module, statement.index) in self._pieces
                if not is_taken and self._effects.acts(module, statement):
                    yield module, statement

    def _resolved(self, module: Module, statement: Statement) -> list[Resolved] | None:
        """What the names of a statement stand for; None where it could not become a piece."""
        key = (module, statement.index)
        if key not in self._read_already:
            try:
                self._read_already[key] = self._read(module, statement)[1]
            except ExportError:
                self._read_already[key] = None
        return self._read_already[key]

    # --- order ---

    def _module_order(self) -> dict[Module, int]:
        """Modules in the order in which Python would have run them to their ends."""
        order: dict[Module, None] = {}
        entered: set[Module] = set()

        def enter(module: Module) -> None:
            if module in entered:
                return
            entered.add(module)
            for imported in module.imports.values():
                for found in imported:
                    names = [found.module, f"{found.module}.{found.name}"]
                    for name in names if not found.for_types else []:
                        inner = self._library.find(name) if self._library.holds(name) else None
                        if inner is not None:
                            enter(inner)
            order[module] = None

        for piece in self._pieces.values():
            enter(piece.module)
        return {module: number for number, module in enumerate(order)}


@contextmanager
def _refusals_placed(module: Module) -> Iterator[None]:
    """Say where the code is that cannot become part of a script."""
    try:
        yield
    except RefusedError as error:
        raise ExportError(f"{module.path}:{error.line}: {error.message}") from None
