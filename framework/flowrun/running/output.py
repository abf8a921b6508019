"""The named values of a run: what is known of each, and the value itself where it is at hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flowrun.store.objects import MISSING
from flowrun.store.step_records import OutputRecord
from flowrun.store.value_files import NotKeepableError, plain_document, put_together
from flowrun.values.codecs import Codecs
from flowrun.values.digests import value_digest

OUTSIDE = -1  # the maker of a value that comes from no step
_SMALL_ITEMS = 256  # a value of more parts is no small one
_SMALL_TEXT = 4096  # characters of JSON up to which a value of plain parts stands in its record


class Held:
    """One output of one step.

    maker: the step's position in the plan, or OUTSIDE for a value that the plan was given.
    record: what the store knows of the value.
    """

    __slots__ = ("maker", "record", "value")

    def __init__(self, maker: int, record: OutputRecord, value: Any = MISSING) -> None:
        self.maker = maker
        self.record = record
        self.value = value

    @property
    def is_at_hand(self) -> bool:
        """Whether the value need not be read, or made again."""
        if self.value is MISSING and self.record.plain is not None:
            self.value = put_together(self.record.plain[0], {}, None)
        return self.value is not MISSING


class NamedValues(Mapping[str, Any]):
    """Values by name, each fetched when it is asked for."""

    def __init__(self, held: Mapping[str, Held], fetch: Callable[[Held], Any]) -> None:
        self._held = held
        self._fetch = fetch

    def __getitem__(self, name: str) -> Any:
        return self._fetch(self._held[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment]  # as of any mapping whose content may be compared

    def __repr__(self) -> str:
        return f"<values {', '.join(self._held)}>"


def given_from_outside(given: Mapping[str, Any], values: Codecs) -> dict[str, Held]:
    """The values that a plan was given, with the digests by which steps that take them are kept."""
    return {
        name: Held(
            OUTSIDE,
            OutputRecord(value_digest(value, values), values.summary(value), small_plain(value)),
            value,
        )
        for name, value in given.items()
    }


def own_containers(value: Any) -> Any:
    """A value with its lists and dicts copied: what a step does to them reaches no other step."""
    kind = type(value)
    if kind is dict:
        return {key: own_containers(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return kind(own_containers(item) for item in value)
    return value


def small_plain(value: object) -> list[Any] | None:
    """A small value of plain parts as `[document]`, to stand in a record; None for any other."""
    if _parts(value, _SMALL_ITEMS) < 0:
        return None
    try:
        document = plain_document(value)
    except NotKeepableError:
        return None
    return [document] if len(json.dumps(document)) <= _SMALL_TEXT else None


def size_of(summary: Mapping[str, Any]) -> int:
    """The bytes of a summarised value, as far as its codecs tell them."""
    items = summary.get("items")
    if items is not None:
        return sum(size_of(item) for item in items.values())
    return int(summary.get("bytes") or 0)


def _parts(value: object, room: int) -> int:
    """How much room is left after counting a value's parts; negative where there is too little."""
    room -= 1
    if room >= 0 and isinstance(value, (list, tuple, dict)):
        if len(value) > room:
            return -1
        for item in value.values() if isinstance(value, dict) else value:
            room = _parts(item, room)
            if room < 0:
                break
    return room
