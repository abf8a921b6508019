"""The script put together: its imports, and its pieces in sections."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from itertools import pairwise

from flowrun_tensors.exporting.collecting import Collector, ExportError, Piece
from flowrun_tensors.exporting.editing import PieceEditor, whole_span
from flowrun_tensors.exporting.import_lines import import_blocks, libraries
from flowrun_tensors.exporting.layout import WIDTH
from flowrun_tensors.exporting.naming import ScriptNames
from flowrun_tensors.exporting.sources import Imported, Module

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

Sections = list[tuple[str, list[Piece]]]


def script_text(header: list[str], sections: Sections, recipe: Module, collector: Collector) -> str:
    """The whole script. header: paragraphs for the comment at its top. recipe: where `main` is."""
    pieces = [piece for _, own in sections for piece in own]
    names = ScriptNames(pieces, recipe)
    needed = libraries(names.imports)
    need = f"It needs {_in_a_row(needed)}, and nothing of flowrun."
    inside = libraries(found for piece in pieces for found in _imported_inside(piece, collector))
    if later := [one for one in inside if one not in needed]:
        need += f" Functions in it import {_in_a_row(later)} when they are called."
    comment = [*header, need]
    parts = [
        "\n#\n".join(textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ")
                     for text in comment),
        "from __future__ import annotations",
        *import_blocks(names.imports),
    ]  # fmt: skip
    for title, own in sections:
        if own:
            text = _section(title, own, names, collector)
            parts.append(text if title is sections[0][0] else f"\n{text}")
    parts.append('\nif __name__ == "__main__":\n    main()')
    return "\n\n".join(parts) + "\n"


def _in_a_row(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _imported_inside(piece: Piece, collector: Collector) -> Iterator[Imported]:
    """What the functions of a piece import themselves."""
    for node in ast.walk(piece.statement.node):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if not collector.is_inlined(piece.module, node, alias):
                    yield piece.module.imported(node, alias)


def _section(title: str, pieces: list[Piece], names: ScriptNames, collector: Collector) -> str:
    try:
        texts = [PieceEditor(piece, names, collector.is_inlined).text for piece in pieces]
    except ExportError as error:
        raise ExportError(f"{title}: {error}") from None
    begin = "\n\n\n" if isinstance(pieces[0].statement.node, _DEFINITIONS) else "\n\n"
    made = [f"# --- {title} ---{begin}{texts[0]}"]
    for (before, piece), text in zip(pairwise(pieces), texts[1:], strict=True):
        made.append(_between(before, piece) + text)
    return "".join(made)


def _between(before: Piece, piece: Piece) -> str:
    """The line ends between two pieces: two blank lines round definitions, else as they stood."""
    if any(isinstance(one.statement.node, _DEFINITIONS) for one in (before, piece)):
        return "\n\n\n"
    end = whole_span(before.module, before.statement.node)[1]
    start = whole_span(piece.module, piece.statement.node)[0]
    is_next = before.module is piece.module and piece.module.text[end:start] == b"\n"
    return "\n" if is_next else "\n\n"
