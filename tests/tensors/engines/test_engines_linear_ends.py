"""The engines `spectral` and `moments` stop, and diverge, at the step at which the loop does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from flowrun import FlowrunError
from flowrun_tensors.engines.iterated import iterated
from flowrun_tensors.engines.results import Descended, DivergedError, NotCoveredError
from flowrun_tensors.engines.spectral import spectral
from tests.tensors.engines.linear_descents import (
    Params,
    Problem,
    assert_path,
    exhaustively,
    in_dtype,
    largest_lr,
    loop,
    optimised,
    problem,
    problems,
    with_ones,
)


def engines(given: Problem, lr: float, steps: int, tolerance: float) -> list[Descended]:
    return [
        spectral(*given, lr=lr, steps=steps, tolerance=tolerance),
        iterated(*given, lrs=[lr] * steps, tolerance=tolerance),
    ]


@pytest.mark.campaign
@exhaustively
@given(problems, st.sampled_from([0.01, 0.3, 0.95]), st.floats(-9, -1))
def test_in_float64_tolerance_stops_at_the_step_of_the_loop(
    given: Problem, fraction: float, exponent: float
) -> None:
    lr = fraction * largest_lr(given)
    _, y, _ = given
    tolerance = 10**exponent * float(y.square().mean())
    expected = loop(given, lr, 1200, tolerance)
    for found in engines(given, lr, 1200, tolerance):
        assert_path(found, *expected, within=1e-9)


@pytest.mark.campaign(every=4, kind=lambda seed, tolerance: tolerance)
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-4, 1e-5])
def test_in_float32_tolerance_stops_where_rounding_does_not_decide(
    seed: int, tolerance: float
) -> None:
    given = in_dtype(problem(seed, 100, 6, 1), torch.float32)
    losses = loop(given, 0.3, 400)[1].double()
    exact = loop(in_dtype(given, torch.float64), 0.3, 400)[1]
    # How far the loop's own rounding moves a change of the loss, and so which steps it may choose.
    noise = 2 * float((losses - exact).abs().max())
    changes = exact.diff().abs()
    earliest = int((changes < tolerance + noise).nonzero()[0]) + 2
    surely = (changes < tolerance - noise).nonzero()
    latest = int(surely[0]) + 2 if len(surely) else 400
    stopped = len(loop(given, 0.3, 400, tolerance)[1])
    assert earliest <= stopped <= latest
    for found in engines(given, 0.3, 400, tolerance):
        assert earliest <= len(found.losses) <= latest
        if earliest == latest:
            assert len(found.losses) == stopped


def first_overflow(given: Problem, lr: float, steps: int) -> int:
    """The step, from 0, at which the loop's loss stops being finite; `steps` where it does not."""
    try:
        loop(given, lr, steps)
    except FlowrunError as error:
        found = re.search(r"at step (\d+)", str(error))
        assert found
        return int(found[1]) - 1
    return steps


def in_steps(
    X: torch.Tensor, y: torch.Tensor, params: Params, *, lr: float, steps: int
) -> Descended:
    return iterated(X, y, params, lrs=[lr] * steps)


def outcome(
    engine: Callable[..., Descended], given: Problem, lr: float
) -> Descended | DivergedError | NotCoveredError:
    """What comes of 300 steps; where only rounding would tell, the engine says so."""
    try:
        return engine(*given, lr=lr, steps=300)
    except (DivergedError, NotCoveredError) as error:
        return error


@pytest.mark.campaign
@exhaustively
@given(problems, st.sampled_from([1.02, 1.3, 2.0, 40.0, 1e5]), st.booleans())
def test_divergence_is_found_at_the_step_of_the_loop(
    given: Problem, excess: float, single: bool
) -> None:
    given = in_dtype(given, torch.float32 if single else torch.float64)
    lr = excess * largest_lr(given)
    step = first_overflow(given, lr, 300)
    for engine in (spectral, in_steps):
        found = outcome(engine, given, lr)
        if isinstance(found, DivergedError):
            assert found.step == step
            assert f"at step {step + 1} (inf);" in str(found)
            assert found.largest_lr == pytest.approx(largest_lr(given), rel=1e-5, abs=0)
            losses = loop(given, lr, step)[1]
            assert found.last_loss == pytest.approx(float(losses[-1]), rel=1e-3)
        elif isinstance(found, Descended):
            assert len(found.losses) == step == 300


def test_a_descent_that_grows_but_stays_finite_is_walked() -> None:
    given = problem(0, 50, 3, 1)
    lr = 1.1 * largest_lr(given)
    expected = loop(given, lr, 100)
    for found in engines(given, lr, 100, 0.0):
        assert found.losses[-1] > found.losses[0]
        assert_path(found, *expected, within=1e-9)


def test_tolerance_may_stop_a_descent_before_it_diverges() -> None:
    # The loss first falls in one direction, then grows in another: between the two it rests.
    X = torch.tensor([[1.0, 0.1], [-1.0, 0.1], [1.0, -0.1], [-1.0, -0.1]], dtype=torch.float64)
    params = {
        "W1": torch.tensor([[1e-10], [30.0]], dtype=torch.float64),
        "b1": torch.full((1,), 1e-10, dtype=torch.float64),
    }
    given = X, torch.zeros(4, 1, dtype=torch.float64), params
    assert first_overflow(given, 1.05, 5000) < 5000
    expected = loop(given, 1.05, 5000, 1e-3)
    assert 1 < len(expected[1]) < 5000
    for found in engines(given, 1.05, 5000, 1e-3):
        assert_path(found, *expected, within=1e-9)
    with pytest.raises(DivergedError):
        spectral(*given, lr=1.05, steps=5000)


@pytest.mark.parametrize(
    ("momentum", "nesterov", "decay"),
    [(0.0, False, 0.0), (0.0, False, 0.5), (0.9, False, 0.0), (0.5, True, 0.0), (0.9, True, 0.1)],
)
def test_below_the_largest_lr_it_converges_and_above_it_does_not(
    momentum: float, nesterov: bool, decay: float
) -> None:
    given = problem(0, 50, 3, 1)
    options: dict[str, Any] = {"momentum": momentum, "nesterov": nesterov, "weight_decay": decay}
    largest = iterated(*given, lrs=[1e-3], **options).largest_lr
    below = iterated(*given, lrs=[0.99 * largest] * 20_000, **options).losses
    assert below[-1] < below[0]
    assert abs(below[-1] - below[-2]) < 1e-9 * below[0]
    with pytest.raises(DivergedError):
        iterated(*given, lrs=[1.01 * largest] * 200_000, **options)
    with pytest.raises(DivergedError, match="converges below") as caught:
        iterated(*given, lrs=[1.5 * largest] * 5000, **options)
    assert caught.value.largest_lr == pytest.approx(largest, rel=1e-12)
    losses = optimised(given, caught.value.step + 1, lr=1.5 * largest, **options)[1]
    assert losses[:-1].isfinite().all()
    assert not losses[-1].isfinite()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_where_only_rounding_would_make_it_diverge_the_loop_is_asked(dtype: torch.dtype) -> None:
    X, _, params = problem(0, 50, 3, 1)
    inputs = with_ones(X)
    # What the first parameters predict is wrong in the flattest direction alone.
    flattest = torch.linalg.eigh(inputs.T @ inputs).eigenvectors[:, :1]
    y = X @ params["W1"] + params["b1"] + inputs @ flattest
    given = in_dtype((X, y, params), dtype)
    lr = 1.5 * largest_lr(given)
    with pytest.raises(NotCoveredError, match="rounding alone decides"):
        spectral(*given, lr=lr, steps=500)
    with pytest.raises(NotCoveredError, match="rounding alone decides"):
        iterated(*given, lrs=[lr] * 500)


@pytest.mark.parametrize("place", ["X", "y", "W1", "no rows"])
def test_numbers_that_are_not_finite_and_no_rows_are_left_to_the_loop(place: str) -> None:
    X, y, params = problem(0, 20, 2, 1)
    if place == "no rows":
        X, y = X[:0], y[:0]
    else:
        {"X": X, "y": y, **params}[place][0, 0] = float("nan")
    with pytest.raises(NotCoveredError, match="not finite"):
        spectral(X, y, params, lr=0.1, steps=10)
    with pytest.raises(NotCoveredError, match="not finite"):
        iterated(X, y, params, lrs=[0.1] * 10)


def test_a_loss_that_its_dtype_cannot_hold_is_divergence_at_the_first_step() -> None:
    X, y, params = in_dtype(problem(0, 20, 2, 1), torch.float32)
    params["b1"] += 1e19
    assert first_overflow((X, y, params), 0.1, 10) == 0
    with pytest.raises(DivergedError, match="from the first step on") as caught:
        spectral(X, y, params, lr=0.1, steps=10)
    assert (caught.value.step, caught.value.last_loss) == (0, None)
