"""The built-in steps, called as recipes call them, held against torch itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import flowrun
from flowrun import StepError
from flowrun_tensors.models import forward

TABLE = torch.tensor(
    [[0.076, 34.0, 5.0], [0.098, 67.0, 5.0], [0.092, 54.0, 5.0], [0.075, 60.0, 6.0]]
)


@pytest.fixture(autouse=True)
def _table() -> None:
    torch.save(TABLE, "table.pt")


def run(*steps: object, **arguments: Any) -> flowrun.Result:
    """Run steps on the table of the test."""
    load = {"load": {"source": "table.pt"}}
    return flowrun.run({"recipe": "r", "steps": [load, *steps]}, **arguments)


def test_shuffle_keeps_every_row_and_follows_the_seed() -> None:
    first, again, other = (
        run("shuffle", seed=seed, record=False).values["data"] for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert sorted(first.tolist()) == sorted(TABLE.tolist())


@pytest.mark.parametrize(("train", "rows"), [(3, 3), (0.5, 2), (0.74, 3)])
def test_split_takes_a_count_or_a_fraction(train: float, rows: int) -> None:
    values = run({"split": {"train": train}}).values
    assert torch.equal(values["X_train"], TABLE[:rows, :-1])
    assert torch.equal(values["y_train"], TABLE[:rows, -1:])
    assert torch.equal(values["X_val"], TABLE[rows:, :-1])
    assert torch.equal(values["y_val"], TABLE[rows:, -1:])


def test_split_takes_targets_by_name() -> None:
    with open("t.csv", "w") as file:  # noqa: PTH123
        file.write("a,b,c\n1,2,3\n4,5,6\n7,8,9\n")
    recipe = {
        "recipe": "r",
        "steps": [
            {"load": {"source": "t.csv"}},
            {"split": {"train": 2, "targets": ["c", "a"]}},
        ],
    }
    values = flowrun.run(recipe).values
    assert values["y_train"].tolist() == [[3, 1], [6, 4]]
    assert values["X_val"].tolist() == [[8]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": 4}, "asks for 4 of 4 rows"),
        ({"train": 0.01}, "asks for 0 of 4 rows"),
        ({"train": 2, "targets": 3}, "leaves no feature"),
        ({"train": 2, "targets": "quality"}, "columns of `data` have no names"),
    ],
)
def test_split_refuses_what_leaves_nothing(options: dict[str, object], message: str) -> None:
    with pytest.raises(StepError, match=message):
        run({"split": options})


def test_normalize_uses_the_training_rows_alone() -> None:
    values = run({"split": {"train": 3}}, "normalize").values
    train = TABLE[:3, :-1]
    torch.testing.assert_close(values["mean"], train.mean(0))
    torch.testing.assert_close(values["std"], train.std(0))
    torch.testing.assert_close(values["X_val"], (TABLE[3:, :-1] - train.mean(0)) / train.std(0))
    torch.testing.assert_close(values["X_train"].std(0), torch.ones(2))


def test_normalize_keeps_a_constant_column_at_zero_with_a_warning() -> None:
    table = TABLE.clone()
    table[:, 1] = 0.1  # no binary fraction: its computed deviation is not exactly zero
    torch.save(table, "table.pt")
    result = run({"split": {"train": 3}}, "normalize")
    assert result.values["X_train"][:, 1].tolist() == [0, 0, 0]
    assert result.values["X_val"][:, 1].tolist() == [0]
    assert result.values["std"][1] == 1
    kept = "constant in the training rows, so kept at zero: column 2 of X_train"
    assert result.record["warnings"] == [kept]


def test_normalize_takes_a_column_of_a_tiny_spread_for_no_constant_one() -> None:
    table = TABLE.double()
    table[:, 1] = torch.tensor([1e-6, 3e-6, 2e-6, 2e-6])
    torch.save(table, "table.pt")
    result = run({"split": {"train": 3}}, "normalize")
    found = result.values["X_train"][:, 1]
    torch.testing.assert_close(found, torch.tensor([-1.0, 1.0, 0.0], dtype=torch.float64))
    assert result.record["warnings"] == []


def test_normalize_refuses_whole_numbers() -> None:
    torch.save(TABLE.long(), "table.pt")
    with pytest.raises(StepError, match=r"torch\.int64"):
        run({"split": {"train": 3}}, "normalize")


@pytest.mark.parametrize("init", ["randn", "xavier", "kaiming"])
def test_init_params_takes_its_width_from_the_data(init: str) -> None:
    values = run({"split": {"train": 3}}, {"init_params": {"layers": [8, 1], "init": init}}).values
    shapes = {name: tuple(value.shape) for name, value in values["params"].items()}
    assert shapes == {"W1": (2, 8), "b1": (8,), "W2": (8, 1), "b2": (1,)}
    assert values["model"] == {"layers": [2, 8, 1], "activation": "relu"}


@pytest.mark.parametrize(
    ("init", "deviation"), [("randn", 1.0), ("xavier", (2 / 600) ** 0.5), ("kaiming", 0.1)]
)
def test_init_params_draws_with_the_deviation_of_its_source(init: str, deviation: float) -> None:
    torch.save(torch.randn(50, 201), "table.pt")
    options = {"layers": [400, 1], "init": init, "scale": 0.5}
    params = run({"split": {"train": 30}}, {"init_params": options}).values["params"]
    assert params["W1"].std().item() == pytest.approx(0.5 * deviation, rel=0.02)
    assert bool((params["b1"] == 0).all()) == (init != "randn")


def test_init_params_wants_the_last_layer_as_wide_as_the_targets() -> None:
    with pytest.raises(StepError, match="end `layers` with 1"):
        run({"split": {"train": 3}}, {"init_params": {"layers": [8]}})


def prepared(rows: int = 60, columns: int = 5) -> list[object]:
    """Steps up to the first parameters, over a table with something to learn."""
    generator = torch.Generator().manual_seed(4)
    X = torch.randn(rows, columns, generator=generator)
    y = X @ torch.arange(1.0, columns + 1).reshape(-1, 1) + 0.1 * torch.randn(
        rows, 1, generator=generator
    )
    torch.save(torch.cat([X, y], 1), "table.pt")
    return [{"split": {"train": 40}}, "normalize"]


def loop(
    values: dict[str, Any], params: dict[str, torch.Tensor], lr: float, steps: int, activation: str
) -> tuple[dict[str, torch.Tensor], list[float]]:
    """Gradient descent as one writes it by hand."""
    params = {name: value.clone().requires_grad_() for name, value in params.items()}
    losses = []
    for _ in range(steps):
        y_hat = forward(params, values["X_train"], activation)
        loss = ((y_hat - values["y_train"]) ** 2).mean()
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for value in params.values():
                value -= lr * value.grad  # type: ignore[operator]
                value.grad = None
    return params, losses


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("layers", [[1], [7, 1]])
def test_gd_train_walks_the_path_of_the_loop_by_hand(activation: str, layers: list[int]) -> None:
    start = [*prepared(), {"init_params": {"layers": layers, "activation": activation}}]
    before = run(*start).values
    after = run(*start, {"gd_train": {"lr": 0.02, "steps": 50}}).values
    params, losses = loop(before, before["params"], 0.02, 50, activation)
    for name, value in params.items():
        torch.testing.assert_close(after["params"][name], value.detach())
    torch.testing.assert_close(after["losses"], torch.tensor(losses))


def test_gd_train_stops_where_the_loss_no_longer_changes() -> None:
    start = [*prepared(), {"init_params": {"layers": [1]}}]
    options = {"lr": 0.1, "steps": 5000, "tolerance": 1e-6}
    losses = run(*start, {"gd_train": options}).values["losses"]
    assert 2 < len(losses) < 5000
    assert abs(losses[-1] - losses[-2]) < 1e-6
    assert abs(losses[-2] - losses[-3]) >= 1e-6


@pytest.mark.parametrize("engine", ["autograd", "fused"])
def test_gd_train_in_batches_sees_every_row_once_a_pass(engine: str) -> None:
    start = [*prepared(), {"init_params": {"layers": [1]}}]
    options = {"lr": 1e-30, "steps": 6, "batch_size": 16, "engine": engine}  # nothing moves
    values = run(*start, {"gd_train": options}).values
    errors = forward(values["params"], values["X_train"], "relu") - values["y_train"]
    rows = torch.tensor([16.0, 16.0, 8.0])  # of the 40 rows
    for losses in values["losses"].split(3):
        torch.testing.assert_close((losses * rows).sum(), errors.square().sum())


def test_gd_train_in_batches_repeats_itself() -> None:
    start = [*prepared(), {"init_params": {"layers": [1]}}]
    options = {"lr": 0.02, "steps": 300, "batch_size": 16}
    first, again = (run(*start, {"gd_train": options}, record=False).values for _ in range(2))
    assert torch.equal(first["losses"], again["losses"])
    assert torch.equal(first["params"]["W1"], again["params"]["W1"])
    assert first["losses"][-1] < 0.1 * first["losses"][0]


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_gd_train_makes_each_loss_smaller(loss: str) -> None:
    start = [*prepared(), {"init_params": {"layers": [1]}}]
    losses = run(*start, {"gd_train": {"lr": 0.05, "steps": 500, "loss": loss}}).values["losses"]
    assert losses[-1] < 0.5 * losses[0]


def test_gd_train_says_at_which_step_the_loss_was_lost_and_what_to_change() -> None:
    start = [*prepared(), {"init_params": {"layers": [1]}}]
    with pytest.raises(StepError) as caught:
        run(*start, {"gd_train": {"lr": 50.0, "steps": 1000}})
    before = run(*start).values
    _, losses = loop(before, before["params"], 50.0, 40, "relu")
    step = next(index for index, loss in enumerate(losses) if loss == float("inf"))
    assert f"stopped being finite at step {step + 1} (inf)" in caught.value.message
    assert f"last finite loss was {losses[step - 1]:.6g}" in caught.value.message
    assert "lower the learning rate" in caught.value.message


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([{"gd_train": {"batch_size": 41}}], "batch_size is 41, and there are 40 rows"),
        ([{"gd_train": {}, "in": {"y_train": "y_val"}}], r"\(20, 1\), and the predictions have"),
        ([{"gd_train": {}, "in": {"X_train": "y_train"}}], "takes 5 columns"),
        ([{"evaluate": {}, "in": {"y_val": "y_train"}}], r"\(20, 1\), and y_val has \(40, 1\)"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(steps: list[object], message: str) -> None:
    with pytest.raises(StepError, match=message):
        run(*prepared(), {"init_params": {"layers": [1]}}, *steps)


def test_a_step_does_not_write_to_its_inputs() -> None:
    start = [*prepared(), {"init_params": {"layers": [1]}, "out": {"params": "first"}}]
    train = {"gd_train": {"steps": 20}, "in": {"params": "first"}}
    before, after = run(*start).values, run(*start, train).values
    for name in ("X_train", "y_train"):
        assert torch.equal(before[name], after[name])
    assert torch.equal(before["first"]["W1"], after["first"]["W1"])
    assert not after["params"]["W1"].requires_grad


def test_evaluate_measures_as_the_definitions_say() -> None:
    values = run(*prepared(), {"init_params": {"layers": [1]}}, "evaluate").values
    y, y_hat = values["y_val"], forward(values["params"], values["X_val"], "relu")
    error = y - y_hat
    r2 = 1 - (error**2).sum() / ((y - y.mean()) ** 2).sum()
    assert values["metrics"] == pytest.approx(
        {
            "mae": error.abs().mean().item(),
            "mse": (error**2).mean().item(),
            "rmse": (error**2).mean().sqrt().item(),
            "r2": r2.item(),
        },
        rel=1e-5,
    )


def test_evaluate_takes_the_mean_of_each_target_for_r2() -> None:
    start = prepared()
    table = torch.load("table.pt")
    torch.save(torch.cat([table, 100 - 3 * table[:, -1:]], 1), "table.pt")
    start[0] = {"split": {"train": 40, "targets": 2}}
    options = {"lr": 0.1, "steps": 20}
    steps = [{"init_params": {"layers": [2]}}, {"gd_train": options}, "evaluate"]
    values = run(*start, *steps).values
    y = values["y_val"]
    residual = (y - forward(values["params"], values["X_val"], "relu")).square().sum()
    r2 = 1 - float(residual / (y - y.mean(0)).square().sum())
    assert values["metrics"]["r2"] == pytest.approx(r2, rel=1e-4)


def test_what_save_wrote_scores_new_rows_as_the_training_run_did() -> None:
    start = [*prepared(), {"init_params": {"layers": [1]}}, {"gd_train": {"steps": 50}}]
    trained = run(*start, {"save": {"to": "out"}}).values
    recipe = {
        "recipe": "score",
        "steps": [
            {"load": {"source": "table.pt"}},
            {"split": {"train": 40}},
            {"load": {"source": "out", "values": ["params", "model", "mean", "std"]}, "id": "old"},
            {"predict": {}, "in": {"data": "X_val"}},
        ],
    }
    y_hat = flowrun.run(recipe).values["y_hat"]
    expected = forward(trained["params"], trained["X_val"], "relu")
    torch.testing.assert_close(y_hat, expected)


def test_predict_on_rows_normalized_already_leaves_mean_and_std_out() -> None:
    start = [*prepared(), {"init_params": {"layers": [1]}}]
    step = {"predict": {}, "in": {"data": "X_val", "mean": None, "std": None}}
    values = run(*start, step).values
    torch.testing.assert_close(values["y_hat"], forward(values["params"], values["X_val"], "relu"))


@pytest.mark.parametrize(
    ("measure", "keys"), [("add", {"n", "lists", "tensors", "ratio"}), ("matmul", {"n", "cpu"})]
)
def test_bench_measures(measure: str, keys: set[str]) -> None:
    options = {"measure": measure, "n": 200, "seconds": 0.01}
    timings = flowrun.run({"recipe": "b", "steps": [{"bench": options}]}).values["timings"]
    assert set(timings) >= keys
    assert timings["n"] == 200
    if measure == "matmul":
        cpu = timings["cpu"]
        assert cpu["gflops"] == pytest.approx(2 * 200**3 / cpu["seconds"] / 1e9)
    else:
        assert timings["ratio"] == pytest.approx(timings["lists"] / timings["tensors"])


def test_bench_measures_each_time() -> None:
    recipe = {"recipe": "b", "steps": [{"bench": {"measure": "add", "n": 9, "seconds": 0.001}}]}
    kept = [flowrun.run(recipe).record["steps"][0]["kept"] for _ in range(2)]
    assert kept == [None, None]
