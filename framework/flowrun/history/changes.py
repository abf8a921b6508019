"""One difference between two runs, with the old and the new value, as data and as a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from flowrun.errors import shortened
from flowrun.running.record import short_digest
from flowrun.values.codecs import number_text
from flowrun.values.differences import differing, number_change
from flowrun.values.texts import json_bytes

_SHOWN = 60  # characters of a value that a line shows
_TEXT = 240  # of a text, which may be a sentence
_DIGEST = re.compile("[0-9a-f]{64}")


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One difference. what: its name, or a whole sentence, and then old and new are unset.

    old, new: the values in the two runs. difference: of two numbers, if it is worth showing.
    details: further lines. is_unknown: whether the values could not be compared.
    """

    what: str
    old: Any = UNSET
    new: Any = UNSET
    difference: float | UnsetType = UNSET
    details: list[str] = []
    is_unknown: bool = False

    @property
    def line(self) -> str:
        """The change in one line."""
        if self.old is UNSET and self.new is UNSET:
            return self.what
        texts = [_shown(self.old), _shown(self.new)]
        if texts[0] == texts[1]:  # numbers that are equal to the digits shown
            texts = [str(self.old), str(self.new)]
        by = "" if self.difference is UNSET else f" ({self.difference:+.5g})"
        return f"{self.what}: {texts[0]} -> {texts[1]}{by}"


def changed_values(
    old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = ""
) -> Iterator[Change]:
    """The changes between two mappings, followed into inner mappings: `a.b: 1 -> 2`."""
    for path, before, after in differing(old, new):
        yield Change(".".join([prefix, *path] if prefix else path), before, after)


def changed_fields(old: object, new: object, names: tuple[str, ...], of: str = "") -> list[Change]:
    """The changes of these attributes of two structs of one type."""
    pairs = ((name, getattr(old, name), getattr(new, name)) for name in names)
    return [Change(of + name, one, other) for name, one, other in pairs if one != other]


def changed_metrics(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """The changes of metrics, with the differences of numbers."""
    for change in changed_values(old, new, "metrics"):
        yield msgspec.structs.replace(change, difference=number_change(change.old, change.new))


def _shown(value: object) -> str:
    if value is UNSET:
        return "nothing"
    if value is None:
        return "none"
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return short_digest(value)
    most = _TEXT if isinstance(value, str) else _SHOWN
    text = number_text(value) if isinstance(value, (str, float)) else json_bytes(value).decode()
    return shortened(text, most)
