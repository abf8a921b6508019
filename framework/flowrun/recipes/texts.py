"""Whether a YAML file is a recipe, decided by its text without parsing it."""

from __future__ import annotations

import re
from pathlib import Path

_MOST_BYTES = 1 << 20  # of a file are looked at: no recipe is larger
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NAMED = re.compile(rb"""^(recipe|"recipe"|'recipe')[ \t]*:[ \t]+[^\s#]""", re.MULTILINE)
_KEY = re.compile(rb"^recipe[ \t]*:", re.MULTILINE)
_STEPS = re.compile(rb"^(steps|extends)[ \t]*:", re.MULTILINE)


def holds_recipe(path: Path) -> bool:
    """Whether a file has a key `recipe` at its top, with a name beside it or with steps.

    A file in which `recipe` means something else, such as a mapping of a build tool, is not a
    recipe; nor is a file that cannot be read. The recipe itself may still be wrong.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).removeprefix(_BYTE_ORDER_MARK)
    except OSError:
        return False
    if text.lstrip().startswith(b"{"):
        return b"recipe" in text and _is_mapping_of_one(text)
    return bool(_NAMED.search(text) or (_KEY.search(text) and _STEPS.search(text)))


def _is_mapping_of_one(text: bytes) -> bool:
    """The same of a text in braces, JSON among them, whose keys may stand anywhere."""
    from flowrun.errors import Source
    from flowrun.recipes.reading import Mapping, parse

    root = parse(Source("", text.decode("utf-8", "replace")), [])
    return isinstance(root, Mapping) and "recipe" in root.entries
