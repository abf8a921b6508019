"""A torch.nn.Module that a recipe trains has the bits of the same training written by hand."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import flowrun
from flowrun import RecipeError, StepError
from tests.tensors.modules.by_hand import (
    CNN,
    NAMES,
    drawn_by_hand,
    recipe,
    require_equal,
    trained_by_hand,
)

SCHEDULES: list[dict[str, dict[str, Any]]] = [
    {"ConstantLR": {"factor": 0.5, "total_iters": 2}},
    {"CosineAnnealingLR": {"T_max": 4}},
    {"CosineAnnealingWarmRestarts": {"T_0": 2}},
    {"ExponentialLR": {"gamma": 0.7}},
    {"LinearLR": {"start_factor": 0.1, "total_iters": 3}},
    {"MultiStepLR": {"milestones": [1, 3], "gamma": 0.3}},
    {"PolynomialLR": {"total_iters": 4}},
    {"StepLR": {"step_size": 2, "gamma": 0.5}},
]
OPTIMIZERS = {
    "sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "lbfgs": "LBFGS", "nadam": "NAdam",
    "radam": "RAdam", "adamax": "Adamax", "adadelta": "Adadelta", "adagrad": "Adagrad",
    "rmsprop": "RMSprop",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _plugin() -> None:
    Path("cnn.py").write_text(CNN)


def test_the_first_parameters_are_those_that_the_module_draws() -> None:
    made = recipe({"epochs": 1, "batch_size": 50}, width=3)
    values = flowrun.run(made, record=False).values
    net = drawn_by_hand(made, lambda: NAMES["my_cnn"]((1, 8, 8), 2, width=3))
    require_equal(values["first"], net.state_dict())
    assert values["model"] == {
        "name": "my_cnn", "settings": {"width": 3}, "features": [1, 8, 8], "outputs": 2,
    }  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("clip_norm", [None, 0.05], ids=["not clipped", "clipped"])
def test_each_optimizer_trains_as_by_hand(optimizer: str, clip_norm: float | None) -> None:
    training = {"optimizer": optimizer, "lr": 0.01, "epochs": 3, "batch_size": 64}
    made = recipe(training | {"clip_norm": clip_norm})
    values = flowrun.run(made, record=False).values
    net = drawn_by_hand(made, lambda: NAMES["my_cnn"]((1, 8, 8), 2))
    expected, losses = trained_by_hand(
        made, values, net, partial(getattr(torch.optim, OPTIMIZERS[optimizer]), lr=0.01),
        epochs=3, batch_size=64, clip_norm=clip_norm,
    )  # fmt: skip
    require_equal(values["params"], expected)
    assert values["losses"].tolist() == losses


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: next(iter(schedule)))
def test_each_schedule_changes_the_rate_after_an_epoch(schedule: dict[str, Any]) -> None:
    made = recipe(
        {"optimizer": "adam", "lr": 0.02, "epochs": 4, "batch_size": 64, "schedule": schedule}
    )
    values = flowrun.run(made, record=False).values
    net = drawn_by_hand(made, lambda: NAMES["my_cnn"]((1, 8, 8), 2))
    ((name, settings),) = schedule.items()
    expected, _ = trained_by_hand(
        made, values, net, partial(torch.optim.Adam, lr=0.02), epochs=4, batch_size=64,
        scheduler_of=partial(getattr(torch.optim.lr_scheduler, name), **settings),
    )  # fmt: skip
    require_equal(values["params"], expected)


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_patience_counts_epochs_and_gives_the_best_parameters_and_buffers(p: float) -> None:
    made = recipe({"optimizer": "adam", "lr": 0.05, "epochs": 30, "batch_size": 32, "patience": 3},
                  p=p)  # fmt: skip
    values = flowrun.run(made, record=False).values
    net = drawn_by_hand(made, lambda: NAMES["my_cnn"]((1, 8, 8), 2, p=p))
    expected, losses = trained_by_hand(
        made, values, net, partial(torch.optim.Adam, lr=0.05), epochs=30, batch_size=32, patience=3
    )
    require_equal(values["params"], expected)
    assert values["losses"].tolist() == losses
    epochs = len(values["val_losses"])
    assert epochs < 30
    assert len(losses) == epochs * 5
    assert int(values["val_losses"].argmin()) == epochs - 4


def test_without_batches_an_epoch_is_one_update_on_all_rows() -> None:
    values = flowrun.run(recipe({"epochs": 7, "lr": 0.1}), record=False).values
    stepped = flowrun.run(recipe({"steps": 7, "lr": 0.1}), record=False).values
    assert values["losses"].shape == (7,)
    require_equal(values["params"], stepped["params"])
    assert int(values["params"]["bn.num_batches_tracked"]) == 7


def test_epochs_train_a_network_of_layers_too() -> None:
    steps = [
        {"random": {"X_train": {"randn": [90, 4]}, "y_train": {"randn": [90, 1]},
                    "X_val": {"randn": [30, 4]}, "y_val": {"randn": [30, 1]}}},
        {"init_params": {"layers": [8, 1], "scale": 0.1}},
        {"gd_train": {"epochs": 4, "batch_size": 40, "validate": True,
                      "schedule": {"StepLR": {"step_size": 2, "gamma": 0.5}}}},
    ]  # fmt: skip
    made = {"recipe": "r", "dtype": "float64", "steps": steps}
    found = {
        engine: flowrun.run(made, record=False, set={"gd_train.engine": engine}).values
        for engine in ("fused", "autograd")
    }
    assert found["fused"]["losses"].shape == (12,)
    assert found["fused"]["val_losses"].shape == (4,)
    for name in ("losses", "val_losses"):
        torch.testing.assert_close(found["fused"][name], found["autograd"][name])


def test_clipping_is_left_to_the_loop() -> None:
    steps = [
        {"random": {"X_train": {"randn": [90, 4]}, "y_train": {"randn": [90, 1]}}},
        {"init_params": {"layers": [1]}},
        {"gd_train": {"clip_norm": 0.1, "steps": 5, "lr": 1.0}},
    ]
    made = {"recipe": "r", "steps": steps}
    values = flowrun.run(made, record=False).values
    unclipped = flowrun.run(made, record=False, set={"gd_train.clip_norm": None}).values
    assert not torch.equal(values["params"]["W1"], unclipped["params"]["W1"])
    for engine in ("spectral", "moments", "fused"):
        with pytest.raises(StepError, match="the gradient is clipped"):
            flowrun.run(made, record=False, set={"gd_train.engine": engine})


@pytest.mark.parametrize("engine", ["spectral", "moments", "fused", "numba"])
def test_other_engines_say_that_the_model_is_a_module(engine: str) -> None:
    with pytest.raises(StepError, match=r"the model is a torch\.nn\.Module"):
        flowrun.run(recipe({"engine": engine, "steps": 2}), record=False)


def test_tokens_are_rows_and_numbers_are_targets() -> None:
    steps: list[Any] = [
        {"random": {"a": {"rand": [60, 5]}, "y_train": {"randn": [60, 1]}}},
        {"compute": {"b": "a * 27"}},
        {"cast": {"b": "int64"}, "out": {"b": "X_train"}},
        {"init_params": {"model": "letters"}},
        {"gd_train": {"epochs": 2, "batch_size": 16, "lr": 0.1}},
        {"evaluate": {"metrics": ["mse"]}, "in": {"X_val": "X_train", "y_val": "y_train"}},
        {"predict": {"batch_size": 7}, "in": {"data": "X_train"}},
    ]
    made = {"recipe": "r", "plugins": ["./cnn.py"], "dtype": "float64", "steps": steps}
    assert flowrun.check(made).ok
    values = flowrun.run(made, record=False).values
    assert values["model"]["outputs"] == 1
    assert values["y_hat"].shape == (60, 1)
    assert {value.dtype for value in values["params"].values()} == {torch.float64}
    error = (values["y_hat"] - values["y_train"]).square().mean()
    assert values["metrics"]["mse"] == pytest.approx(float(error))


def test_the_number_of_classes_is_that_of_the_targets() -> None:
    made = recipe({"steps": 1})
    del made["steps"][3]["init_params"]["outputs"]
    assert flowrun.run(made, record=False).values["model"]["outputs"] == 2


def test_a_tolerance_compares_epochs_as_a_whole() -> None:
    training = {"epochs": 9, "batch_size": 40, "lr": 1e-9, "validate": True, "tolerance": 10.0}
    values = flowrun.run(recipe(training), record=False).values
    assert len(values["val_losses"]) == 2
    assert len(values["losses"]) % 2 == 0
    first, second = values["losses"].view(2, -1).mean(1)
    change = abs(float(first) - float(second))
    less = flowrun.run(recipe({**training, "tolerance": change / 2}), record=False).values
    assert len(less["val_losses"]) > 2


@pytest.mark.parametrize("engine", ["autograd", "fused"])
def test_a_tolerance_never_stops_a_network_within_its_first_epoch(engine: str) -> None:
    made = {"recipe": "r", "steps": [
        {"random": {"X": {"randn": [50, 3]}, "y": {"randn": [50, 1]}}},
        {"init_params": {"layers": [4, 1]}, "in": {"X_train": "X", "y_train": "y"}},
        {"gd_train": {"epochs": 5, "batch_size": 10, "tolerance": 100.0, "validate": True,
                      "engine": engine},
         "in": {"X_train": "X", "y_train": "y", "X_val": "X", "y_val": "y"}},
    ]}  # fmt: skip
    values = flowrun.run(made, record=False).values
    assert (len(values["losses"]), len(values["val_losses"])) == (10, 2)


def test_epochs_and_steps_do_not_go_together() -> None:
    with pytest.raises(RecipeError, match="`epochs` and `steps` both say how long to train"):
        flowrun.plan(recipe({"epochs": 2, "steps": 5}))


def test_predicting_in_batches_gives_all_rows_in_eval_mode() -> None:
    made = recipe({"epochs": 2, "batch_size": 50}, {"predict": {"batch_size": 7}, "in": {
        "data": "X_train"}})  # fmt: skip
    values = flowrun.run(made, record=False).values
    net = NAMES["my_cnn"]((1, 8, 8), 2)
    net.load_state_dict(values["params"])
    net.eval()
    with torch.no_grad():
        expected = torch.cat([net(rows) for rows in values["X_train"].split(7)])
    assert torch.equal(values["y_hat"], expected)


def test_metrics_are_of_eval_mode_and_do_not_depend_on_the_batches() -> None:
    score = {"evaluate": {"metrics": ["accuracy", "cross_entropy"]}}
    made = recipe({"epochs": 2, "batch_size": 50}, score)
    values = flowrun.run(made, record=False).values
    net = NAMES["my_cnn"]((1, 8, 8), 2)
    net.load_state_dict(values["params"])
    net.eval()
    with torch.no_grad():
        right = net(values["X_val"]).argmax(1) == values["y_val"].flatten()
    assert values["metrics"]["accuracy"] == float(right.double().mean())
    few = flowrun.run(made, record=False, set={"evaluate.batch_size": 9}).values["metrics"]
    assert few == pytest.approx(values["metrics"])


COUNTED = """
import torch
from flowrun import hookimpl, step
from flowrun_tensors import Model

loads = []

class Counted(torch.nn.Linear):
    def load_state_dict(self, *given, **keywords):
        loads.append(1)
        return super().load_state_dict(*given, **keywords)

@hookimpl
def flowrun_tensors_models():
    return [Model.of_module("counted", lambda features, outputs: Counted(*features, outputs))]

@step(outputs="count")
def loaded(y_hat):
    count = len(loads)
    loads.clear()
    return count
"""


def test_the_state_of_a_module_is_loaded_once_for_all_batches_of_rows() -> None:
    Path("counted.py").write_text(COUNTED)
    made = {"recipe": "r", "plugins": ["./counted.py"], "steps": [
        {"random": {"X": {"randn": [5000, 3]}, "y": {"randn": [5000, 2]}}},
        {"init_params": {"model": "counted"}, "in": {"X_train": "X", "y_train": "y"}},
        {"gd_train": {"steps": 4, "validate": True}, "in": {
            "X_train": "X", "y_train": "y", "X_val": "X", "y_val": "y"}},
        {"loaded": {}, "in": {"y_hat": "losses"}, "out": {"count": "in_training"}},
        {"predict": {}, "in": {"data": "X", "mean": None, "std": None}},
        {"loaded": {}, "out": {"count": "in_predict"}},
    ]}  # fmt: skip
    values = flowrun.run(made, record=False).values
    # However many updates and batches: two to try X_train and X_val, and one to begin.
    assert (values["in_training"], values["in_predict"]) == (3, 1)
    by_hand = values["X"] @ values["params"]["weight"].T + values["params"]["bias"]
    torch.testing.assert_close(values["y_hat"], by_hand)
