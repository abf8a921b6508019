"""The names of a script: each definition and import its own, the old one where it is free."""

from __future__ import annotations

import builtins
from collections.abc import Iterable

from flowrun_tensors.exporting.collecting import Piece
from flowrun_tensors.exporting.meanings import Defined, External
from flowrun_tensors.exporting.sources import Imported, Module
from flowrun_tensors.exporting.structs import DATACLASS


class ScriptNames:
    """Chooses the names of a script's definitions and imports, once all pieces are known.

    recipe: the module whose names come first, `main` among them.
    """

    def __init__(self, pieces: Iterable[Piece], recipe: Module) -> None:
        self.imports: dict[Imported, None] = {}  # as the script has them
        self._imported: dict[tuple[str, str], str] = {}  # meant and bound name to the script's
        self._defined: dict[Defined, str] = {}
        self._meant: dict[str, object] = {}  # what each name of the script stands for
        # A name that is written differently where it is used must be none of the names there.
        self._hidden: dict[Defined | str, set[str]] = {}
        pieces = list(pieces)
        self._avoided = {name for piece in pieces for name in (*piece.names.own, *_bound(piece))}
        for piece in pieces:
            self._note_uses(piece)
        self._define_all(piece for piece in pieces if piece.module is recipe)
        meanings = [resolved.meaning for piece in pieces for resolved in piece.resolved]
        meanings += [DATACLASS for piece in pieces if piece.dataclass is not None]
        externals = [
            found for one in meanings if isinstance(one, External) for found in one.imports
        ]
        for found in sorted(externals, key=lambda one: (one.for_types, not one.is_dotted)):
            self._import(found)
        self._define_all(pieces)

    def of(self, meaning: Defined | External) -> str:
        """The script's name of what a name stands for."""
        if isinstance(meaning, Defined):
            return self._defined[meaning]
        found = meaning.imports[-1]
        return self._imported[found.meant, found.bound]

    def of_stored(self, module: Module, name: str) -> str:
        """The script's name of one that a module binds; itself where the script has none for it."""
        return self._defined.get(Defined(module, name), name)

    def _note_uses(self, piece: Piece) -> None:
        for resolved in piece.resolved:
            meaning = resolved.meaning
            written = getattr(resolved.node, "id", None)
            name = meaning.name if isinstance(meaning, Defined) else meaning.imports[-1].bound
            if written != name:
                key = meaning if isinstance(meaning, Defined) else name
                self._hidden.setdefault(key, set()).update(piece.names.own)

    def _import(self, found: Imported) -> None:
        if (found.meant, found.bound) not in self._imported:
            name = found.bound
            is_free = self._is_free(name, found.meant, self._hidden.get(name, set()))
            if not is_free and not found.is_dotted:  # `import a.b as c` would bind another module
                name = self._fresh(f"{found.module.replace('.', '_')}_{found.name or found.bound}")
            self._meant[name] = found.meant
            self._imported[found.meant, found.bound] = name
        name = self._imported[found.meant, found.bound]
        is_known = Imported(found.module, found.name, name, found.is_dotted) in self.imports
        if not (found.for_types and is_known):
            kept = Imported(found.module, found.name, name, found.is_dotted, found.for_types)
            self.imports[kept] = None

    def _define_all(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            for name in sorted(_bound(piece)):
                self._define(Defined(piece.module, name))

    def _define(self, defined: Defined) -> None:
        if defined in self._defined:
            return
        name = defined.name
        if not self._is_free(name, defined, self._hidden.get(defined, set())):
            name = self._fresh(_with_module(defined))
        self._meant[name] = defined
        self._defined[defined] = name

    def _is_free(self, name: str, meant: object, hidden: set[str]) -> bool:
        is_taken = self._meant.get(name, meant) != meant or hasattr(builtins, name)
        return not is_taken and name not in hidden

    def _fresh(self, wish: str) -> str:
        """A name that stands nowhere in the script."""
        name, number = wish, 1
        while name in self._avoided or name in self._meant or hasattr(builtins, name):
            number += 1
            name = f"{wish}_{number}"
        return name


def _bound(piece: Piece) -> frozenset[str]:
    return piece.statement.binds


def _with_module(defined: Defined) -> str:
    """A name with its module's before it: `_scale` of `tasting.py` becomes `_tasting_scale`."""
    path = defined.module.path
    stem = (path.parent.name if path.stem == "__init__" else path.stem).strip("_")
    bare = defined.name.strip("_")
    private = "_" if defined.name.startswith("_") else ""
    if stem == bare:
        return f"{private}{bare}_step"
    wish = f"{private}{stem}_{bare}"
    return wish.upper() if defined.name.isupper() else wish
