"""How two keys differ, in words, and the rule by which bytes are kept."""

from __future__ import annotations

from typing import Any

import pytest

from flowrun.store.changes import changes, code_changes, input_changes
from flowrun.store.cost_rule import is_worth_keeping

PARTS: dict[str, Any] = {
    "step": "train", "plugin": "mine 1", "version": "1", "code": {"steps": "old"},
    "packages": {"torch": "2.10"}, "around": {}, "options": {"lr": 0.1, "layers": [1]},
    "inputs": {"data": "a"}, "seed": None, "dtype": "float32", "device": "cpu",
    "settings": {}, "variables": {"TZ": "UTC"},
}  # fmt: skip
TEXTS = {
    "old": "one\ntwo\nthree\nfour\nfive\n",
    "one": "one\ntwo\nthree\nfour\n5\n",
    "two": "one\n2\n3\nfour\n5\nsix\n",
    "less": "one\nfour\nfive\n",
    "more": "zero\none\ntwo\nthree\nfour\nfive\n",
    "blank": "one\ntwo\n\n\nthree\nfour\nfive\n",
}
LONG = "x" * 41


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, []),
        ({"step": "fit"}, ["step `train` -> `fit`"]),
        ({"options": {"lr": 0.2, "layers": [1]}}, ["option `lr`: 0.1 -> 0.2"]),
        ({"options": {"lr": 0.1}}, ["option `layers`: [1] -> none"]),
        ({"options": {**PARTS["options"], "new": None}}, ["option `new`: none -> none"]),
        ({"options": {**PARTS["options"], "lr": LONG}}, [f"option `lr`: 0.1 -> {'x' * 37}..."]),
        ({"options": {**PARTS["options"], "lr": LONG[1:]}}, [f"option `lr`: 0.1 -> {'x' * 40}"]),
        ({"options": {"layers": [1], "lr": 0.1}},
         ["order of the options: lr, layers -> layers, lr"]),
        ({"around": {"codecs of prices": "d"}}, ["the code or version of the codecs of prices"]),
        ({"seed": 3}, ["seed None -> 3"]),
        ({"dtype": "float64", "device": "cuda"},
         ["dtype float32 -> float64", "device cpu -> cuda"]),
        ({"settings": {"grad": "off"}}, ["setting of the process, grad: as usual -> off"]),
        ({"variables": {"TZ": LONG, "LC_ALL": "C"}},
         [f"environment variable TZ: UTC -> {'x' * 37}...",
          "environment variable LC_ALL: none -> C"]),
        ({"plugin": ""}, ["plugin: mine 1 -> none"]),
        ({"version": "2"}, ["the step's `version`: 1 -> 2"]),
        ({"packages": {"torch": "2.11", "numpy": "2"}},
         ["package torch: 2.10 -> 2.11", "package numpy: none -> 2"]),
        ({"around": {"mine": "d"}}, ["the code or settings of the plugin `mine` around each step"]),
        ({"code": {}}, ["code went from it: steps.py"]),
        ({"code": {"steps": "old", "more": "d"}}, ["code came to it: more"]),
        ({"code": {"steps": "unknown"}}, ["code changed in steps.py"]),
        ({"code": {"steps": "one"}}, ["code changed in steps.py:5"]),
        ({"code": {"steps": "two"}}, ["code changed in steps.py:2-3, steps.py:5-6"]),
        ({"code": {"steps": "less"}}, ["code changed in steps.py:2"]),
        ({"code": {"steps": "more"}}, ["code changed in steps.py:1"]),
        ({"code": {"steps": "blank"}}, ["code changed in steps.py"]),
        ({"inputs": {"data": "b"}}, []),
    ],
)  # fmt: skip
def test_a_change_is_said_with_old_and_new(change: dict[str, Any], text: list[str]) -> None:
    places = {"steps": "steps.py"}
    assert list(changes(PARTS, {**PARTS, **change}, TEXTS.get, places)) == text


def test_changes_of_code_are_data_as_well() -> None:
    new = {**PARTS, "code": {"steps": "new"}, "version": "2", "around": {"mine": "d"}}
    assert [tuple(one) for one in code_changes(PARTS, new)] == [
        ("code", "steps", "old", "new"), ("version", "version", "1", "2"),
        ("around", "mine", None, None),
    ]  # fmt: skip


def test_inputs_that_differ_are_named() -> None:
    new = {**PARTS, "inputs": {"data": "b", "names": "c"}}
    assert list(input_changes(PARTS, new)) == ["data", "names"]
    assert list(input_changes(PARTS, PARTS)) == []


@pytest.mark.parametrize(
    ("seconds", "size", "expected"),
    [
        (0.01, 0, False),
        (0.011, 0, True),
        (1.0, 494_000_000, True),
        (1.0, 496_000_000, False),
        (0.0, 0, False),
    ],
)
def test_a_value_is_kept_if_to_recompute_it_takes_longer_than_to_read_it(
    seconds: float, size: int, expected: bool
) -> None:
    assert is_worth_keeping(seconds, size) == expected
