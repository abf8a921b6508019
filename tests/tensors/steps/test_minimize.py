"""The step `minimize` by several values: the article's loop, and both of its mistakes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import flowrun
from flowrun import RecipeError, StepError

TABLE = [
    {"load": {"source": "wine-red"}},
    "shuffle",
    {"split": {"train": 1000}},
    "normalize",
]
LINEAR = {"of": "((X_train @ W + b - y_train) ** 2).mean()", "by": ["W", "b"], "lr": 0.01}
NETWORK = {
    "of": "((relu(X_train @ W1 + b1) @ W2 + b2 - y_train) ** 2).mean()",
    "by": ["W1", "b1", "W2", "b2"],
    "lr": 0.05,
}
ONE_LAYER = [
    {"init_params": {"layers": [1]}},
    {"compute": {"W": "params.W1", "b": "params.b1"}},
]
TWO_LAYERS = [
    {"init_params": {"layers": [8, 1], "scale": 0.1}},
    {"compute": {name: f"params.{name}" for name in NETWORK["by"]}},
]


def run(*steps: object) -> dict[str, Any]:
    return flowrun.run({"recipe": "r", "steps": list(steps)}, record=False).values


@pytest.mark.parametrize(
    ("before", "options", "names"),
    [
        (ONE_LAYER, {**LINEAR, "steps": 200}, {"W": "W1", "b": "b1"}),
        (TWO_LAYERS, {**NETWORK, "steps": 60}, {name: name for name in NETWORK["by"]}),
    ],
    ids=["linear", "network"],
)
def test_it_walks_the_path_of_gd_train_bit_for_bit(
    before: list[Any], options: dict[str, Any], names: dict[str, str]
) -> None:
    training = {"lr": options["lr"], "steps": options["steps"], "engine": "autograd"}
    values = run(*TABLE, *before, {"minimize": options}, {"gd_train": training})
    assert torch.equal(values["trace"], values["losses"])
    assert "points" not in values
    for name, of_params in names.items():
        assert torch.equal(values[name], values["params"][of_params])


def test_it_is_the_loop_of_the_article() -> None:
    values = run(*TABLE, *ONE_LAYER, {"minimize": {**LINEAR, "steps": 30}})
    first = run(*TABLE, *ONE_LAYER)
    W, b = (first[name].clone().requires_grad_() for name in "Wb")  # noqa: N806
    X, y = values["X_train"], values["y_train"]
    for step in range(30):
        loss = ((X @ W + b - y) ** 2).mean()
        loss.backward()
        assert torch.equal(values["trace"][step], loss.detach())
        with torch.no_grad():
            W -= 0.01 * W.grad  # noqa: N806
            b -= 0.01 * b.grad
        W.grad = None
        b.grad = None
    assert torch.equal(values["W"], W.detach())
    assert torch.equal(values["b"], b.detach())


def test_one_step_by_hand() -> None:
    by_hand = [
        {"grad": {"of": LINEAR["of"], "by": ["W", "b"]}},
        {"compute": {"W": "W - 0.01 * grads.W", "b": "b - 0.01 * grads.b"}},
    ]
    values = run(*TABLE, *ONE_LAYER, *by_hand)
    wanted = run(*TABLE, *ONE_LAYER, {"minimize": {**LINEAR, "steps": 1}})
    assert torch.equal(values["W"], wanted["W"])
    assert torch.equal(values["b"], wanted["b"])


def test_hidden_activations_and_a_prediction_of_one_bottle_by_hand() -> None:
    compute = {
        "x": "X_val[0]",
        "h": "relu(x @ params.W1 + params.b1)",
        "score": "h @ params.W2 + params.b2",
    }
    predict = {"predict": None, "in": {"data": "X_val", "mean": None, "std": None}}
    values = run(*TABLE, TWO_LAYERS[0], {"compute": compute}, predict)
    torch.testing.assert_close(values["score"], values["y_hat"][0])


@pytest.mark.parametrize(("before", "options"), [(ONE_LAYER, LINEAR), (TWO_LAYERS, NETWORK)])
def test_the_mistake_of_an_update_that_is_tracked(
    before: list[Any], options: dict[str, Any]
) -> None:
    with pytest.raises(StepError) as caught:
        run(*TABLE, *before, {"minimize": {**options, "no_grad": False}})
    found = str(caught.value)
    assert "a leaf Variable that requires grad is being used in an in-place operation" in found
    assert "make it under torch.no_grad (`no_grad: true`" in found
    recipe = {
        "recipe": "r",
        "steps": [*TABLE, *before, {"minimize": {**options, "no_grad": False}}],
    }
    assert "a leaf Variable that requires grad" in str(flowrun.check(recipe).errors[0])


@pytest.mark.parametrize(("before", "options"), [(ONE_LAYER, LINEAR), (TWO_LAYERS, NETWORK)])
def test_the_mistake_of_gradients_that_are_not_reset(
    before: list[Any], options: dict[str, Any]
) -> None:
    wrong = run(*TABLE, *before, {"minimize": {**options, "steps": 40, "accumulate": True}})
    right = run(*TABLE, *before, {"minimize": {**options, "steps": 40}})
    assert torch.equal(wrong["trace"][:2], right["trace"][:2])
    rises = (wrong["trace"][1:] > wrong["trace"][:-1]).sum()
    assert rises > 0, "it overshoots"
    assert not (right["trace"][1:] > right["trace"][:-1]).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": []}, "does not fit"),
        ({"by": ["W", "W"]}, "`W` is there twice"),
        ({"by": ["W", "trace"]}, "`trace` is the name of another output"),
    ],
)
def test_values_that_cannot_be_changed_together_are_refused(
    options: dict[str, Any], message: str
) -> None:
    steps = [{"tensor": {"W": 1.0, "trace": 1.0}}, {"minimize": {"of": "W * W", **options}}]
    with pytest.raises(RecipeError, match=message):
        flowrun.plan({"recipe": "r", "steps": steps})


def test_a_value_that_the_expression_does_not_depend_on_is_an_error() -> None:
    steps = [{"tensor": {"W": 1.0, "b": 2.0}}, {"minimize": {"of": "W * W", "by": ["W", "b"]}}]
    with pytest.raises(StepError, match="does not depend on `b`"):
        run(*steps)


def test_a_tracked_value_stays_tracked() -> None:
    steps = [
        {"tensor": {"x": [3.0], "requires_grad": True}},
        {"minimize": {"of": "(x ** 2).sum()", "by": "x"}},
    ]
    assert run(*steps)["x"].requires_grad
