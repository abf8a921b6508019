"""The engine `fused`, held against autograd and torch.optim on the same expression."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from flowrun_tensors.engines.fused import Fused
from tests import processes

NUMBA = pytest.param(
    "numba", marks=pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed")
)
KERNELS = pytest.mark.parametrize("kernel", ["torch", NUMBA])
LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "mse": functional.mse_loss,
    "mae": functional.l1_loss,
    "huber": functional.huber_loss,
    "cross_entropy": functional.cross_entropy,
    "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
}
KERNELS_AND_LOSSES = pytest.mark.parametrize(
    ("kernel", "loss"),
    [
        *(("torch", loss) for loss in LOSSES),
        *(pytest.param("numba", loss, marks=NUMBA.marks) for loss in ("mse", "mae", "huber")),
    ],
)
ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": torch.relu,
    "maximum": lambda x: torch.maximum(x, torch.zeros((), dtype=x.dtype)),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
# Rows, inputs, and outputs of each layer: one to four layers, units that are and are not multiples
# of what a vector holds, single units and rows, more rows than a block has.
SHAPES = [
    (1, 1, [1]),
    (50, 7, [3]),
    (130, 11, [64, 1]),
    (33, 4, [5, 2]),
    (9000, 3, [66, 1]),
    (70, 6, [9, 8, 3]),
    (200, 2, [7, 1, 12, 4]),
]
# What rounding in sums over rows and units may come to, of the largest element.
GRADIENT = {torch.float32: 1e-5, torch.float64: 1e-12}
PATH = {torch.float32: 1e-4, torch.float64: 1e-10}
# Bytes of the Python numbers that torch makes tensors of in one step; the smallest table has 400.
NUMBERS = 256
Params = dict[str, torch.Tensor]


def network(inputs: int, outputs: list[int], dtype: torch.dtype, seed: int = 0) -> Params:
    """First parameters of a network, drawn so that a layer keeps the size of what it takes."""
    generator = torch.Generator().manual_seed(seed)
    params = {}
    for layer, (rows, columns) in enumerate(zip([inputs, *outputs], outputs, strict=False), 1):
        weights = torch.randn(rows, columns, dtype=dtype, generator=generator)
        params[f"W{layer}"] = weights / rows**0.5
        params[f"b{layer}"] = torch.randn(columns, dtype=dtype, generator=generator)
    return params


def data(
    rows: int, inputs: int, outputs: int, dtype: torch.dtype, loss: str = "mse", seed: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(rows, inputs, dtype=dtype, generator=generator)
    if loss == "cross_entropy":
        return X, torch.randint(outputs, (rows,), generator=generator)
    if loss == "binary_cross_entropy":
        return X, torch.randint(2, (rows, outputs), generator=generator).to(dtype)
    return X, torch.randn(rows, outputs, dtype=dtype, generator=generator) * 2


def autograd_loss(
    params: Params, X: torch.Tensor, y: torch.Tensor, activation: str, loss: str
) -> torch.Tensor:
    """The loss as one writes it by hand."""
    layers = len(params) // 2
    hidden = X
    for layer in range(1, layers + 1):
        hidden = hidden @ params[f"W{layer}"] + params[f"b{layer}"]
        if layer < layers:
            hidden = ACTIVATIONS[activation](hidden)
    return LOSSES[loss](hidden, y)


def walk_by_autograd(
    params: Params,
    X: torch.Tensor,
    y: torch.Tensor,
    lrs: list[float],
    make_optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
    batches: list[torch.Tensor] | None = None,
    *,
    activation: str = "relu",
    loss: str = "mse",
    **options: Any,
) -> tuple[Params, torch.Tensor]:
    """The parameters and losses of the same steps, by autograd and torch.optim."""
    params = {name: value.clone().requires_grad_() for name, value in params.items()}
    optimizer = make_optimizer(params.values(), lr=1.0, **options)
    losses = []
    for step, lr in enumerate(lrs):
        rows = torch.arange(len(X)) if batches is None else batches[step]
        value = autograd_loss(params, X[rows], y[rows], activation, loss)
        optimizer.zero_grad()
        value.backward()
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
        losses.append(value.detach())
    return {name: value.detach() for name, value in params.items()}, torch.stack(losses)


def assert_near(found: Params, expected: Params, tolerance: float) -> None:
    """Each element within the tolerance, as a part of the largest of all."""
    largest = max(float(value.abs().max()) for value in expected.values())
    assert list(found) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=tolerance * largest, msg=name)


@pytest.mark.campaign(pairs=True)
@KERNELS_AND_LOSSES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize(("rows", "inputs", "outputs"), SHAPES)
def test_the_gradient_is_that_of_autograd(
    rows: int,
    inputs: int,
    outputs: list[int],
    activation: str,
    loss: str,
    dtype: torch.dtype,
    kernel: Any,
) -> None:
    params = network(inputs, outputs, dtype)
    X, y = data(rows, inputs, outputs[-1], dtype, loss)
    descent = Fused(
        params,
        X,
        y,
        steps=1,
        activation=activation,
        loss=loss,
        # The first velocity of torch.optim.SGD is the gradient.
        optimizer_options={"momentum": 0.9},
        kernel=kernel,
    )
    assert descent.kernel == kernel
    descent.step(0.1)
    tracked = {name: value.requires_grad_() for name, value in params.items()}
    expected = autograd_loss(tracked, X, y, activation, loss)
    gradients = torch.autograd.grad(expected, list(tracked.values()))
    found = descent.state()["optimizer"]["velocity"]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    assert_near({"gradient": found}, {"gradient": flat}, GRADIENT[dtype])
    torch.testing.assert_close(
        descent.losses[0], expected.detach(), rtol=GRADIENT[dtype], atol=GRADIENT[dtype]
    )


@pytest.mark.campaign(pairs=True)
@KERNELS_AND_LOSSES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize("seed", [0, 1])
def test_a_hundred_steps_end_where_the_loop_ends(
    seed: int, activation: str, loss: str, dtype: torch.dtype, kernel: Any
) -> None:
    params = network(5, [12, 3], dtype, seed)
    X, y = data(90, 5, 3, dtype, loss, seed)
    descent = Fused(params, X, y, steps=100, activation=activation, loss=loss, kernel=kernel)
    for _ in range(100):
        descent.step(0.05)
    expected, losses = walk_by_autograd(
        params, X, y, [0.05] * 100, activation=activation, loss=loss
    )
    assert_near(descent.parameters(), expected, PATH[dtype])
    torch.testing.assert_close(descent.losses, losses, rtol=PATH[dtype], atol=0)


@pytest.mark.campaign(pairs=True)
@KERNELS
@pytest.mark.parametrize(
    ("name", "make_optimizer", "options"),
    [
        ("sgd", torch.optim.SGD, {}),
        ("sgd", torch.optim.SGD, {"weight_decay": 0.1}),
        ("sgd", torch.optim.SGD, {"momentum": 0.9}),
        ("sgd", torch.optim.SGD, {"momentum": 0.8, "dampening": 0.3, "weight_decay": 0.01}),
        ("sgd", torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        ("adam", torch.optim.Adam, {}),
        ("adam", torch.optim.Adam, {"betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1}),
        ("adamw", torch.optim.AdamW, {}),
        ("adamw", torch.optim.AdamW, {"betas": (0.8, 0.95), "weight_decay": 0.2}),
    ],
)
@pytest.mark.parametrize("batch_size", [None, 32])
def test_optimisers_do_what_those_of_torch_do_with_any_learning_rates(
    batch_size: int | None,
    name: str,
    make_optimizer: Callable[..., torch.optim.Optimizer],
    options: dict[str, Any],
    kernel: Any,
) -> None:
    params = network(5, [10, 2], torch.float64)
    X, y = data(90, 5, 2, torch.float64)
    lrs = [0.02 / (1 + step / 20) for step in range(60)]
    batches = None if batch_size is None else list(_batches(90, batch_size, 60))
    descent = Fused(
        params,
        X,
        y,
        steps=60,
        activation="tanh",
        batch_size=batch_size,
        optimizer=name,
        optimizer_options=options,
        kernel=kernel,
    )
    for step, lr in enumerate(lrs):
        descent.step(lr, None if batches is None else batches[step])
    expected, losses = walk_by_autograd(
        params, X, y, lrs, make_optimizer, batches, activation="tanh", **options
    )
    assert_near(descent.parameters(), expected, 1e-10)
    torch.testing.assert_close(descent.losses, losses, rtol=1e-10, atol=0)


def _batches(rows: int, size: int, count: int) -> Iterator[torch.Tensor]:
    """Rows of so many updates; the last batch of a pass is smaller."""
    generator = torch.Generator().manual_seed(2)
    taken = 0
    while taken < count:
        for batch in torch.randperm(rows, generator=generator).split(size):
            yield batch
            taken += 1


@pytest.mark.parametrize("loss", ["mae", "cross_entropy"])
@pytest.mark.parametrize("batch_size", [1, 7, 90])
def test_batches_of_any_size_have_the_losses_of_their_rows(batch_size: int, loss: str) -> None:
    params = network(5, [8, 3], torch.float64)
    X, y = data(90, 5, 3, torch.float64, loss)
    batches = list(_batches(90, batch_size, 30))[:30]
    descent = Fused(params, X, y, steps=30, loss=loss, batch_size=batch_size, kernel="torch")
    for rows in batches:
        descent.step(0.1, rows)
    expected, losses = walk_by_autograd(params, X, y, [0.1] * 30, batches=batches, loss=loss)
    assert_near(descent.parameters(), expected, 1e-10)
    torch.testing.assert_close(descent.losses, losses, rtol=1e-10, atol=1e-14)


@KERNELS
@pytest.mark.parametrize(("activation", "slope"), [("relu", 0.0), ("maximum", 0.5)])
def test_the_slope_at_zero_is_the_activations_own(
    activation: str, slope: float, kernel: Any
) -> None:
    params = {
        "W1": torch.zeros(2, 3),
        "b1": torch.zeros(3),
        "W2": torch.ones(3, 1),
        "b2": torch.zeros(1),
    }
    descent = Fused(
        params,
        torch.ones(4, 2),
        torch.full((4, 1), -1.0),
        steps=1,
        activation=activation,
        kernel=kernel,
    )
    descent.step(1.0)
    # The loss is (0 + 1)^2, so that its derivative by a prediction is 2.
    assert torch.equal(descent.parameters()["b1"], torch.full((3,), -2 * slope))


@KERNELS
def test_a_loss_that_stops_being_finite_does_so_at_the_loops_step(kernel: Any) -> None:
    params = network(4, [6, 1], torch.float32)
    X, y = data(40, 4, 1, torch.float32)
    descent = Fused(params, X, y, steps=30, kernel=kernel)
    for _ in range(30):
        descent.step(3.0)
    _, losses = walk_by_autograd(params, X, y, [3.0] * 30)
    assert not losses.isfinite().all()
    assert torch.equal(descent.losses.isfinite(), losses.isfinite())


@KERNELS
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_what_is_not_a_number_is_not_hidden(activation: str, kernel: Any) -> None:
    params = network(4, [6, 1], torch.float32)
    params["W1"][0, 0] = float("nan")
    X, y = data(40, 4, 1, torch.float32)
    descent = Fused(params, X, y, steps=1, activation=activation, kernel=kernel)
    descent.step(0.1)
    assert descent.losses.isnan().all()
    assert descent.parameters()["W1"][:, 0].isnan().all()


@KERNELS
@pytest.mark.parametrize(
    ("name", "options"), [("sgd", {}), ("sgd", {"momentum": 0.9}), ("adam", {}), ("adamw", {})]
)
def test_a_descent_goes_on_from_its_state_to_the_same_bits(
    name: str, options: dict[str, Any], kernel: Any
) -> None:
    X, y = data(90, 5, 2, torch.float32)

    def begun(seed: int) -> Fused:
        return Fused(
            network(5, [10, 2], torch.float32, seed),
            X,
            y,
            steps=20,
            optimizer=name,
            optimizer_options=options,
            kernel=kernel,
        )

    whole, interrupted, resumed = begun(0), begun(0), begun(1)
    for _ in range(7):
        interrupted.step(0.1)
    resumed.restore(interrupted.state())
    for _ in range(13):
        resumed.step(0.1)
    for _ in range(20):
        whole.step(0.1)
    assert torch.equal(resumed.losses, whole.losses)
    assert all(
        torch.equal(value, whole.parameters()[key]) for key, value in resumed.parameters().items()
    )


@KERNELS
def test_parameters_and_data_given_are_not_written_to(kernel: Any) -> None:
    params = network(5, [10, 2], torch.float32)
    X, y = data(90, 5, 2, torch.float32)
    before = {name: value.clone() for name, value in [*params.items(), ("X", X), ("y", y)]}
    Fused(params, X, y, steps=1, kernel=kernel).step(0.1)
    assert all(
        torch.equal(value, before[name]) for name, value in [*params.items(), ("X", X), ("y", y)]
    )


@pytest.mark.campaign(pairs=True)
@KERNELS_AND_LOSSES
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_a_step_allocates_no_table(optimizer: str, activation: str, loss: str, kernel: Any) -> None:
    params = network(5, [30, 20, 3], torch.float32)
    X, y = data(200, 5, 3, torch.float32, loss)
    rows = torch.arange(100)
    for batch_size, drawn in ((None, None), (100, rows)):
        descent = Fused(
            params,
            X,
            y,
            steps=8,
            activation=activation,
            loss=loss,
            batch_size=batch_size,
            optimizer=optimizer,
            kernel=kernel,
        )
        descent.step(0.1, drawn)
        assert _allocated(partial(descent.step, 0.1, drawn)) <= NUMBERS


def test_rows_of_many_blocks_are_held_once() -> None:
    params = network(50, [8, 1], torch.float32)
    X, y = data(200_000, 50, 1, torch.float32)
    descent: list[Fused] = []
    made = _allocated(lambda: descent.append(Fused(params, X, y, steps=2, kernel="torch")))
    made += _allocated(partial(descent[0].step, 0.1))
    assert made < X.nbytes / 2


def test_the_count_of_allocations_sees_the_loops() -> None:
    params = network(5, [30, 3], torch.float32)
    X, y = data(200, 5, 3, torch.float32)
    assert _allocated(partial(walk_by_autograd, params, X, y, [0.1])) > 100 * NUMBERS


def _allocated(work: Callable[[], object]) -> int:
    """Bytes that torch allocates during some work, those that it frees again included."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        work()
    return sum(max(event.self_cpu_memory_usage, 0) for event in found.events() or [])


def test_a_short_descent_does_not_wait_for_numba() -> None:
    params = network(5, [10, 2], torch.float32)
    descent = Fused(params, *data(90, 5, 2, torch.float32), steps=10)
    assert (descent.kernel, descent.reason) == (
        "torch",
        "the descent is over before numba would be loaded",
    )


@pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed")
@pytest.mark.parametrize(
    ("units", "threads", "kernel", "reason"),
    [
        (10, 1, "numba", "the descent is long"),
        (10, 8, "torch", "torch has 8 threads"),
        (300, 1, "torch", "wider than the 256 units"),
    ],
)
def test_a_long_descent_of_a_narrow_network_on_few_threads_is_numbas(
    units: int, threads: int, kernel: str, reason: str
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        params = network(5, [units, 2], torch.float32)
        descent = Fused(params, *data(90, 5, 2, torch.float32), steps=6_000_000)
    finally:
        torch.set_num_threads(before)
    assert descent.kernel == kernel
    assert reason in descent.reason


def test_where_numba_is_missing_torch_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    params = network(5, [10, 2], torch.float32)
    descent = Fused(params, *data(90, 5, 2, torch.float32), steps=10, kernel="numba")
    assert descent.kernel == "torch"
    assert "flowrun-recipes[fast]" in descent.reason


def test_what_numbas_kernel_does_not_know_is_left_to_torch() -> None:
    params = network(5, [10, 2], torch.float32)
    X, y = data(90, 5, 2, torch.float32, "cross_entropy")
    descent = Fused(params, X, y, steps=10, loss="cross_entropy", kernel="numba")
    assert descent.kernel == "torch"
    assert "mse, mae, huber" in descent.reason


def test_the_engine_imports_torch_and_numba_at_its_first_use() -> None:
    code = (
        "import sys, flowrun_tensors.engines.fused\n"
        "sys.exit(str(sorted({'torch', 'numba', 'numpy'} & set(sys.modules))))"
    )
    ended = processes.run(["-c", code], fresh=True)
    assert ended.stderr.strip() == "[]"
