"""Nested values on disk: no two share a name, whatever the keys, and none is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import flowrun
from flowrun import StepError
from flowrun_tensors.codecs import CODECS
from tests.sampling import examples

Write = Callable[[str, str], Path]


def tensor(number: float) -> torch.Tensor:
    return torch.tensor([number])


COLLIDING: dict[str, dict[Any, Any]] = {
    "a dot in a key": {"a.b": tensor(1), "a": {"b": tensor(2)}},
    "a number beside a list": {"a.0": tensor(1), "a": [tensor(2)]},
    "a name given to avoid that": {
        "a.b": tensor(1), "a.b#2": tensor(2), "a": {"b": tensor(3), "b#2": tensor(4)},
    },
    "deeper": {"a": {"b.c": tensor(1), "b": {"c": tensor(2)}}, "a.b": {"c": tensor(3)}},
    "the header's own": {"__metadata__": tensor(1), "": tensor(2), "#2": tensor(3)},
    "the marks of the folder": {"tensor": tensor(1), "dict": {"list": [{"tensor": tensor(2)}]}},
}  # fmt: skip


def saved_and_loaded(values: dict[str, Any], to: str = "out") -> dict[str, Any]:
    names = list(values)
    steps = [{"save": {"to": to, "values": names}}]
    flowrun.run({"recipe": "r", "steps": steps}, given=values, record=False)
    load = {"load": {"source": to, "values": names}}
    return dict(flowrun.run({"recipe": "r", "steps": [load]}, record=False).values)


def assert_same(found: Any, expected: Any) -> None:
    """The same structure, of the same numbers."""
    if isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_same(found[key], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == expected


@pytest.mark.parametrize("case", COLLIDING)
def test_each_tensor_of_a_saved_value_comes_back_in_its_own_place(case: str) -> None:
    value = COLLIDING[case]
    assert_same(saved_and_loaded({"x": value, "y": [value]}), {"x": value, "y": [value]})


@pytest.mark.parametrize("name", ["__metadata__", "file", "allow_pickle", "arr_0", "data_"])
@pytest.mark.parametrize("to", ["out", "out.pt", "out.npz", "out.safetensors"])
def test_a_value_of_any_name_is_saved_or_refused(name: str, to: str) -> None:
    values = {name: tensor(1), "other": tensor(2)}
    if (name, to) == ("__metadata__", "out.safetensors"):
        with pytest.raises(StepError, match="is no name for a tensor in a safetensors file"):
            saved_and_loaded(values, to)
        return
    assert_same(saved_and_loaded(values, to), values)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1: tensor(1), "1": tensor(2)}, "`x` has the keys 1 and '1', which save writes alike"),
        ({"a": {None: 1, "None": 2}}, "`x.a` has the keys None and 'None'"),
        ({"a": [{True: tensor(1), "True": 2}]}, "`x.a.0` has the keys True and 'True'"),
    ],
)
@pytest.mark.parametrize("act", [flowrun.run, flowrun.check])
def test_two_keys_of_one_text_are_refused(
    value: object, message: str, act: Callable[..., Any]
) -> None:
    recipe = {"recipe": "r", "steps": [{"save": {"to": "out", "values": ["x"]}}]}
    if act is flowrun.run:
        with pytest.raises(StepError) as caught:
            act(recipe, given={"x": value})
        assert message in str(caught.value)
        assert not Path("out").exists()
    else:
        assert message in str(act(recipe, given={"x": value}).errors[0])


def test_two_keys_of_one_text_in_a_file_are_refused() -> None:
    torch.save({1: tensor(1), "1": tensor(2)}, "t.pt")
    steps = [{"load": {"source": "t.pt", "values": ["x"]}}]
    with pytest.raises(StepError, match="holds two values that are named `1`"):
        flowrun.run({"recipe": "r", "steps": steps})


keys = st.sampled_from(["a", "b", "a.b", "0", "a.0", "a.b#2", "#2", "", "key0", "[0]", "1"])
whole_keys = keys | st.sampled_from([0, 1, None, 0.5, (0, "a")])
leaf = st.integers(0, 10**6).map(lambda number: torch.tensor([float(number)]))


def nested(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(of, inner, max_size=4),
        max_leaves=12,
    )


@pytest.mark.campaign
@settings(max_examples=examples(200, sample=40), deadline=None)
@given(nested(keys))
def test_any_nested_value_comes_back_from_a_folder(value: Any) -> None:
    assert_same(saved_and_loaded({"x": value}), {"x": value})


KEPT = """
import time
from flowrun import step
import cases

@step(outputs="x")
def slow(*, case: str) -> dict:
    time.sleep(0.05)
    return cases.COLLIDING[case]
"""


@pytest.mark.parametrize("case", COLLIDING)
def test_each_tensor_of_a_kept_value_comes_back_in_its_own_place(case: str, write: Write) -> None:
    write("cases.py", "from tests.tensors.formats.test_saved_names import COLLIDING\n")
    write("steps.py", KEPT)
    recipe = {"recipe": "r", "plugins": ["./steps.py"], "steps": [{"slow": {"case": case}}]}
    flowrun.run(recipe)
    again = flowrun.run(recipe)
    assert again.record["steps"][0]["kept"]
    assert_same(again.values["x"], COLLIDING[case])


@pytest.mark.campaign
@settings(max_examples=examples(200, sample=40), deadline=None)
@given(nested(whole_keys))
def test_no_two_leaves_of_any_value_share_a_place_in_the_store(value: Any) -> None:
    from flowrun.store.structures import put_together, taken_apart
    from flowrun.values.codecs import Codecs

    codecs = Codecs({codec.type_name: codec for codec in CODECS}, "float32")
    apart = taken_apart(value, codecs)
    assert_same(put_together(apart.document, apart.leaves, codecs), value)
