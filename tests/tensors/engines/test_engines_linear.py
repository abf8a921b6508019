"""The engines `spectral` and `moments` walk the path of the loop, without walking it."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from flowrun_tensors.engines.iterated import iterated
from flowrun_tensors.engines.spectral import spectral
from tests.tensors.engines.linear_descents import (
    Problem,
    Schedule,
    assert_path,
    counts,
    exhaustively,
    fractions,
    in_dtype,
    largest_lr,
    loop,
    off,
    optimised,
    problem,
    problems,
    with_ones,
)


@pytest.mark.campaign
@exhaustively
@given(problems, fractions, counts)
def test_spectral_in_float64_is_the_loop_to_1e_9(
    given: Problem, fraction: float, steps: int
) -> None:
    lr = fraction * largest_lr(given)
    assert_path(spectral(*given, lr=lr, steps=steps), *loop(given, lr, steps), within=1e-9)


@pytest.mark.campaign
@exhaustively
@given(
    problems,
    fractions,
    counts,
    st.sampled_from([0.0, 0.5, 0.9, 0.99]),
    st.booleans(),
    st.sampled_from([0.0, 1e-4, 0.3]),
)
def test_moments_in_float64_is_torch_optim_sgd_to_1e_9(
    given: Problem, fraction: float, steps: int, momentum: float, nesterov: bool, decay: float
) -> None:
    nesterov = nesterov and momentum > 0
    lr = 0.5 * fraction / (1 / largest_lr(given) + decay / 2)
    options: dict[str, Any] = {"momentum": momentum, "nesterov": nesterov, "weight_decay": decay}
    params, losses, lrs = optimised(given, steps, lr=lr, **options)
    assert_path(iterated(*given, lrs=lrs, **options), params, losses, within=1e-9)
    if not momentum:
        found = spectral(*given, lr=lr, steps=steps, weight_decay=decay)
        assert_path(found, params, losses, within=1e-9)


SCHEDULES: dict[str, Schedule] = {
    "step": lambda optimizer: lr_scheduler.StepLR(optimizer, 30, 0.3),
    "exponential": lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.99),
    "cosine": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 100),
    "linear": lambda optimizer: lr_scheduler.LinearLR(optimizer, 0.01, 1.0, 50),
    "cyclic": lambda optimizer: lr_scheduler.CyclicLR(
        optimizer, 1e-3, 0.1, 20, cycle_momentum=False
    ),
}


@pytest.mark.campaign(pairs=True)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES.keys())
@pytest.mark.parametrize("steps", [7, 3000])
def test_moments_follows_the_schedules_of_torch(
    schedule: Schedule, momentum: float, steps: int
) -> None:
    given = problem(0, 60, 5, 2)
    params, losses, lrs = optimised(given, steps, schedule, lr=0.1, momentum=momentum)
    found = iterated(*given, lrs=lrs, momentum=momentum)
    assert_path(found, params, losses, within=1e-9)


@pytest.mark.campaign(every=4, kind=lambda seed, n, d, k: n)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("n", "d", "k"), [(1000, 11, 1), (300, 4, 3), (50, 1, 1), (200, 30, 2)])
def test_in_float32_the_engines_are_the_loop_to_1e_5(seed: int, n: int, d: int, k: int) -> None:
    given = in_dtype(problem(seed, n, d, k), torch.float32)
    params, losses = loop(given, 0.1, 1000)
    for found in (spectral(*given, lr=0.1, steps=1000), iterated(*given, lrs=[0.1] * 1000)):
        assert off(found.losses / losses, torch.ones(1000)) < 1e-5
        assert max(off(found.params[name], params[name]) for name in params) < 1e-5


@pytest.mark.campaign
@exhaustively
@given(problems, fractions, counts)
def test_in_float32_the_engines_are_no_further_off_the_exact_path_than_the_loop(
    given: Problem, fraction: float, steps: int
) -> None:
    single = in_dtype(given, torch.float32)
    exact = in_dtype(single, torch.float64)
    # The learning rate as well is that of float32.
    lr = float(np.float32(fraction * largest_lr(exact)))
    params, losses = loop(exact, lr, steps)
    single_params, single_losses = loop(single, lr, steps)
    for found in (spectral(*single, lr=lr, steps=steps), iterated(*single, lrs=[lr] * steps)):
        assert off(found.losses, losses) <= off(single_losses, losses) + 2e-7
        for name, value in params.items():
            assert off(found.params[name], value) <= off(single_params[name], value) + 2e-7


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_ten_million_steps_end_at_the_optimum(weight_decay: float) -> None:
    X, y, params = problem(3, 100, 5, 2)
    found = spectral(X, y, params, lr=0.01, steps=10**7, weight_decay=weight_decay)
    inputs = with_ones(X)
    # The gradient is zero: 2 Z'(Z theta - y) / (n k) + weight_decay theta = 0.
    ridge = inputs.T @ inputs + y.numel() * weight_decay / 2 * torch.eye(6, dtype=X.dtype)
    optimum = torch.linalg.solve(ridge, inputs.T @ y)
    assert off(torch.vstack([found.params["W1"], found.params["b1"]]), optimum) < 1e-12
    expected = float((inputs @ optimum - y).square().mean())
    assert found.losses.shape == (10**7,)
    assert found.losses[-1].item() == pytest.approx(expected, rel=1e-12)


def test_a_long_descent_with_slow_coordinates_is_still_the_loop() -> None:
    X, y, params = problem(5, 100, 4, 1)
    given = X * torch.tensor([0.003, 0.03, 0.3, 1.0], dtype=X.dtype), y, params
    expected = loop(given, 0.5, 8000)
    assert_path(spectral(*given, lr=0.5, steps=8000), *expected, within=1e-9)
    assert_path(iterated(*given, lrs=[0.5] * 8000), *expected, within=1e-9)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_results_are_of_the_dtype_of_what_was_given_and_share_no_memory(dtype: torch.dtype) -> None:
    X, y, params = in_dtype(problem(1, 40, 3, 2), dtype)
    before = {name: value.clone() for name, value in params.items()}
    for found in (
        spectral(X, y, params, lr=0.1, steps=20),
        iterated(X, y, params, lrs=[0.1] * 20),
    ):
        assert found.losses.dtype == dtype
        assert list(found.params) == list(params)
        storages = {value.untyped_storage().data_ptr() for value in found.params.values()}
        assert len(storages) == 2
        for name, value in found.params.items():
            assert value.dtype == dtype
            assert params[name].equal(before[name])
            assert not value.equal(before[name])


def test_ten_million_small_steps_are_as_exact_as_one() -> None:
    X = torch.tensor([[1e-3], [-1e-3]], dtype=torch.float64)
    y = torch.tensor([[1e-3], [-1e-3]], dtype=torch.float64)
    params = {
        "W1": torch.zeros(1, 1, dtype=torch.float64),
        "b1": torch.zeros(1, dtype=torch.float64),
    }
    found = spectral(X, y, params, lr=0.5, steps=10**7)
    # Each step takes W a millionth of the way to 1.
    with localcontext(prec=40):
        rate = Decimal("0.5") * 2 * Decimal("1e-3") ** 2
        left = (1 - rate) ** (10**7 - 1)
        weight = float(1 - left * (1 - rate))
        loss = float((Decimal("1e-3") * left) ** 2)
    assert float(found.params["W1"]) == pytest.approx(weight, rel=1e-14, abs=0)
    assert float(found.losses[-1]) == pytest.approx(loss, rel=1e-13, abs=0)


@pytest.mark.parametrize("seed", range(20))
def test_a_loss_that_falls_by_ten_orders_in_a_step_is_exact_before_and_after(seed: int) -> None:
    given = problem(seed, 20, 8, 2, "mean 1e5")
    lr = 0.5 * largest_lr(given)
    losses = loop(given, lr, 3)[1]
    assert losses[1] < 1e-6 * losses[0]
    for found in (spectral(*given, lr=lr, steps=3), iterated(*given, lrs=[lr] * 3)):
        assert float((found.losses / losses - 1).abs().max()) < 1e-10


@pytest.mark.campaign(every=4)
@pytest.mark.parametrize("seed", range(20))
def test_a_close_fit_with_weight_decay_and_fewer_rows_than_columns_is_exact(seed: int) -> None:
    given = problem(seed, 3, 8, 1)
    lr = 0.9 * largest_lr(given)
    options: dict[str, Any] = {"momentum": 0.9, "weight_decay": 1e-3}
    losses, lrs = optimised(given, 1000, lr=lr, **options)[1:]
    assert losses[-1] < 1e-5 * losses[0]
    found = iterated(*given, lrs=lrs, **options)
    assert float((found.losses / losses - 1).abs().max()) < 1e-9
