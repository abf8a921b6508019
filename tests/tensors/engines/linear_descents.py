"""Linear problems, and the ways of walking them to which the engines are held."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch.nn.functional import mse_loss
from torch.optim import lr_scheduler

from flowrun import Context
from flowrun.running.context import ContextState
from flowrun_tensors.engines.results import Descended
from flowrun_tensors.gradients import by_autograd
from flowrun_tensors.training import Descent, descend
from tests.sampling import examples

Params = dict[str, torch.Tensor]
Problem = tuple[torch.Tensor, torch.Tensor, Params]
Schedule = Callable[[torch.optim.SGD], lr_scheduler.LRScheduler]

DATA = [
    "normal",
    "mean 1e5",
    "scales 1e-4 to 1e2",
    "twice a column",
    "constant",
    "y mean 1e6",
    "fit",
]


def problem(seed: int, n: int, d: int, k: int, data: str = "normal") -> Problem:
    """`X`, `y` and first parameters in float64."""
    torch.manual_seed(seed)
    X = torch.randn(n, d, dtype=torch.float64)
    y = torch.randn(n, k, dtype=torch.float64) + 5
    params = {
        "W1": torch.randn(d, k, dtype=torch.float64),
        "b1": torch.randn(k, dtype=torch.float64),
    }
    if data == "mean 1e5":
        X += 1e5
    elif data == "scales 1e-4 to 1e2":
        X *= torch.logspace(-4, 2, d, dtype=torch.float64)
    elif data == "twice a column":
        X[:, -1] = X[:, 0]
    elif data == "constant":
        X[:, -1] = 3.0
    elif data == "y mean 1e6":
        y += 1e6
    elif data == "fit":
        y = X @ torch.randn(d, k, dtype=torch.float64) + 1
    return X, y, params


def in_dtype(given: Problem, dtype: torch.dtype) -> Problem:
    X, y, params = given
    return X.to(dtype), y.to(dtype), {name: value.to(dtype) for name, value in params.items()}


def with_ones(X: torch.Tensor) -> torch.Tensor:
    """`[X, 1]`."""
    return torch.cat([X, torch.ones(len(X), 1, dtype=X.dtype)], 1)


def largest_lr(given: Problem) -> float:
    """2 / the largest curvature, from the singular values of `[X, 1]`."""
    X, y, _ = given
    return y.numel() / float(torch.linalg.svdvals(with_ones(X))[0]) ** 2


def loop(
    given: Problem, lr: float, steps: int, tolerance: float = 0.0
) -> tuple[Params, torch.Tensor]:
    """The reference."""
    X, y, params = given
    ctx = Context(ContextState("gd_train", 0, "cpu", "float32", Path()))

    def loss_at(current: Params, rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return mse_loss(rows @ current["W1"] + current["b1"], targets)

    settings = Descent(lr, steps, None, tolerance)
    trained = descend(params, by_autograd(loss_at), X, y, settings, ctx)
    return trained.params, trained.losses


def optimised(
    given: Problem,
    steps: int,
    schedule: Schedule | None = None,
    **options: Any,
) -> tuple[Params, torch.Tensor, list[float]]:
    """What torch.optim.SGD makes of it, the losses, and the learning rate of each step."""
    X, y, params = given
    params = {name: value.clone().requires_grad_() for name, value in params.items()}
    optimizer = torch.optim.SGD(params.values(), **options)
    scheduler = schedule(optimizer) if schedule else None
    losses, lrs = [], []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = mse_loss(X @ params["W1"] + params["b1"], y)
        loss.backward()
        lrs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if scheduler:
            scheduler.step()
        losses.append(loss.detach())
    return {name: value.detach() for name, value in params.items()}, torch.stack(losses), lrs


def off(found: torch.Tensor, expected: torch.Tensor, scale: float = 0.0) -> float:
    """Largest difference, in parts of the largest number."""
    size = max(float(expected.abs().max()), scale)
    return float((found.double() - expected.double()).abs().max()) / size


def assert_path(found: Descended, params: Params, losses: torch.Tensor, within: float) -> None:
    """Same parameters, in parts of the largest number on the way, and same losses.

    Losses are compared by their roots, the errors a person would see, in parts of the root, to
    which a thousandth of the first error is added: below it, errors of rounding are all there is.
    """
    assert found.losses.dtype == losses.dtype
    assert len(found.losses) == len(losses)
    ours, theirs = found.losses.double().sqrt(), losses.double().sqrt()
    assert float(((ours - theirs).abs() / (theirs + 1e-3 * theirs.max())).max()) < within
    for name, value in params.items():
        assert found.params[name].dtype == value.dtype
        assert found.params[name].shape == value.shape
        assert off(found.params[name], value, scale=1.0) < within


problems = st.builds(
    problem,
    seed=st.integers(0, 10**6),
    n=st.integers(1, 200),
    d=st.integers(1, 20),
    k=st.integers(1, 4),
    data=st.sampled_from(DATA),
)
fractions = st.sampled_from([1e-6, 1e-3, 0.1, 0.5, 0.75, 0.99])  # of the largest lr
counts = st.sampled_from([1, 2, 3, 10, 33, 400])
exhaustively = settings(max_examples=examples(60, sample=20), deadline=None, derandomize=True)
