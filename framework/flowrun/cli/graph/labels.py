"""The texts of a flow: values described in short lines, names made printable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from flowrun.errors import shortened
from flowrun.values.codecs import Codecs, Summary

_WIDTH = 28  # columns of a line; Mermaid itself breaks lines wider than about 30
_LONGEST = 80  # columns; a longer text that cannot be broken is cut
_COMMA = re.compile(r"(?<=,) (?![^(\[]*[)\]])")  # one that stands in no shape


def shape_lines(
    name: str, summary: Mapping[str, Any], values: Codecs, usual_device: str
) -> list[str]:
    """A value's name and its description: `data (1000, 11)`, in as many lines as needed.

    A dtype or a device is shown if it is not the recipe's.
    """
    text = f"{name} {values.text(_placed(summary, usual_device))}"
    first, *rest = joined(_COMMA.split(text), _WIDTH)
    return [shortened(line, _LONGEST) for line in (first, *(f"  {line}" for line in rest))]


def joined(pieces: Iterable[str], width: int) -> list[str]:
    """Pieces of text joined by spaces to lines of at most `width` columns, as far as possible."""
    lines: list[str] = []
    for piece in pieces:
        if lines and len(lines[-1]) + 1 + len(piece) <= width:
            lines[-1] += f" {piece}"
        else:
            lines.append(piece)
    return lines


def printable(text: str) -> str:
    """The text with a `\\n`, `\\x07` or `\\u202e` for each character that has no picture."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )


def _placed(summary: Mapping[str, Any], usual_device: str) -> dict[str, Any]:
    """The summary without the recipe's device; any other one is spelled out, the CPU too."""
    if "items" in summary:
        items = {key: _placed(item, usual_device) for key, item in summary["items"].items()}
        return {**summary, "items": items}
    device = summary.get("device")
    rest = {key: field for key, field in summary.items() if key != "device"}
    if device in (None, usual_device):
        return rest
    spelled = Summary(summary["type"], summary.get("shape"), summary.get("dtype"), device)
    return {"type": summary["type"], "value": str(spelled)}
