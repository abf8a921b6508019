"""The loss on rows to validate with, and training that stops by it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import flowrun
from flowrun import RecipeError
from tests.tensors.steps.test_gd_train import recipe


def with_validation(made: dict[str, Any], rows_to_train_on: int = 60) -> dict[str, Any]:
    """The recipe with rows to validate with, whose targets are noise like those to train on."""
    drawn = made["steps"][0]["random"]
    drawn |= {"X_val": {"randn": [30, 4]}, "y_val": {"randn": [30, 1]}}
    drawn["X_train"], drawn["y_train"] = (
        {"randn": [rows_to_train_on, 4]}, {"randn": [rows_to_train_on, 1]}
    )  # fmt: skip
    return made


def test_val_losses_are_those_of_the_parameters_before_each_update() -> None:
    made = with_validation(recipe([8, 1], validate=True))
    values = flowrun.run(made, record=False).values
    assert len(values["val_losses"]) == len(values["losses"]) == 40
    made["steps"][-1]["gd_train"] = {"lr": 0.05, "steps": 7, "engine": "autograd"}
    after = flowrun.run(made, record=False).values["params"]
    hidden = torch.tanh(values["X_val"] @ after["W1"] + after["b1"])
    loss = torch.nn.functional.mse_loss(hidden @ after["W2"] + after["b2"], values["y_val"])
    torch.testing.assert_close(values["val_losses"][7], loss)


@pytest.mark.parametrize("engine", ["autograd", "fused"])
def test_patience_ends_the_training_and_gives_the_best_parameters(engine: str) -> None:
    made = with_validation(
        recipe([16, 1], engine=engine, patience=5, lr=0.3, steps=3000), rows_to_train_on=12
    )
    values = flowrun.run(made, record=False).values
    losses = values["val_losses"]
    best = int(losses.argmin())
    assert 0 < best < len(losses) - 1 < 3000
    assert len(losses) == len(values["losses"]) == best + 6
    params = values["params"]
    hidden = torch.tanh(values["X_val"] @ params["W1"] + params["b1"])
    loss = torch.nn.functional.mse_loss(hidden @ params["W2"] + params["b2"], values["y_val"])
    torch.testing.assert_close(loss, losses[best])


def test_a_training_that_improves_to_its_end_gives_its_last_parameters() -> None:
    patient = with_validation(recipe([1], patience=5, lr=0.001, engine="autograd"))
    plain = with_validation(recipe([1], lr=0.001, engine="autograd"))
    found, expected = (flowrun.run(made, record=False).values for made in (patient, plain))
    assert found["val_losses"].diff().max() < 0
    assert torch.equal(found["params"]["W1"], expected["params"]["W1"])


def test_validation_rows_are_no_input_of_a_training_that_does_not_look_at_them() -> None:
    plan = flowrun.plan(with_validation(recipe([1])))
    assert not plan.steps[-1].wires.named
    with pytest.raises(RecipeError, match="needs `X_val`"):
        flowrun.plan(recipe([1], patience=5))
