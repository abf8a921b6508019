"""The steps that make, compute, convert and differentiate tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import flowrun
from flowrun import RecipeError, StepError


def run(*steps: object, **arguments: Any) -> dict[str, Any]:
    return flowrun.run({"recipe": "r", "steps": list(steps)}, **arguments).values


def refused(*steps: object) -> str:
    with pytest.raises(RecipeError) as caught:
        flowrun.plan({"recipe": "r", "steps": list(steps)})
    return str(caught.value)


def test_tensors_are_made_as_torch_makes_them() -> None:
    values = run({"tensor": {"a": [1, 2, 3], "b": [[0.5, 1], [2, 3]], "c": 2.5, "d": [True]}})
    assert torch.equal(values["a"], torch.tensor([1, 2, 3]))
    assert torch.equal(values["b"], torch.tensor([[0.5, 1.0], [2.0, 3.0]]))
    assert (values["c"].shape, values["d"].dtype) == ((), torch.bool)
    assert run({"tensor": {"a": [1, 2], "dtype": "float64"}})["a"].dtype == torch.float64


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ([[1, 2], [3]], ["row 1 (`a[1]`) is 1 values, and the first is 2 values"]),
        ([[1, 2], 3], ["row 1 (`a[1]`) is a number, and the first is 2 values"]),
        ([[[1], [2]], [[3], [4, 5]]], ["row 1 (`a[1][1]`) is 2 values"]),
        ([1, "x"], ["`a` holds 'x', which is no number"]),
        ([1, None], ["`a` holds None"]),
    ],
)
def test_a_ragged_list_is_an_error_that_names_the_row(value: object, messages: list[str]) -> None:
    found = refused({"tensor": {"a": value}})
    for message in messages:
        assert message in found


def test_the_error_of_a_ragged_list_points_at_the_row() -> None:
    rows = "        - [1, 2]\n        - [3]\n"
    Path("r.yaml").write_text(f"recipe: r\nsteps:\n  - tensor:\n      a:\n{rows}")
    with pytest.raises(RecipeError) as caught:
        flowrun.plan("r.yaml")
    assert str(caught.value).startswith("r.yaml:6:11:")


def test_random_tensors_follow_the_seed_and_have_their_shapes() -> None:
    rules = {
        "a": {"randn": [2, 3]}, "b": {"rand": 4}, "c": {"randperm": 5},
        "d": {"randint": [100], "low": 3, "high": 6}, "e": {"zeros": [2]}, "f": {"ones": []},
        "g": {"arange": 4}, "h": {"arange": [2, 9, 3]},
    }  # fmt: skip
    first, again, other = (run({"random": rules}, seed=seed) for seed in (1, 1, 2))
    for name, value in first.items():
        assert torch.equal(value, again[name])
    assert not torch.equal(first["a"], other["a"])
    assert [tuple(first[name].shape) for name in "abcf"] == [(2, 3), (4,), (5,), ()]
    assert sorted(first["c"].tolist()) == [0, 1, 2, 3, 4]
    assert set(first["d"].tolist()) == {3, 4, 5}
    assert (first["g"].tolist(), first["h"].tolist()) == ([0, 1, 2, 3], [2, 5, 8])
    assert bool(((first["b"] >= 0) & (first["b"] < 1)).all())


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"rnadn": 2}, "did you mean `randn`?"),
        ({"randn": -1}, "at least 0"),
        ({"randn": 2, "rand": 2}, "made by one of"),
        ({"randint": 2}, "needs `high`"),
        ({"randperm": [1, 2]}, "takes one number"),
        ({"arange": 1.5}, "[start, end, step]"),
        (3, "a mapping"),
    ],
)
def test_a_rule_that_makes_no_tensor_is_refused(rule: object, message: str) -> None:
    assert message in refused({"random": {"x": rule}})


def test_compute_takes_values_from_above_and_from_itself() -> None:
    steps = [{"tensor": {"a": [1, 2, 3]}}, {"compute": {"c": "a * 3", "d": "c.sum() + a[-1]"}}]
    values = run(*steps)
    assert values["c"].tolist() == [3, 6, 9]
    assert values["d"].item() == 21
    plan = flowrun.plan({"recipe": "r", "steps": steps})
    assert plan.steps[1].wires.named == {"a": "a"}


def test_a_name_may_be_used_and_then_made_again() -> None:
    steps = [
        {"tensor": {"data": [3, 1, 2]}},
        {"compute": {"data": "data * 2", "sorted": "data.sort().values"}},
    ]
    values = run(*steps)
    assert values["data"].tolist() == [6, 2, 4]
    assert values["sorted"].tolist() == [2, 4, 6]


def test_a_wrong_expression_is_found_while_planning_at_its_character() -> None:
    Path("r.yaml").write_text(
        "recipe: r\nsteps:\n  - tensor: {a: [1]}\n  - compute: {c: 2 * a.maen()}\n"
        "  - compute: {d: 'a.__class__', e: a +}\n"
    )
    with pytest.raises(RecipeError) as caught:
        flowrun.plan("r.yaml")
    first, second, third = caught.value.problems
    assert str(first).startswith("r.yaml:4:24: compute: there is no method `maen`")
    assert str(second).startswith("r.yaml:5:21: compute: there is no attribute `__class__`")
    assert str(third).startswith("r.yaml:5:39: compute: not an expression: invalid syntax")


def test_a_value_nobody_gives_is_missing_before_anything_runs() -> None:
    found = refused({"tensor": {"alpha": [1]}}, {"compute": {"c": "2 * alpah"}})
    assert "needs `alpah`" in found
    assert "did you mean `alpha`?" in found


def test_an_operation_that_does_not_fit_says_what_torch_says() -> None:
    steps = [{"tensor": {"a": [[1.0, 2.0]], "b": [[1.0, 2.0]]}}, {"compute": {"c": "a @ b"}}]
    with pytest.raises(StepError, match=r"mat1 and mat2 shapes cannot be multiplied") as caught:
        run(*steps)
    assert "input   a: (1, 2) float32 cpu" in str(caught.value)


def test_cast_gives_another_dtype() -> None:
    values = run({"tensor": {"a": [1.7, -1.7], "b": [1, 0]}}, {"cast": {"a": "int64", "b": "bool"}})
    assert values["a"].tolist() == [1, -1]
    assert values["b"].tolist() == [True, False]
    assert "did you mean `float32`?" in refused({"tensor": {"a": [1]}}, {"cast": {"a": "float23"}})


def test_an_assignment_in_place_that_would_lose_the_dtype_comes_with_its_cure() -> None:
    steps = [{"tensor": {"a": [1], "b": [1.5]}}, {"compute": {"a": "a += b"}}]
    with pytest.raises(StepError, match="can't be cast") as caught:
        run(*steps)
    assert "`cast: {a: float32}`" in str(caught.value)
    assert run(steps[0], {"cast": {"a": "float32"}}, steps[1])["a"].tolist() == [2.5]


def test_place_copies_to_a_device_that_is_there() -> None:
    assert run({"tensor": {"a": [1]}}, {"place": {"a": "cpu"}})["a"].device.type == "cpu"
    assert "does not fit" in refused({"tensor": {"a": [1]}}, {"place": {"a": "gpu"}})


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without CUDA")
def test_place_says_what_torch_says_of_a_device_that_is_not() -> None:
    with pytest.raises(StepError, match=r"(?s)(CUDA|NVIDIA).*this machine has: cpu"):
        run({"tensor": {"a": [1]}}, {"place": {"a": "cuda"}})


def test_grad_differentiates_by_several_values() -> None:
    steps = [
        {"tensor": {"a": 2.5, "b": [1.5, 2.0]}},
        {"grad": {"of": "a ** 2 + (2 * a - 5) / (10 - 2 * a) ** 2 + b.sum()", "by": ["a", "b"]}},
    ]
    values = run(*steps)
    assert values["grads"]["a"].item() == pytest.approx(5.08)
    assert values["grads"]["b"].tolist() == [1, 1]
    assert not values["a"].requires_grad


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": "a * 2", "by": ["a"]}, r"has the shape \(2,\); only a scalar"),
        ({"of": "n.sum()", "by": ["n"]}, "torch.int64: only floating tensors"),
        ({"of": "n.sum()", "by": ["a"]}, "does not depend on"),
    ],
)
def test_what_has_no_gradient_says_so(options: dict[str, object], message: str) -> None:
    with pytest.raises(StepError, match=message):
        run({"tensor": {"a": [1.0, 2.0], "n": [1, 2]}}, {"grad": options})


F = "x[0] ** 2 + (x[1] - 4) ** 2"


def descended(**options: object) -> dict[str, Any]:
    return run({"tensor": {"x": [2.4, 0.3]}}, {"minimize": {"of": F, "by": "x", **options}})


def test_minimize_goes_down_to_the_minimum_and_keeps_its_trace() -> None:
    values = descended(lr=0.1, steps=50)
    torch.testing.assert_close(values["x"], torch.tensor([0.0, 4.0]), atol=1e-3, rtol=0)
    assert values["trace"].shape == (50,)
    assert values["points"].shape == (51, 2)
    assert torch.equal(values["points"][-1], values["x"])
    x = torch.tensor([2.4, 0.3])
    for point in values["points"]:
        torch.testing.assert_close(point, x)
        x = x - 0.1 * torch.stack([2 * x[0], 2 * (x[1] - 4)])


def test_minimize_stops_at_its_tolerance() -> None:
    trace = descended(lr=0.1, steps=1000, tolerance=1e-4)["trace"]
    assert 2 < len(trace) < 1000
    assert abs(trace[-1] - trace[-2]) < 1e-4 <= abs(trace[-2] - trace[-3])


def test_accumulated_gradients_overshoot() -> None:
    trace = descended(lr=0.1, steps=50, accumulate=True)["trace"]
    assert trace.min() < 0.5
    assert trace[int(trace.argmin()) :].max() > 2


def test_an_update_that_autograd_tracks_fails_as_in_torch() -> None:
    with pytest.raises(StepError, match="a leaf Variable that requires grad"):
        descended(no_grad=False)


def test_a_descent_that_diverges_says_at_which_step() -> None:
    with pytest.raises(StepError, match=r"stopped being finite at step \d+; lower `lr`"):
        descended(lr=50.0, steps=500)


def test_numpy_computes_on_the_tensors_own_memory() -> None:
    values = run(
        {"tensor": {"a": [1.0, 2.0, 4.0]}},
        {"numpy": {"same": "a[:]", "std": "a.std()", "shape": "a.shape", "c": "maximum(a, 2)"}},
    )
    assert values["same"].data_ptr() == values["a"].data_ptr()
    assert values["std"].item() == pytest.approx(values["a"].std(correction=0).item())
    assert values["shape"] == [3]
    assert values["c"].tolist() == [2, 2, 4]


def test_an_expression_that_begins_like_the_folder_of_a_user_is_one() -> None:
    steps = [{"tensor": {"c": [True, False]}}, {"compute": {"no": "~c", "long": "c" + " & c" * 30}}]
    values = flowrun.run({"recipe": "r", "steps": steps}).values
    assert values["no"].tolist() == [False, True]
