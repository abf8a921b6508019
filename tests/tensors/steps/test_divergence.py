"""What is advised when a descent diverges is not what the recipe does already."""

from __future__ import annotations

from typing import Any

import pytest

import flowrun
from flowrun import StepError

DATA = [
    {"random": {"X_train": {"randn": [50, 3]}, "X_val": {"randn": [10, 3]},
                "y_train": {"randn": [50, 1]}, "y_val": {"randn": [10, 1]}}},
]  # fmt: skip
LR, NORMALIZE = "lower the learning rate (lr is 100", "normalize the inputs"
SMALLER, DIVIDE = "draw smaller first parameters (init_params: {scale: 0.1})", "divide the targets"
ADAM, WIDER = "take `optimizer: adam`", "compute in a wider dtype"
ALL = (LR, NORMALIZE, SMALLER, DIVIDE, ADAM, WIDER)

CASES: dict[str, tuple[list[Any], dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "a normal network": ([], {"layers": [8, 1], "scale": 0.1}, {}, (LR, ADAM)),
    "large first parameters": ([], {"layers": [8, 1]}, {}, (LR, SMALLER, ADAM)),
    "large inputs": (
        [{"compute": {"X_train": "X_train * 50"}}], {"layers": [8, 1], "scale": 0.1}, {},
        (LR, NORMALIZE, ADAM),
    ),
    "large inputs, normalized": (
        [{"compute": {"X_train": "X_train * 50"}}, "normalize"],
        {"layers": [8, 1], "scale": 0.1}, {}, (LR, ADAM),
    ),
    "large targets": (
        [{"compute": {"y_train": "y_train * 300"}}], {"layers": [8, 1], "scale": 0.1}, {},
        (LR, DIVIDE, ADAM),
    ),
    "a linear model": ([], {"layers": [1]}, {"steps": 50}, (LR,)),
    "a linear model of large inputs": (
        [{"compute": {"X_train": "X_train * 50"}}], {"layers": [1]}, {"steps": 50}, (LR, NORMALIZE),
    ),
    "parameters beyond the dtype": (
        [], {"layers": [8, 1], "scale": 1e30}, {}, (SMALLER, WIDER),
    ),
    "numbers that are not finite": (
        [{"compute": {"X_train": "X_train / 0"}}], {"layers": [8, 1]}, {},
        ("`X_train` has numbers that are not finite: look at the steps that give it",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_only_what_is_not_so_already_is_advised(what: str) -> None:
    before, init, training, expected = CASES[what]
    assert_advised(expected, before, init, training)


def test_a_wider_dtype_is_not_advised_in_float64() -> None:
    init = {"layers": [8, 1], "scale": 1e160}
    assert_advised((SMALLER,), [], init, {}, dtype="float64")


def test_a_loss_whose_cause_is_not_known_is_left_to_look_at() -> None:
    rows = {"X_train": {"randn": [10001, 3]}, "y_train": {"randn": [10001, 1]}}
    far = {"X_train": "torch.cat([X_train[:10000], X_train[10000:] * 1e160])"}
    init = {"layers": [8, 1], "scale": 0.1, "activation": "relu"}
    look = "look at the data and the first parameters"
    assert_advised((look,), [{"random": rows}, {"compute": far}], init, {}, dtype="float64")


def assert_advised(
    expected: tuple[str, ...],
    before: list[Any],
    init: dict[str, Any],
    training: dict[str, Any],
    **top: str,
) -> None:
    """Training diverges, and the advice has these texts, and no other one of `ALL`."""
    train = {"lr": 100.0, "steps": 200, **training}
    recipe = {
        "recipe": "r", **top, "steps": [*DATA, *before, {"init_params": init}, {"gd_train": train}],
    }  # fmt: skip
    with pytest.raises(StepError) as caught:
        flowrun.run(recipe, record=False)
    found, _, advice = caught.value.message.partition("\n")
    assert "the loss stopped being finite at step" in found
    for text in expected:
        assert text in advice
    for text in set(ALL) - set(expected):
        assert text not in advice
