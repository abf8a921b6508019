"""What every engine of `gd_train` takes, and how near to the loop it stays, at the ends of both."""

from __future__ import annotations

import re
import tracemalloc
from importlib.util import find_spec
from typing import Any

import pytest
import torch

import flowrun
from flowrun_tensors.schedules import learning_rates
from flowrun_tensors.training import Descent
from tests.tensors.steps.test_gd_train import recipe, said, trained

NUMBA = ["numba"] if find_spec("numba") else []
ENGINES = ["autograd", "fused", *NUMBA]
LINEAR = ["spectral", "moments", *ENGINES]


def of_given(X: torch.Tensor, y: torch.Tensor, engine: str, layers: list[int]) -> Any:
    """The parameters trained on these rows."""
    made = recipe(layers, engine=engine)
    made["steps"].pop(0)
    given = {"X_train": X, "y_train": y}
    return flowrun.run(made, record=False, given=given).values["params"]


@pytest.mark.parametrize("engine", LINEAR)
@pytest.mark.parametrize("kind", ["requires_grad", "inference"])
def test_rows_of_any_kind_train_as_plain_ones(kind: str, engine: str) -> None:
    layers = [1] if engine in ("spectral", "moments") else [5, 1]
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(40, 4, dtype=torch.float64, generator=generator)
    y = torch.randn(40, 1, dtype=torch.float64, generator=generator)
    expected = of_given(X, y, engine, layers)
    if kind == "inference":
        with torch.inference_mode():
            X, y = X.clone(), y.clone()
    else:
        X, y = X.clone().requires_grad_(), y.clone().requires_grad_()
    found = of_given(X, y, engine, layers)
    assert {name: value.tolist() for name, value in found.items()} == {
        name: value.tolist() for name, value in expected.items()
    }
    assert not any(value.requires_grad or value.is_inference() for value in found.values())
    assert X.grad is None


@pytest.mark.parametrize("kind", ["requires_grad", "inference"])
def test_validation_rows_of_any_kind_are_taken(kind: str) -> None:
    made = recipe([5, 1], validate=True)
    X, y = torch.randn(9, 4, dtype=torch.float64), torch.randn(9, 1, dtype=torch.float64)
    expected = flowrun.run(made, record=False, given={"X_val": X, "y_val": y}).values["val_losses"]
    if kind == "inference":
        with torch.inference_mode():
            X, y = X.clone(), y.clone()
    else:
        X, y = X.clone().requires_grad_(), y.clone().requires_grad_()
    found = flowrun.run(made, record=False, given={"X_val": X, "y_val": y}).values["val_losses"]
    assert torch.equal(found, expected)


@pytest.mark.parametrize("engine", ["fused", *NUMBA])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "maximum"])
@pytest.mark.parametrize("scale", [1e-3, 1e-6, 1e-9])
def test_small_activations_keep_their_digits(engine: str, activation: str, scale: float) -> None:
    """Adam divides a gradient by its size, so that the digits of a small one show."""
    found, expected = (
        _first_steps(engine=one, activation=activation, scale=scale) for one in (engine, "autograd")
    )
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-4)


def _first_steps(engine: str, activation: str, scale: float) -> dict[str, torch.Tensor]:
    made = recipe([8, 1], "float32", engine=engine, optimizer="adam", lr=0.01, steps=20)
    made["steps"][1]["init_params"] |= {"scale": scale, "activation": activation}
    params: dict[str, torch.Tensor] = flowrun.run(made, record=False).values["params"]
    return params


@pytest.mark.parametrize("momentum", [0.0, 1e-9])
def test_tolerance_near_the_largest_rate_is_left_to_the_loop(momentum: float) -> None:
    """There the loss stays as it is while parameters jump from side to side, step by step."""
    made = recipe([1], "float32", lr=0.01, momentum=momentum)
    values = flowrun.run(made, record=False).values
    X = torch.cat([values["X_train"], torch.ones(len(values["X_train"]), 1)], 1).double()
    largest = 2 / float(torch.linalg.eigvalsh(2 * X.T @ X / len(X))[-1])
    options = {"lr": largest, "steps": 3000, "tolerance": 1e-7, "momentum": momentum}
    expected = trained([1], "float32", engine="autograd", **options)
    for engine in ("spectral", "moments"):
        if engine == "moments" or not momentum:
            with pytest.raises(flowrun.StepError, match="rounding alone decides at which step"):
                trained([1], "float32", engine=engine, **options)
    found = trained([1], "float32", **options)
    assert "engine fused" in said(found)
    last = expected.values["losses"][-1]
    torch.testing.assert_close(found.values["losses"][-1], last, rtol=1e-3, atol=0)


def test_a_tolerance_within_the_rounding_of_the_loss_is_told() -> None:
    text = "tolerance is within the rounding of the loss"
    assert text in said(trained([1], "float32", lr=0.1, steps=3000, tolerance=1e-7))
    assert text in said(trained([4, 1], "float32", lr=0.1, steps=9000, tolerance=1e-6))
    assert text not in said(trained([1], "float32", lr=0.1, steps=3000, tolerance=1e-3))
    assert text not in said(
        trained([1], "float32", lr=0.1, steps=3000, tolerance=1e-7, engine="autograd")
    )


@pytest.mark.parametrize("engine", ["moments", "fused", "autograd"])
def test_a_descent_that_diverged_on_its_way_is_warned_of(engine: str) -> None:
    schedule = {"StepLR": {"step_size": 12, "gamma": 0.5}}
    result = trained([1], lr=1.5, steps=400, schedule=schedule, engine=engine)
    (warning,) = result.record["warnings"]
    assert re.search(r"the loss grew from \S+ to \S+e\+\d\d at step 25: .* diverged there", warning)
    assert float(result.values["losses"][-1]) < float(result.values["losses"][0])


def test_a_descent_that_converges_is_not_warned_of() -> None:
    assert trained([1]).record["warnings"] == []


@pytest.mark.parametrize("engine", LINEAR)
def test_losses_take_the_memory_of_the_steps_taken(engine: str) -> None:
    layers = [1] if engine in ("spectral", "moments") else [5, 1]
    losses = trained(layers, engine=engine, steps=100_000, tolerance=1e-3).values["losses"]
    assert len(losses) < 1000
    assert losses.untyped_storage().nbytes() == losses.nbytes


def test_validation_losses_take_the_memory_of_the_steps_taken() -> None:
    made = recipe([5, 1], patience=1, steps=100_000, lr=0.5)
    made["steps"][0]["random"] |= {"X_val": {"randn": [9, 4]}, "y_val": {"randn": [9, 1]}}
    losses = flowrun.run(made, record=False).values["val_losses"]
    assert losses.untyped_storage().nbytes() == losses.nbytes


@pytest.mark.parametrize("engine", ["moments", "fused", "autograd"])
def test_a_constant_rate_takes_no_memory_for_each_step(engine: str) -> None:
    layers, steps = ([1] if engine == "moments" else [5, 1]), 3_000_000
    trained(layers, engine=engine, momentum=0.5)  # what is imported and compiled once
    tracemalloc.start()
    trained(layers, engine=engine, steps=steps, tolerance=1e-2, momentum=0.5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < steps  # a list of them would take 8 bytes a step


def test_the_rates_of_a_schedule_take_8_bytes_each() -> None:
    rates = learning_rates(0.5, 1000, {"StepLR": {"step_size": 400}})
    assert rates is not None
    assert memoryview(rates).nbytes == 8000  # type: ignore[arg-type]
    assert list(rates) == [0.5] * 400 + [0.05] * 400 + [pytest.approx(0.005)] * 200
    assert Descent(0.5, 1000, None, 0.0, lrs=rates).rate(401) == 0.05
