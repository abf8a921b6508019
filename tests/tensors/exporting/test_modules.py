"""The script of a recipe that trains a torch.nn.Module reads like a person's, and has its bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import flowrun
from flowrun import FlowrunError
from flowrun_tensors.exporting import export_plan
from tests.tensors.exporting.scripts import Python, assert_reads_like_code, hold_to_runs
from tests.tensors.modules.by_hand import CNN, recipe

SCORE = {"evaluate": {"metrics": ["accuracy", "cross_entropy"], "batch_size": 9}}
GUESS = {"predict": {}, "in": {"data": "X_val"}}
TRAININGS: list[dict[str, Any]] = [
    {"steps": 7},
    {"steps": 7, "batch_size": 40, "validate": True, "momentum": 0.5},
    {"steps": 30, "batch_size": 40, "patience": 4, "lr": 0.2, "optimizer": "adam"},
    {"epochs": 3, "optimizer": "lbfgs", "clip_norm": 0.2},
    {"epochs": 4, "batch_size": 40, "optimizer": "nadam", "clip_norm": 0.2,
     "schedule": {"StepLR": {"step_size": 2}}},
    {"epochs": 9, "batch_size": 40, "optimizer": "rmsprop", "patience": 2},
    {"epochs": 3, "batch_size": 40, "weight_decay": 0.1, "validate": True},
]  # fmt: skip


def test_scripts_of_modules_have_the_bits_of_the_run(torch_alone: Python, tmp_path: Path) -> None:
    Path("cnn.py").write_text(CNN)
    recipes = {}
    for number, training in enumerate(TRAININGS):
        for dtype in ("float32", "float64"):
            made = recipe(training, SCORE, GUESS, width=3) | {"dtype": dtype}
            recipes[f"r{number}_{dtype}"] = made
    del recipes["r0_float32"]["steps"][3]["init_params"]["outputs"]  # known by the classes
    hold_to_runs(torch_alone, recipes, tmp_path / "scripts")
    assert_reads_like_code(tmp_path / "scripts")


def test_a_script_of_saved_parameters_makes_the_module_again(
    with_numpy: Python, tmp_path: Path
) -> None:
    Path("cnn.py").write_text(CNN)
    save = {"save": {"to": "out/cnn", "values": ["params", "model", "X_val", "y_val"]}}
    flowrun.run(recipe({"epochs": 2, "batch_size": 40}, save), record=False)
    load = {"load": {"source": "out/cnn", "values": ["params", "model", "X_val", "y_val"]}}
    made = {"recipe": "score", "plugins": ["./cnn.py"], "steps": [load, SCORE, GUESS]}
    hold_to_runs(with_numpy, {"score": made}, tmp_path / "scripts")


def test_a_tolerance_in_batches_of_an_epoch_has_no_form() -> None:
    Path("cnn.py").write_text(CNN)
    made = recipe({"epochs": 2, "batch_size": 40, "tolerance": 0.1})
    with pytest.raises(FlowrunError, match="`tolerance` has no form"):
        export_plan(flowrun.plan(made))


def test_a_class_as_a_factory_has_no_form() -> None:
    lambda_made = CNN.replace('Model.of_module("my_cnn", my_cnn)', 'Model.of_module("my_cnn", Net)')
    Path("cnn.py").write_text(lambda_made)
    with pytest.raises(FlowrunError, match="is no function"):
        export_plan(flowrun.plan(recipe({"epochs": 2})))
