"""Steps that need rows, and get none or such that give nan: errors, not numbers."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

import flowrun
from flowrun import StepError

ENGINES = ["auto", "spectral", "moments", "fused", "autograd"]
ENGINES += ["numba"] if find_spec("numba") else []


def recipe(rows: int, val_rows: int = 5, *, of_classes: bool = False, **options: Any) -> Any:
    targets = {"randint": [rows], "high": 2} if of_classes else {"randn": [rows, 1]}
    val_targets = {"randint": [val_rows], "high": 2} if of_classes else {"randn": [val_rows, 1]}
    return {
        "recipe": "r",
        "steps": [
            {"random": {"X_train": {"randn": [rows, 3]}, "y_train": targets}},
            {"random": {"X_val": {"randn": [val_rows, 3]}, "y_val": val_targets}, "id": "val"},
            {"init_params": {"layers": [2 if of_classes else 1]}, "in": {"y_train": None}},
            {"gd_train": {"steps": 5, **options}},
        ],
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_no_engine_trains_on_no_rows(engine: str) -> None:
    with pytest.raises(StepError, match=r"`X_train` has no rows: its shape is \(0, 3\)"):
        flowrun.run(recipe(0, engine=engine), record=False)


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 1}, {"optimizer": "lbfgs"}, {"loss": "cross_entropy"}, {"tolerance": 0.1}],
)
def test_no_training_takes_no_rows(options: dict[str, Any]) -> None:
    of_classes = options.get("loss") == "cross_entropy"
    with pytest.raises(StepError, match="`X_train` has no rows"):
        flowrun.run(recipe(0, of_classes=of_classes, **options), record=False)


@pytest.mark.parametrize("engine", ["auto", "fused", "autograd"])
@pytest.mark.parametrize("options", [{"patience": 1}, {"validate": True}])
def test_no_training_validates_with_no_rows(options: dict[str, Any], engine: str) -> None:
    with pytest.raises(StepError, match="`X_val` has no rows"):
        flowrun.run(recipe(9, 0, engine=engine, **options), record=False)


@pytest.mark.parametrize("engine", ["auto", "fused", "autograd"])
@pytest.mark.parametrize("options", [{"patience": 1}, {"validate": True}])
@pytest.mark.parametrize("name", ["X_val", "y_val"])
def test_a_loss_on_validation_rows_that_is_nan_is_an_error(
    name: str, options: dict[str, Any], engine: str
) -> None:
    made = recipe(9, 4, engine=engine, **options)
    made["steps"].insert(2, {"compute": {name: f"({name} - {name}) / 0"}})
    with pytest.raises(StepError, match="loss on X_val is nan before update 1"):
        flowrun.run(made, record=False)


def test_a_training_that_diverges_says_so_although_the_validation_diverges_with_it() -> None:
    made = recipe(9, 4, lr=100.0, patience=300, steps=300, engine="autograd")
    with pytest.raises(StepError, match="the loss stopped being finite"):
        flowrun.run(made, record=False)


def test_a_condition_that_selects_no_rows_ends_the_run() -> None:
    steps: list[Any] = [
        {"load": {"source": "wine-red"}},
        {"compute": {"data": "data[data[:, -1] > 8]"}},
        {"compute": {"X_train": "data[:, :-1]", "y_train": "data[:, -1:]"}, "id": "parts"},
        {"init_params": {"layers": [8, 1]}},
        {"gd_train": {"steps": 100}},
    ]
    made = {"recipe": "zero", "steps": steps, "expect": {"losses[-1]": {"below": 0.5}}}
    with pytest.raises(StepError, match=r"`X_train` has no rows: its shape is \(0, 11\)"):
        flowrun.run(made, record=False)


def test_a_check_sees_that_there_are_no_rows() -> None:
    report = flowrun.check(recipe(0))
    assert [step.state for step in report.steps] == ["fits", "fits", "fits", "fails"]
    assert "`X_train` has no rows" in str(report.errors[0])


def evaluated(rows: int, change: dict[str, str], metrics: list[str] | None = None) -> Any:
    of_classes = bool(metrics)
    made = recipe(9, rows, of_classes=of_classes)
    made["steps"][-1] = {"compute": change or {"unused": "X_val"}}
    return {
        **made,
        "steps": [*made["steps"], {"evaluate": {"metrics": metrics} if metrics else {}}],
    }


@pytest.mark.parametrize("metrics", [None, ["accuracy"], ["cross_entropy"]])
def test_no_rows_are_not_evaluated(metrics: list[str] | None) -> None:
    with pytest.raises(StepError, match="`X_val` has no rows"):
        flowrun.run(evaluated(0, {}, metrics), record=False)


@pytest.mark.parametrize("metrics", [None, ["mae"]])
@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"X_val": "X_val / 0"}, r"predictions are not finite.*`X_val` has -?inf at \[0, 0\]"),
        (
            {"X_val": "(X_val - X_val) / 0"},
            r"predictions are not finite.*`X_val` has nan at \[0, 0\]",
        ),
        (
            {"y_val": "(y_val - y_val) / 0"},
            r"targets are not finite.*`y_val` has nan at \[0, 0\]",
        ),
        ({"X_val": "X_val * 3e38 * 10 / 10", "y_val": "y_val"}, "predictions are not finite"),
    ],
)
def test_predictions_and_targets_that_are_not_finite_are_not_evaluated(
    change: dict[str, str], found: str, metrics: list[str] | None
) -> None:
    made = evaluated(4, change)
    made["steps"][-1] = {"evaluate": {"metrics": metrics} if metrics else {}}
    with pytest.raises(StepError, match=found):
        flowrun.run(made, record=False)


def test_classes_of_predictions_that_are_nan_are_not_counted() -> None:
    with pytest.raises(StepError, match="predictions are not finite"):
        flowrun.run(evaluated(4, {"X_val": "(X_val - X_val) / 0"}, ["accuracy"]), record=False)


def test_what_needs_no_rows_does_without() -> None:
    made = recipe(9, 0)
    made["steps"] += [{"predict": {}, "in": {"data": "X_val", "mean": None, "std": None}},
                      {"shuffle": {}, "in": {"data": "X_val"}, "out": {"data": "shuffled"}},
                      {"normalize": {}}]  # fmt: skip
    values = flowrun.run(made, record=False).values
    assert values["y_hat"].shape == (0, 1)
    assert values["shuffled"].shape == values["X_val"].shape == (0, 3)
