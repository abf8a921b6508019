"""The values of a run: which are small enough for a record, how large they are, whose they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowrun.running.dataflow import (
    OUTSIDE,
    NamedValues,
    Output,
    own_containers,
    size_of,
    small_plain,
)
from flowrun.store.step_records import OutputRecord


@pytest.mark.parametrize(
    ("value", "is_small"),
    [
        (None, True),
        (1.5, True),
        ("a" * 4094, True),  # in quotes, 4,096 characters
        ("a" * 4095, False),
        ([0] * 255, True),  # and the list: 256 parts
        ([0] * 256, False),
        ([[0] * 127, [0] * 126], True),
        ([[0] * 127, [0] * 127], False),
        ({str(number): 0 for number in range(255)}, True),
        ({str(number): 0 for number in range(256)}, False),
        ({"a": (1, [2, {"b": None}])}, True),
        (object(), False),
        ({"a": object()}, False),
    ],
)
def test_a_small_value_of_plain_parts_stands_in_the_record(value: object, is_small: bool) -> None:
    assert (small_plain(value) is not None) == is_small


def test_a_value_in_a_record_is_at_hand_as_it_was() -> None:
    value = {"a": (1, [2.5, None]), "b": "text"}
    output = Output(0, OutputRecord("digest", {"type": "dict"}, small_plain(value)))
    assert output.is_at_hand
    assert output.value == value
    assert not Output(0, OutputRecord("digest", {"type": "Tensor"})).is_at_hand
    assert Output(OUTSIDE, OutputRecord(None, {"type": "object"}), None).is_at_hand


@pytest.mark.parametrize(
    ("summary", "size"),
    [
        ({"type": "int", "value": 1}, 0),
        ({"type": "Tensor", "bytes": 12}, 12),
        ({"type": "dict", "items": {"a": {"bytes": 5}, "b": {"items": {"c": {"bytes": 7}}}}}, 12),
        ({"type": "dict", "items": {}, "bytes": 3}, 0),
    ],
)
def test_a_value_is_as_large_as_its_parts(summary: dict[str, object], size: int) -> None:
    assert size_of(summary) == size


def test_a_step_gets_containers_of_its_own_and_the_same_values_in_them() -> None:
    class Own(list[int]):
        """A type that nobody may copy as if it were a list."""

    inner = object()
    value = {"a": [1, (2, [inner])], "own": Own([1])}
    copy = own_containers(value)
    assert copy == value
    assert copy is not value
    assert copy["a"] is not value["a"]
    assert copy["a"][1][1] is not value["a"][1][1]  # type: ignore[index]
    assert copy["a"][1][1][0] is inner
    assert copy["own"] is value["own"]


def test_named_values_are_fetched_when_they_are_used() -> None:
    fetched: list[int] = []

    def fetch(output: Output) -> int:
        fetched.append(output.maker)
        return output.maker

    outputs = {name: Output(n, OutputRecord(None, {})) for n, name in enumerate("ab")}
    values = NamedValues(outputs, fetch)
    names: Iterator[str] = iter(values)
    assert (list(names), len(values), repr(values)) == (["a", "b"], 2, "<values a, b>")
    assert "c" not in values
    assert fetched == []
    assert values["b"] == 1
    assert fetched == [1]
    assert values == {"a": 0, "b": 1}
    assert values != {"a": 0}
    assert values != [0, 1]
    with pytest.raises(TypeError):
        hash(values)
