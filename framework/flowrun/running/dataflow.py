"""The values that flow through a run: their records, and the steps that give and take them."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flowrun.planning.plan import Plan
from flowrun.store.step_records import OutputRecord
from flowrun.store.store import MISSING
from flowrun.store.structures import NotKeepableError, plain_document, put_together
from flowrun.values.codecs import Codecs
from flowrun.values.digests import value_digest
from flowrun.values.python_types import own_copy

OUTSIDE = -1  # the maker of a value that comes from no step
NAMED = "*"  # begins the name of an input that a step takes in its dict of named values

_SCALARS = frozenset((type(None), bool, int, float, str, bytes))
_SMALL_ITEMS = 256  # a value of more parts is no small one
_SMALL_TEXT = 4096  # characters of JSON up to which a value of plain parts stands in its record


class Output:
    """One output of one step.

    maker: the step's position in the plan, or OUTSIDE for a value that the plan was given.
    record: the store's record of the value. value: the value itself, or MISSING if it has to be
    read or recomputed. is_mutable: whether a step could change it unnoticed; None if not looked at.
    """

    __slots__ = ("is_mutable", "maker", "record", "value")

    def __init__(self, maker: int, record: OutputRecord, value: Any = MISSING) -> None:
        self.maker = maker
        self.record = record
        self.value = value
        self.is_mutable: bool | None = None

    @property
    def is_at_hand(self) -> bool:
        """Whether the value need not be read or recomputed."""
        if self.value is MISSING and self.record.plain is not None:
            self.value = put_together(self.record.plain[0], {}, None)
        return self.value is not MISSING


class Dataflow:
    """The origin of every value of a run, step by step.

    named: the value of each name of the recipe after the steps so far. given: the outputs of each
    step so far, by the step's own names. bound: its inputs, by parameter. outside: the values that
    the plan was given.
    """

    def __init__(self, plan: Plan, outside: Mapping[str, Output]) -> None:
        self._steps = plan.steps
        self._outside = outside
        self.named: dict[str, Output] = dict(outside)
        self.given: list[dict[str, Output]] = []
        self.bound: list[dict[str, Output]] = []

    def bind(self, index: int) -> dict[str, Output]:
        """The inputs of the next step, by parameter; those of its dict begin with `*`."""
        wires = self._steps[index].wires
        inputs = {name: self.named[source] for name, source in wires.inputs.items()}
        for name, source in (wires.named or {}).items():
            inputs[NAMED + name] = self.named[source]
        self.bound.append(inputs)
        return inputs

    def publish(self, index: int, outputs: dict[str, Output]) -> None:
        """Give the outputs of the next step to the steps below it."""
        self.given.append(outputs)
        names = self._steps[index].wires.outputs
        self.named.update({names[name]: output for name, output in outputs.items()})

    def rewind(self, index: int) -> None:
        """Go back to the state in which the step of this position is the next one."""
        given = self.given[:index]
        self.bound = self.bound[:index]
        self.given, self.named = [], dict(self._outside)
        for position, outputs in enumerate(given):
            self.publish(position, outputs)


class NamedValues(Mapping[str, Any]):
    """Values by name, each fetched at its first use."""

    def __init__(self, outputs: Mapping[str, Output], fetch: Callable[[Output], Any]) -> None:
        self._outputs = outputs
        self._fetch = fetch

    def __getitem__(self, name: str) -> Any:
        return self._fetch(self._outputs[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment]  # as of any mapping whose content may be compared

    def __repr__(self) -> str:
        return f"<values {', '.join(self._outputs)}>"


def given_from_outside(given: Mapping[str, Any], codecs: Codecs) -> dict[str, Output]:
    """The values that a plan was given, with the digests by which steps that take them are kept."""
    return {
        name: Output(
            OUTSIDE,
            OutputRecord(value_digest(value, codecs), codecs.summary(value), small_plain(value)),
            value,
        )
        for name, value in given.items()
    }


def own_containers(value: Any) -> Any:
    """A value with its lists and dicts copied, so that a step that changes them changes its own."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is dict:
        return {key: own_containers(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return kind(own_containers(item) for item in value)
    copied = own_copy(value)
    if copied is not value and isinstance(value, dict):
        for key, item in value.items():  # `update` of a Counter would add
            copied[key] = own_containers(item)
    elif kind is deque:
        copied = deque(map(own_containers, value), value.maxlen)
    return copied


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
    """The bytes of a summarised value, as far as its codecs give them."""
    items = summary.get("items")
    if items is not None:
        return sum(size_of(item) for item in items.values())
    return int(summary.get("bytes") or 0)


def _parts(value: object, room: int) -> int:
    """How much room is left after counting a value's parts; negative if there is too little."""
    room -= 1
    if isinstance(value, (str, bytes, bytearray)) and len(value) > _SMALL_TEXT:
        return -1
    if room >= 0 and isinstance(value, (list, tuple, dict, set, frozenset, deque)):
        if len(value) > room:
            return -1
        for item in value.values() if isinstance(value, dict) else value:
            room = _parts(item, room)
            if room < 0:
                break
    return room
