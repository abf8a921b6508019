"""Whether a YAML file is a recipe, decided by its text without parsing it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from flowrun.values.files import read_bytes

_MOST_BYTES = 1 << 20  # of a file are looked at: no recipe is larger
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TOP_KEY = re.compile(rb"""^([A-Za-z_]\w*|"\w+"|'\w+')[ \t]*:(?=[ \t\r]|$)""", re.MULTILINE)
_NAMED = re.compile(rb"""^["']?recipe["']?[ \t]*:[ \t]+[^\s#]""", re.MULTILINE)
# One of these beside `recipe`, or what is nearly one: other tools have a key `recipe` as well.
_OWN_KEYS = ("steps", "extends", "expect")


def holds_recipe(path: Path) -> bool:
    """Whether a file has a key `recipe` at its top, and steps, or a recipe that it extends.

    A file in which `recipe` means something else, such as a mapping of a build tool or the name of
    a dish, is not a recipe; nor is a file that cannot be read. The recipe itself may still be
    wrong: its `steps` may be misspelt.
    """
    try:
        text = read_bytes(path, most=_MOST_BYTES).removeprefix(_BYTE_ORDER_MARK)
    except OSError:
        return False
    if text.lstrip().startswith(b"{"):
        return b"recipe" in text and _is_mapping_of_one(text)
    keys = [key.strip(b"\"'").decode() for key in _TOP_KEY.findall(text)]
    return _are_of_recipe(keys) and bool(_NAMED.search(text) or {*keys} & {*_OWN_KEYS})


def _is_mapping_of_one(text: bytes) -> bool:
    """The same of a text in braces, JSON among them, whose keys may stand anywhere."""
    from flowrun.errors import Source
    from flowrun.recipes.reading import Mapping, parse

    root = parse(Source("", text.decode("utf-8", "replace")), [])
    return isinstance(root, Mapping) and _are_of_recipe(root.entries)


def _are_of_recipe(keys: Iterable[str]) -> bool:
    """Whether keys at the top of a file are those of a recipe, one of them misspelt at most."""
    others = set(keys)
    if "recipe" not in others or not others.isdisjoint(_OWN_KEYS):
        return "recipe" in others
    import difflib  # hardly a file needs it; flowrun.errors would slow down the start of pytest

    return any(
        key[:1].lower() == own[0] and difflib.get_close_matches(key.lower(), [own], cutoff=0.75)
        for key in others
        for own in ("steps", "extends")
    )
