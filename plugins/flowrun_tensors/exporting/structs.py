"""msgspec's structs as dataclasses, so that a script needs no msgspec where that is all it uses."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from flowrun_tensors.exporting.collecting import Piece
from flowrun_tensors.exporting.meanings import External, Resolved
from flowrun_tensors.exporting.sources import Imported

DATACLASS = External((Imported("dataclasses", "dataclass", "dataclass"),))
_ALIKE = {"frozen", "kw_only", "order", "eq"}  # keywords that both have, with one meaning
_NEEDLESS = {"gc", "weakref", "cache_hash"}  # of no consequence but for speed


def make_dataclasses(pieces: Iterable[Piece]) -> None:
    """Make dataclasses of the structs among pieces, if nothing else of msgspec is used.

    A struct of fields without mutable defaults behaves as a dataclass does; it is only quicker to
    define, which matters to a command line and not to a script.
    """
    users: dict[Piece, list[Resolved]] = {}
    for piece in pieces:
        uses = [one for one in piece.resolved if _is_msgspec(one)]
        if uses:
            users[piece] = uses
    if all(_is_plain_struct(piece, uses) for piece, uses in users.items()):
        for piece, uses in users.items():
            node = piece.statement.node
            assert isinstance(node, ast.ClassDef)
            piece.resolved = [one for one in piece.resolved if one not in uses]
            piece.dataclass = [ast.unparse(one) for one in node.keywords if one.arg in _ALIKE]


def _is_msgspec(resolved: Resolved) -> bool:
    meaning = resolved.meaning
    if not isinstance(meaning, External):
        return False
    return meaning.imports[-1].module.partition(".")[0] == "msgspec"


def _is_plain_struct(piece: Piece, uses: list[Resolved]) -> bool:
    node = piece.statement.node
    if not isinstance(node, ast.ClassDef) or len(node.bases) != 1 or len(uses) != 1:
        return False
    base = node.bases[0]
    name = base.value if isinstance(base, ast.Attribute) else base
    defaults = [one.value for one in node.body if isinstance(one, ast.AnnAssign)]
    return (
        uses[0].node is name
        and ast.unparse(base).rpartition(".")[2] == "Struct"
        and {keyword.arg for keyword in node.keywords} <= _ALIKE | _NEEDLESS
        and all(isinstance(keyword.value, ast.Constant) for keyword in node.keywords)
        and not any(isinstance(one, (ast.List, ast.Dict, ast.Set, ast.Call)) for one in defaults)
    )
