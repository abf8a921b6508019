"""The step `compute`: parts of dicts, warnings, and all errors of one step at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import flowrun
from flowrun import RecipeError, StepError

MADE = {"tensor": {"x": [2.5, 1.5], "col": [[1.0], [2.0], [3.0]], "row": [1.0, 2.0, 3.0]}}
GRAD = {"grad": {"of": "(x ** 2).sum()", "by": ["x"]}}


def run(*steps: object) -> Any:
    return flowrun.run({"recipe": "r", "steps": list(steps)})


def warnings_of(*steps: object) -> list[str]:
    return run(*steps).record["warnings"]


def error_of(*steps: object) -> str:
    with pytest.raises(StepError) as caught:
        run(*steps)
    return str(caught.value)


@pytest.mark.parametrize("text", ["grads.x", 'grads["x"]', "grads['x']", "(grads).x"])
def test_an_expression_reaches_into_a_dict(text: str) -> None:
    values = run(MADE, GRAD, {"compute": {"g": text, "first": f"{text}[0]"}}).values
    assert torch.equal(values["g"], torch.tensor([5.0, 3.0]))
    assert values["first"] == 5


def test_an_item_of_a_list_and_of_a_dict_of_dicts() -> None:
    values = run(
        {"load": {"source": "wine-red"}},
        {"bench": {"measure": "matmul", "n": 8, "seconds": 0.001}},
        {"compute": {"name": "columns[0]", "last": "columns[-1]", "s": "timings.cpu.seconds"}},
    ).values
    assert values["name"] == values["columns"][0]
    assert values["last"] == values["columns"][-1]
    assert values["s"] == values["timings"]["cpu"]["seconds"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grads.y", "`grads.y`: the dict has no `y`; it has x"),
        ("grads.xx", "did you mean `x`?"),
        ("grads[0]", "`grads[0]`: the dict has no `0`; it has x"),
        ('x["a"]', "a Tensor has no keys such as 'a'"),
        ("x.W1", "`.W1` of a Tensor, which has none"),
        ("grads + 1", "`grads + 1`: unsupported operand"),
    ],
)
def test_a_part_that_is_not_there_is_an_error_in_words(text: str, message: str) -> None:
    found = error_of(MADE, GRAD, {"compute": {"g": text}})
    assert message in found
    assert ".py:" not in found
    checked = flowrun.check({"recipe": "r", "steps": [MADE, GRAD, {"compute": {"g": text}}]})
    assert message in str(checked.errors[0])


@pytest.mark.parametrize("text", ["grads.__class__", "x._base", '"text"', "grads['a' + 'b']"])
def test_what_only_looks_like_a_key_is_refused(text: str) -> None:
    with pytest.raises(RecipeError):
        run(MADE, GRAD, {"compute": {"g": text}})


def test_all_errors_of_a_step_are_told_and_what_needs_them_is_left_out() -> None:
    bad = {"a": "x @ col", "b": "grads.y", "fine": "x + 1", "needs": "a + 1"}
    steps = [MADE, GRAD, {"compute": bad}, {"compute": {"more": "fine @ row"}}]
    found = error_of(*steps)
    assert "`a`: " in found
    assert "`grads.y`: the dict has no `y`" in found
    assert "`needs`" not in found
    errors = [str(error) for error in flowrun.check({"recipe": "r", "steps": steps}).errors]
    assert len(errors) == 3, "a check goes on with `fine`"
    assert "`more`" in errors[-1]


def test_an_error_that_waits_for_data_does_not_hide_one_that_does_not() -> None:
    steps = [MADE, {"compute": {"chosen": "x[x > 2]", "wrong": "x @ col", "fine": "x + 1"}}]
    checked = flowrun.check({"recipe": "r", "steps": [*steps, {"compute": {"y": "fine * 2"}}]})
    assert [finding.severity for finding in checked.findings] == ["unknown", "error"]
    assert checked.steps[-1].outputs["y"]["shape"] == (2,)


def test_a_column_and_a_vector_that_broadcast_give_a_warning_in_a_run() -> None:
    (text,) = warnings_of(MADE, {"compute": {"error": "((col - row) ** 2).mean()"}})
    assert "`col - row` of (3, 1) and (3,) gives (3, 3)" in text
    assert "make a column of the vector" in text
    (text,) = warnings_of(MADE, {"grad": {"of": "((col - row) ** 2).mean()", "by": ["row"]}})
    assert "`col - row`" in text
    minimize = {"of": "((col - row) ** 2).mean()", "by": "row", "steps": 5}
    (text,) = warnings_of(MADE, {"minimize": minimize})
    assert "`col - row`" in text, "once, not at each step"


@pytest.mark.parametrize(
    "text",
    [
        "row[:, None] - row", "row.unsqueeze(1) - row", "row.reshape(3, 1) - row", "col - col",
        "col - row.unsqueeze(1)", "col * 2", "col @ row[:1]", "row[:, None] * col.squeeze()",
    ],
)  # fmt: skip
def test_what_was_meant_gives_no_warning(text: str) -> None:
    assert warnings_of(MADE, {"compute": {"c": text}}) == []


def test_backward_writes_into_copies() -> None:
    tracked = {"tensor": {"a": 2.5, "b": 1.5, "requires_grad": True}}
    compute = {"f": "a ** 2 + (b - 4) ** 2", "none": "f.backward()", "da": "a.grad", "db": "b.grad"}
    values = run(tracked, {"compute": compute}, {"compute": {"after": "a.grad"}}).values
    assert (values["none"], values["after"], values["a"].grad) == (None, None, None)
    assert (values["da"], values["db"]) == (5, -5)


def test_an_update_in_place_of_a_tracked_tensor_fails_as_in_torch() -> None:
    tracked = {"tensor": {"x": [2.5, 1.5], "requires_grad": True}}
    loop = {"f": "(x ** 2).sum()", "none": "f.backward()", "x": "x -= 0.1 * x.grad"}
    for compute in ({"x": "x -= 1"}, loop):
        found = error_of(tracked, {"compute": compute})
        assert "a leaf Variable that requires grad is being used in an in-place operation" in found
        assert "`x: x.detach() - 0.1 * x.grad`" in found
    loop["x"] = "x.detach() - 0.1 * x.grad"
    assert torch.equal(run(tracked, {"compute": loop}).values["x"], torch.tensor([2.0, 1.2]))


@pytest.mark.parametrize("step", ["grad", "minimize"])
def test_a_part_of_a_dict_is_named_before_one_differentiates_by_it(step: str) -> None:
    with pytest.raises(RecipeError) as caught:
        run(MADE, GRAD, {step: {"of": "(grads.x ** 2).sum()", "by": ["grads.x"]}})
    assert len(caught.value.problems) == 1
    assert "give the part a name first: `compute: {x: grads.x}`" in str(caught.value)


def test_only_floating_tensors_are_tracked() -> None:
    assert "only floating tensors" in error_of({"tensor": {"a": [1, 2], "requires_grad": True}})
    assert "only floating" in error_of({"random": {"a": {"randperm": 3}, "requires_grad": True}})


def test_a_comma_inside_braces_is_explained() -> None:
    text = "recipe: r\nsteps:\n  - tensor: {a: 1.0}\n  - compute: {c: maximum(a, a)}\n"
    Path("r.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match="put the whole expression in quotes"):
        flowrun.plan("r.yaml")
