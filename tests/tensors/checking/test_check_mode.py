"""Steps on shapes alone: what they take and make, what is suspicious, what needs data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import flowrun
from flowrun import CheckMode, Watched
from flowrun_tensors.checking import check_mode

Code = Callable[[], Any]


def on_cpu() -> CheckMode:
    return check_mode(("cpu",), {"cpu": ""})


def watched(code: Code) -> Watched:
    mode = on_cpu()
    with mode, mode.watching() as found:
        kept = code()  # until the mode has looked at what lives
    del kept
    return found


# What a run measures


def descent() -> Any:
    """The steps of red_linear, three updates of them."""
    data = torch.randn(1599, 12).index_select(0, torch.randperm(1599))
    X, y, X_val = data[:1000, :-1], data[:1000, -1:], data[1000:, :-1]
    std, mean = torch.std_mean(X, dim=0)
    X, X_val = (X - mean) / std, (X_val - mean) / std
    params = [torch.randn(11, 1, requires_grad=True), torch.zeros(1, requires_grad=True)]
    for _ in range(3):
        gradients = torch.autograd.grad(F.mse_loss(X @ params[0] + params[1], y), params)
        with torch.no_grad():
            for value, gradient in zip(params, gradients, strict=True):
                value -= 0.01 * gradient
    return X_val @ params[0] + params[1]


def train(model: nn.Module, X: torch.Tensor, classes: int, optimizer: Any) -> Any:
    y = torch.randint(0, classes, (len(X),))
    for _ in range(2):
        optimizer.zero_grad()
        F.cross_entropy(model(X), y).backward()
        optimizer.step()
    return list(model.parameters())


def perceptron() -> Any:
    model = nn.Sequential(
        nn.Linear(30, 128), nn.ReLU(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, 5)
    )
    return train(model, torch.randn(5000, 30), 5, torch.optim.Adam(model.parameters()))


def convolutions() -> Any:
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip
    return train(model, torch.randn(64, 3, 32, 32), 10, torch.optim.SGD(model.parameters(), lr=0.1))


def transformer() -> Any:
    model = nn.Sequential(
        nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True),
        nn.Flatten(),
        nn.Linear(50 * 64, 3),
    )
    return train(model, torch.randn(16, 50, 64), 3, torch.optim.AdamW(model.parameters()))


def measured_peak(code: Code) -> int:
    """The most bytes that torch's own profiler sees taken at once."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        kept = code()
    del kept
    result = profiler.profiler.kineto_results  # type: ignore[union-attr]
    events = [event for event in result.events() if event.name() == "[memory]"]  # type: ignore[union-attr]
    taken = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        taken += event.nbytes()
        peak = max(peak, taken)
    return peak


@pytest.mark.parametrize("code", [descent, perceptron, convolutions, transformer])
def test_the_peak_of_memory_is_within_15_percent_of_a_run(code: Code) -> None:
    code()  # what torch keeps once for all is none of the code's
    peak = watched(code).peak["cpu"]
    assert peak == pytest.approx(measured_peak(code), rel=0.15)


@pytest.mark.parametrize("name", ["red_linear", "red_mlp"])
def test_so_is_the_peak_of_a_shipped_recipe(name: str, tmp_path: Path) -> None:
    path = Path(__file__).parents[3] / "recipes" / f"{name}.yaml"
    settings = {"gd_train.steps": 5, "save.to": str(tmp_path / "out")}

    def run() -> Any:
        return flowrun.run(path, set=settings, device="cpu", record=False)

    run()
    (forecast,) = flowrun.check(path, set=settings, device="cpu").forecasts
    assert forecast.bytes == pytest.approx(measured_peak(run), rel=0.15)


def test_what_earlier_steps_gave_stays_counted_and_views_add_nothing() -> None:
    mode = on_cpu()
    with mode:
        with mode.watching() as first:
            table = torch.randn(1000, 10)
        with mode.watching() as second:
            part = table[:500].T
            table *= 2
        with mode.watching() as third:
            total = table.sum()
        del part, table, total
        with mode.watching() as last:
            pass
    assert first.live == first.peak == second.peak == {"cpu": 40_000}
    assert third.peak == {"cpu": 40_004}
    assert last.live == {}


def test_tensors_that_lie_in_a_file_take_no_memory() -> None:
    mode = on_cpu()
    with mode, mode.watching() as found:
        with mode.mapped():
            table = torch.empty(1000, 10)
        part = table[0] * 2
    del part
    assert found.peak == {"cpu": 40}


def test_operations_of_products_count_and_repetitions_multiply_them() -> None:
    mode = on_cpu()
    with mode, mode.watching() as found:
        rows, weights = torch.randn(1000, 11), torch.randn(11, 1)
        with mode.repeated(100):
            torch.relu(rows @ weights)
        torch.inference_mode()(torch.matmul)(rows, weights)
    assert found.operations == 101 * 2 * 1000 * 11


def test_the_memory_of_a_device_is_known_where_it_is_there() -> None:
    mode = check_mode(("cuda:0", "cpu"), {"cpu": ""})
    assert (mode.memory("cpu") or 0) > 2**20
    assert mode.memory("cuda:0") is None


# What is suspicious


column, vector = torch.ones(8, 1), torch.ones(8)

SUSPICIOUS: dict[str, Code] = {
    "difference": lambda: column - vector,
    "the other way round": lambda: vector - column,
    "equality": lambda: column == vector,
    "mse_loss": lambda: F.mse_loss(column, vector),
    "a module's loss": lambda: nn.L1Loss()(column, vector),
    "float64 added": lambda: vector + vector.double(),
    "float64 joined": lambda: torch.cat([vector, vector.double()]),
    "decimals into whole numbers": lambda: torch.zeros(8, dtype=torch.int64).copy_(vector),
}
INNOCENT: dict[str, Code] = {
    "rows and columns by name": lambda: vector[:, None] * vector[None, :],
    "all pairs": lambda: vector[:, None] - vector,
    "all pairs of one reshaped": lambda: vector.reshape(-1, 1) ** 2 + vector**2,
    "all pairs of unsqueezed": lambda: vector.unsqueeze(1) * 2 <= vector,
    "every row less the mean": lambda: torch.ones(8, 3) - torch.ones(3),
    "positions by frequencies": lambda: torch.ones(10, 1) / torch.ones(3),
    "one row": lambda: torch.ones(1, 1) - torch.ones(1),
    "a number of float64": lambda: vector + torch.tensor(2.0, dtype=torch.float64),
    "a product": lambda: torch.ones(8, 8) @ vector,
    "inside torch": lambda: torch.distributions.Normal(column, 1.0).log_prob(vector),
}


@pytest.mark.parametrize("name", SUSPICIOUS)
def test_what_is_hardly_meant_is_suspicious_once(name: str) -> None:
    def twice() -> None:
        for _ in range(2):
            SUSPICIOUS[name]()

    (warning,) = watched(twice).warnings
    assert warning.place is not None
    assert warning.place[0] == __file__


@pytest.mark.parametrize("name", INNOCENT)
def test_what_is_meant_is_not(name: str) -> None:
    assert watched(INNOCENT[name]).warnings == []


def test_a_warning_tells_the_shapes_and_the_fix() -> None:
    (warning,) = watched(SUSPICIOUS["difference"]).warnings
    assert "(8, 1) and (8,) gives (8, 8)" in warning.message
    assert warning.operation == "sub((8, 1) float32 cpu, (8,) float32 cpu)"
    assert "y.unsqueeze(1)" in (warning.hint or "")
