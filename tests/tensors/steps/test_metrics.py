"""The metrics of `evaluate`, against sums that Python makes of exact numbers."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
import torch

import flowrun


def metrics(
    y_hat: list[list[float]], y: list[list[float]], dtype: str = "float32", **options: Any
) -> dict[str, float]:
    """The metrics of these predictions: those of one layer that gives what it takes."""
    width = len(y_hat[0])
    eye = [[float(row == column) for column in range(width)] for row in range(width)]
    made = {
        "recipe": "r",
        "dtype": dtype,
        "steps": [
            {"tensor": {"X_val": y_hat, "y_val": y, "W1": eye, "b1": [0.0] * width}},
            {"evaluate": options, "in": {"params": "params"}},
        ],
    }
    params = {"W1": torch.tensor(eye), "b1": torch.zeros(width)}
    params = {name: value.to(getattr(torch, dtype)) for name, value in params.items()}
    found: dict[str, float] = flowrun.run(made, record=False, given={"params": params}).values[
        "metrics"
    ]
    return found


def exact(y_hat: torch.Tensor, y: torch.Tensor) -> dict[str, float]:
    """The same by rational numbers."""
    hats, ys = ([[Fraction(x) for x in row] for row in t.double().tolist()] for t in (y_hat, y))
    pairs = [
        (h, t) for hat, row in zip(hats, ys, strict=True) for h, t in zip(hat, row, strict=True)
    ]
    mse = sum((h - t) ** 2 for h, t in pairs) / len(pairs)
    means = [sum(column) / len(ys) for column in zip(*ys, strict=True)]
    total = sum((t - mean) ** 2 for row in ys for t, mean in zip(row, means, strict=True))
    return {
        "mae": float(sum(abs(h - t) for h, t in pairs) / len(pairs)),
        "mse": float(mse),
        "rmse": float(mse) ** 0.5,
        "r2": float(1 - mse * len(pairs) / total),
    }


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize(
    ("offset", "scale"), [(0.0, 1.0), (300.0, 1.0), (2000.0, 9.0), (0.0, 400.0)]
)
def test_metrics_have_the_digits_of_float64(dtype: str, offset: float, scale: float) -> None:
    generator = torch.Generator().manual_seed(0)
    kind = getattr(torch, dtype)
    y = (offset + scale * torch.randn(50, 2, generator=generator, dtype=torch.float64)).to(kind)
    y_hat = (y.double() + scale * torch.randn(50, 2, generator=generator)).to(kind)
    found = metrics(y_hat.double().tolist(), y.double().tolist(), dtype)
    assert found == pytest.approx(exact(y_hat, y), rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("constant", [0.1, 0.0, -7.3, 1000.1])
def test_r2_of_constant_targets_is_nan(dtype: str, constant: float) -> None:
    y_hat = [[constant + 0.01 * row] for row in range(997)]
    found = metrics(y_hat, [[constant]] * 997, dtype)
    assert math.isnan(found["r2"])
    assert found["mse"] > 0


def test_r2_of_perfect_predictions_is_one_and_of_the_mean_zero() -> None:
    y = [[0.1], [0.2], [0.6]]
    assert metrics(y, y, "float64")["r2"] == 1
    assert metrics([[0.3]] * 3, y, "float64")["r2"] == pytest.approx(0, abs=1e-15)


def test_cross_entropy_has_the_digits_of_float64() -> None:
    made: dict[str, Any] = {
        "recipe": "r",
        "steps": [
            {"tensor": {"X_val": [[12.0, -9.0], [0.1, 0.2]], "y_val": [0, 1]}},
            {"evaluate": {"metrics": ["cross_entropy", "accuracy"]}},
        ],
    }
    params = {"W1": torch.eye(2), "b1": torch.zeros(2)}
    found = flowrun.run(made, record=False, given={"params": params}).values["metrics"]
    numbers = torch.tensor([0.1, 0.2]).tolist()
    wanted = math.log1p(math.exp(-21)) + math.log1p(math.exp(numbers[0] - numbers[1]))
    assert found["cross_entropy"] == pytest.approx(wanted / 2, rel=1e-14)
    assert found["accuracy"] == 1
