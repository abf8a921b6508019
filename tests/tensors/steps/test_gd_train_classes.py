"""Training and measuring on classes."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

import flowrun
from flowrun import StepError
from tests.tensors.steps.test_gd_train import recipe


def classified(**options: Any) -> dict[str, Any]:
    """A recipe whose targets are classes from 0 to 2, in a column."""
    made = recipe([5, 3], loss="cross_entropy", **options)
    made["steps"][0]["random"]["y_train"] = {"randint": [60, 1], "high": 3}
    return made


@pytest.mark.parametrize("engine", ["autograd", "fused"])
def test_cross_entropy_is_that_of_torch(engine: str) -> None:
    made = classified(engine=engine)
    values = flowrun.run(made, record=False).values
    params = {name: value.clone().requires_grad_() for name, value in values["first"].items()}
    X, y = values["X_train"], values["y_train"].squeeze(1)
    losses = []
    for _ in range(40):
        hidden = torch.tanh(X @ params["W1"] + params["b1"])
        loss = torch.nn.functional.cross_entropy(hidden @ params["W2"] + params["b2"], y)
        losses.append(loss.detach())
        loss.backward()
        with torch.no_grad():
            for value in params.values():
                value -= 0.05 * value.grad
                value.grad = None
    torch.testing.assert_close(values["losses"], torch.stack(losses))
    torch.testing.assert_close(values["params"]["W1"], params["W1"].detach())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"compute": {"y_train": "y_train * 0 + 3"}}, "classes from 3 to 3, and the model gives 3"),
        ({"compute": {"y_train": "y_train - 9"}}, "count them from 0"),
        ({"cast": {"y_train": "float64"}}, "`cast: {y_train: int64}` makes them"),
    ],
    ids=["too large", "negative", "floating"],
)
def test_targets_that_are_no_classes_are_refused(change: dict[str, Any], message: str) -> None:
    made = classified()
    made["steps"].insert(-1, change)
    with pytest.raises(StepError, match=re.escape(message)):
        flowrun.run(made, record=False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"loss": "cross_entropy"},
            "the loss cross_entropy is of classes, int64 of (rows,) or (rows, 1), and `y_train` is "
            "float64 of (60, 1)\nfor numbers: `loss: mse`, `mae` or `huber`\n"
            "for classes: `cast: {y_train: int64}` makes them of a column of whole numbers",
        ),
        (
            {},
            "the metric accuracy is of classes, int64 of (rows,) or (rows, 1), and `y_val` is "
            "float64 of (60, 1)\nfor numbers: `metrics: [mae, mse, rmse, r2]`\n"
            "for classes: `cast: {y_val: int64}` makes them of a column of whole numbers",
        ),
    ],
)
def test_targets_that_are_numbers_are_told_what_fits_numbers(
    options: dict[str, Any], said: str
) -> None:
    made = recipe([5, 1], **options)
    values = {"in": {"X_val": "X_train", "y_val": "y_train"}}
    made["steps"].append({"evaluate": {"metrics": ["accuracy"]}, **values})
    with pytest.raises(StepError) as caught:
        flowrun.run(made, record=False)
    assert caught.value.message == said


def test_accuracy_and_cross_entropy_are_measured_on_classes() -> None:
    made = classified(steps=5)
    made["steps"].append(
        {
            "evaluate": {"metrics": ["accuracy", "cross_entropy"]},
            "in": {"X_val": "X_train", "y_val": "y_train"},
        }
    )
    values = flowrun.run(made, record=False).values
    params, y = values["params"], values["y_train"].squeeze(1)
    hidden = torch.tanh(values["X_train"] @ params["W1"] + params["b1"])
    y_hat = hidden @ params["W2"] + params["b2"]
    right = sum(int(row.argmax()) == int(cls) for row, cls in zip(y_hat, y, strict=True))
    assert values["metrics"]["accuracy"] == right / 60
    expected = torch.nn.functional.cross_entropy(y_hat, y)
    assert values["metrics"]["cross_entropy"] == pytest.approx(float(expected))
    made["steps"][-1]["evaluate"]["metrics"].append("mae")
    with pytest.raises(StepError, match="write one `evaluate` for each kind"):
        flowrun.run(made, record=False)
