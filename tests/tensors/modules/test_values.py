"""Modules that a plugin gives: what is checked, refused, saved and loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import flowrun
from flowrun import StepError
from tests.conftest import Flowrun
from tests.tensors.modules.by_hand import CNN, recipe, require_equal

MODULES = """
import torch
from flowrun import hookimpl
from flowrun_tensors import Model
from torch import nn


class Tied(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)
        self.second.weight = self.first.weight
        self.unused = nn.Linear(2, 2)
        self.frozen = nn.Linear(width, width).requires_grad_(False)
        self.register_buffer("mean", torch.zeros(width))

    def forward(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
        return self.frozen(self.second(self.first(x - self.mean)))


class Noted(nn.Linear):
    def get_extra_state(self):
        return {"note": 1}

    def set_extra_state(self, state):
        pass


def two_outputs(features, outputs):
    class Two(nn.Linear):
        def forward(self, x):
            return super().forward(x), x
    return Two(features[0], outputs)


MADE = {
    "tied": lambda features, outputs: Tied(features[0]),
    "narrow": lambda features, outputs: nn.Linear(features[0], outputs + 1),
    "wrong-width": lambda features, outputs: nn.Linear(features[0] + 1, outputs),
    "no-module": lambda features, outputs: 3,
    "no-parameters": lambda features, outputs: nn.Identity(),
    "noted": lambda features, outputs: Noted(features[0], outputs),
    "two-outputs": two_outputs,
    "lazy": lambda features, outputs: nn.Sequential(nn.LazyLinear(5), nn.LazyLinear(outputs)),
}


def plain(features, outputs, *, hidden=4):
    return nn.Sequential(nn.Linear(features[0], hidden), nn.Linear(hidden, outputs))


@hookimpl
def flowrun_tensors_models():
    modules = [Model.of_module(name, made) for name, made in MADE.items()]
    return [*modules, Model.of_module("plain", plain)]
"""


@pytest.fixture(autouse=True)
def _plugins() -> None:
    Path("cnn.py").write_text(CNN)
    Path("modules.py").write_text(MODULES)


def of(model: str, *more: object, **options: Any) -> dict[str, Any]:
    """A recipe that trains a module on a table of five columns with five targets."""
    return {"recipe": "r", "plugins": ["./modules.py"], "steps": [
        {"random": {"X_train": {"randn": [30, 5]}, "y_train": {"randn": [30, 5]}}},
        {"init_params": {"model": model, **options}, "out": {"params": "first"}},
        {"gd_train": {"epochs": 3, "batch_size": 8, "lr": 0.1}, "in": {"params": "first"}},
        *more,
    ]}  # fmt: skip


def test_tied_frozen_and_unused_parameters_and_new_buffers_are_as_torch_has_them() -> None:
    made = of("tied", {"save": {"to": "out"}})
    values = flowrun.run(made, record=False).values
    first, params = values["first"], values["params"]
    assert torch.equal(params["first.weight"], params["second.weight"])
    assert not torch.equal(params["first.weight"], first["first.weight"])
    for name in ("frozen.weight", "unused.weight"):
        assert torch.equal(params[name], first[name])
    assert float(params["mean"].abs().sum()) > 0
    loaded = {"recipe": "l", "steps": [{"load": {"source": "out", "values": ["params", "model"]}}]}
    require_equal(flowrun.run(loaded, record=False).values["params"], params)


def test_a_lazy_module_gets_its_shapes_from_the_rows() -> None:
    made = of("lazy")
    values = flowrun.run(made, record=False).values
    assert values["params"]["0.weight"].shape == (5, 5)
    assert flowrun.check(made).ok


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("narrow", "returns predictions of the shape (2, 6) for 2 rows, and it must be (rows, 5)"),
        ("wrong-width", "mat1 and mat2"),
        ("no-module", "returns a int, and it must return a torch.nn.Module"),
        ("no-parameters", "has no parameters to train"),
        ("noted", "has `_extra_state`, which is no tensor"),
        ("two-outputs", "returns a tuple, and it must return its predictions, one tensor"),
    ],
)
@pytest.mark.parametrize("command", ["check", "run"])
def test_a_module_that_is_no_model_is_refused(
    model: str, message: str, command: str, flowrun: Flowrun, tmp_path: Path
) -> None:
    (tmp_path / "r.yaml").write_text(json.dumps(of(model)))
    arguments = ["check", "r.yaml"] if command == "check" else ["r.yaml", "--no-check"]
    done = flowrun(*arguments)
    assert done.returncode == 3 if command == "run" else done.returncode
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_settings_that_the_factory_does_not_take_are_named() -> None:
    with pytest.raises(StepError, match="did you mean `hidden`"):
        flowrun.run(of("plain", settings={"hiden": 3}), record=False)


def test_settings_reach_the_factory() -> None:
    values = flowrun.run(of("plain", settings={"hidden": 3}), record=False).values
    assert values["params"]["0.weight"].shape == (3, 5)


def test_outputs_belong_to_modules() -> None:
    made = of("plain", outputs=5)
    del made["steps"][1]["init_params"]["model"]
    made["steps"][1]["init_params"]["layers"] = [5]
    with pytest.raises(flowrun.RecipeError, match=r"`outputs` is of a model that is a torch\.nn"):
        flowrun.plan(made)


def test_a_check_knows_the_shapes_of_a_module_and_of_its_predictions() -> None:
    made = recipe(
        {"epochs": 3, "batch_size": 64, "validate": True},
        {"predict": {"batch_size": 7}, "in": {"data": "X_train"}},
    )
    checked = flowrun.check(made)
    assert checked.ok
    assert all(step.state == "fits" for step in checked.steps)
    assert checked.steps[-1].outputs["y_hat"]["shape"] == (150, 2)
    losses = checked.steps[4].outputs
    assert (losses["losses"]["shape"], losses["val_losses"]["shape"]) == ((9,), (3,))


def test_rows_of_another_shape_are_named_in_a_check() -> None:
    made = recipe({"steps": 2}, {"predict": {}, "in": {"data": "wide"}})
    made["steps"][0]["random"]["wide"] = {"randn": [5, 1, 10, 8]}
    (found,) = flowrun.check(made).errors
    assert "was made for rows of the shape (1, 8, 8), and these have (1, 10, 8)" in str(found)


def test_what_was_saved_predicts_and_goes_on_training() -> None:
    made = recipe({"epochs": 2, "batch_size": 50}, {"predict": {}, "in": {"data": "X_val"}},
                  {"save": {"to": "out/cnn", "values": ["params", "model", "X_val"]}})  # fmt: skip
    values = flowrun.run(made, record=False).values
    loaded = {"recipe": "score", "plugins": ["./cnn.py"], "steps": [
        {"load": {"source": "out/cnn", "values": ["params", "model", "X_val"]}},
        {"predict": {}, "in": {"data": "X_val"}},
    ]}  # fmt: skip
    assert torch.equal(flowrun.run(loaded, record=False).values["y_hat"], values["y_hat"])


def test_parameters_of_another_module_are_refused() -> None:
    made = of("plain", settings={"hidden": 3})
    made["steps"].insert(2, {"init_params": {"model": "plain", "settings": {"hidden": 4}},
                             "out": {"params": "other"}})  # fmt: skip
    made["steps"][1]["out"] = {"params": "first", "model": "m"}
    with pytest.raises(StepError, match="the parameters are not those of the module of `plain`"):
        flowrun.run(made, record=False)


def test_a_module_whose_code_changed_is_drawn_and_trained_again(
    flowrun: Flowrun, tmp_path: Path
) -> None:
    (tmp_path / "r.yaml").write_text(json.dumps(of("plain")))
    assert "kept" not in flowrun("r.yaml").stdout
    assert "kept" in flowrun("r.yaml").stdout
    Path(tmp_path / "modules.py").write_text(
        MODULES.replace(
            "nn.Linear(features[0], hidden), nn", "nn.Linear(features[0], hidden, False), nn"
        )
    )
    lines = [line for line in flowrun("r.yaml").stdout.splitlines() if "  gd_train" in line]
    assert lines
    assert all("kept" not in line for line in lines)
