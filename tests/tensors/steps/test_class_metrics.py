"""Metrics of classes, each held to scikit-learn over random outputs and ties."""

from __future__ import annotations

from typing import Any

import pytest
import sklearn.metrics as known
import torch

from flowrun import FlowrunError
from flowrun.testing import run_step
from flowrun_tensors.steps.evaluate import evaluate

SEEDS = range(5)


def outputs_and_classes(seed: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs with many ties, and classes of which each has rows."""
    draw = torch.Generator().manual_seed(seed)
    y = torch.cat([torch.arange(classes), torch.randint(classes, (40,), generator=draw)])
    drawn = torch.randint(-3, 4, (len(y), classes), generator=draw).double() / 2
    return drawn, y


def measured(y_hat: torch.Tensor, y: torch.Tensor, *metrics: str) -> dict[str, Any]:
    """The metrics that `evaluate` gives of a layer that returns its rows."""
    width = y_hat.shape[1]
    params = {"W1": torch.eye(width).double(), "b1": torch.zeros(width).double()}
    found = run_step(
        evaluate, {"params": params, "X_val": y_hat, "y_val": y}, {"metrics": list(metrics)}
    )
    return found["metrics"]


def expected(shares: Any, places: Any, y: Any, classes: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "accuracy": known.accuracy_score(y, places),
        "balanced_accuracy": known.balanced_accuracy_score(y, places),
        "log_loss": known.log_loss(y, shares, labels=range(classes)),
        "confusion": known.confusion_matrix(y, places, labels=range(classes)).tolist(),
    }
    scores = {
        "precision": known.precision_score,
        "recall": known.recall_score,
        "f1": known.f1_score,
    }
    for name, score in scores.items():
        for average in ("macro", "micro"):
            found[f"{name}_{average}"] = score(y, places, average=average, zero_division=0)
        each = score(y, places, average=None, labels=range(classes), zero_division=0)
        found[f"{name}_per_class"] = each.tolist()
        if classes == 2:
            found[name] = score(y, places, zero_division=0)
    if classes == 2:
        found["roc_auc"] = known.roc_auc_score(y, shares[:, 1])
        found["average_precision"] = known.average_precision_score(y, shares[:, 1])
    else:
        found["roc_auc"] = known.roc_auc_score(y, shares, multi_class="ovr")
        each = [known.average_precision_score(y == one, shares[:, one]) for one in range(classes)]
        found["average_precision"] = sum(each) / classes
    return found


def require_equal(found: dict[str, Any], wanted: dict[str, Any], tolerance: float) -> None:
    assert found.pop("confusion") == wanted.pop("confusion")
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, rel=tolerance, abs=tolerance), name


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("seed", SEEDS)
def test_each_metric_is_that_of_scikit_learn(seed: int, classes: int) -> None:
    y_hat, y = outputs_and_classes(seed, classes)
    shares = y_hat.softmax(1)
    wanted = expected(shares.numpy(), y_hat.argmax(1).numpy(), y.numpy(), classes)
    found = measured(y_hat, y, *wanted)
    require_equal(found, wanted, 1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", [torch.int64, torch.float64])
def test_one_output_stands_for_two_classes(seed: int, dtype: torch.dtype) -> None:
    y_hat, y = outputs_and_classes(seed, 2)
    logits = y_hat[:, 1:]
    chance = logits.sigmoid()
    shares = torch.cat([1 - chance, chance], 1)
    wanted = expected(shares.numpy(), (logits[:, 0] > 0).long().numpy(), y.numpy(), 2)
    found = measured(logits, y.unsqueeze(1).to(dtype), *wanted)
    require_equal(found, wanted, 1e-9)


def test_a_ratio_of_three_classes_asks_for_a_mean() -> None:
    y_hat, y = outputs_and_classes(0, 3)
    with pytest.raises(FlowrunError, match="write f1_macro, f1_micro or f1_per_class"):
        measured(y_hat, y, "f1")


def test_a_ranking_of_one_class_alone_is_refused() -> None:
    y_hat, _ = outputs_and_classes(0, 2)
    with pytest.raises(FlowrunError, match="needs rows of class 1 and of others"):
        measured(y_hat, torch.zeros(len(y_hat), dtype=torch.int64), "roc_auc")
