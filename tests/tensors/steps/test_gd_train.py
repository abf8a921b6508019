"""The step `gd_train` with its engines, optimizers and schedules."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

import pytest
import torch

import flowrun
from flowrun import RecipeError, StepError

ROWS, COLUMNS = 60, 4


def recipe(layers: list[int], dtype: str = "float64", **options: Any) -> dict[str, Any]:
    return {
        "recipe": "train",
        "seed": 3,
        "dtype": dtype,
        "steps": [
            {
                "random": {
                    "X_train": {"randn": [ROWS, COLUMNS]},
                    "y_train": {"randn": [ROWS, layers[-1]]},
                }
            },
            {
                "init_params": {"layers": layers, "scale": 0.5, "activation": "tanh"},
                "out": {"params": "first"},
            },
            {"gd_train": {"lr": 0.05, "steps": 40, **options}, "in": {"params": "first"}},
        ],
    }


def trained(layers: list[int], dtype: str = "float64", **options: Any) -> flowrun.Result:
    return flowrun.run(recipe(layers, dtype, **options), record=False)


def said(result: flowrun.Result) -> str:
    messages = result.record["steps"][-1]["messages"]
    return "\n".join(str(message) for message in messages)


@pytest.mark.parametrize(
    ("layers", "options", "engine"),
    [
        ([1], {}, "spectral"),
        ([3], {"weight_decay": 0.1}, "spectral"),
        ([1], {"momentum": 0.9}, "moments"),
        ([1], {"schedule": {"ExponentialLR": {"gamma": 0.9}}}, "moments"),
        ([1], {"loss": "huber"}, "fused"),
        ([1], {"batch_size": 16}, "fused"),
        ([8, 1], {}, "fused"),
        ([8, 1], {"optimizer": "adamw"}, "fused"),
        ([8, 1], {"optimizer": "lbfgs"}, "autograd"),
    ],
)
def test_the_fastest_engine_that_can_is_taken_and_said(
    layers: list[int], options: dict[str, Any], engine: str
) -> None:
    assert f"engine {engine}: " in said(trained(layers, **options))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_left_to_the_loop_whose_rounding_it_follows(dtype: str) -> None:
    assert "engine autograd: " in said(trained([1], dtype, steps=3))
    for engine in ("spectral", "moments", "fused"):
        with pytest.raises(StepError, match=f"cannot walk this descent: the data is torch.{dtype}"):
            trained([1], dtype, engine=engine)


@pytest.mark.parametrize(("columns", "engine"), [(1000, "spectral"), (1001, "fused")])
def test_the_eigenvectors_of_a_wide_table_are_not_asked_for(columns: int, engine: str) -> None:
    made = recipe([1], steps=3, lr=1e-6)
    made["steps"][0]["random"] |= {"X_train": {"randn": [5, columns]}, "y_train": {"randn": [5, 1]}}
    assert f"engine {engine}: " in said(flowrun.run(made, record=False))


@pytest.mark.campaign(pairs=True)
@pytest.mark.parametrize("engine", ["spectral", "moments", "fused"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.02},
        {"momentum": 0.8, "nesterov": True},
        {"schedule": {"StepLR": {"step_size": 10}}},
        {"loss": "mae"},
        {"batch_size": 25},
        {"optimizer": "adam", "lr": 0.01},
        {"optimizer": "adamw", "lr": 0.01, "loss": "huber"},
    ],
    ids=str,
)
@pytest.mark.parametrize("layers", [[1], [2], [8, 1], [6, 5, 2]], ids=str)
def test_an_engine_walks_the_path_of_the_loop(
    engine: str, layers: list[int], options: dict[str, Any]
) -> None:
    reference = trained(layers, engine="autograd", **options).values
    try:
        found = trained(layers, engine=engine, **options).values
    except StepError as error:
        assert f"the engine {engine} cannot walk this descent" in error.message  # noqa: PT017
        assert engine in ("spectral", "moments")
        return
    torch.testing.assert_close(found["losses"], reference["losses"], rtol=1e-9, atol=1e-9)
    for name, value in reference["params"].items():
        torch.testing.assert_close(found["params"][name], value, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("engine", ["autograd", "fused"])
@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("sgd", torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        ("adam", torch.optim.Adam, {"weight_decay": 0.01}),
        ("adamw", torch.optim.AdamW, {}),
        ("lbfgs", torch.optim.LBFGS, {}),
    ],
)
def test_an_optimizer_is_that_of_torch(
    engine: str, name: str, kind: type[torch.optim.Optimizer], options: dict[str, Any]
) -> None:
    if (engine, name) == ("fused", "lbfgs"):
        pytest.skip("lbfgs is left to the loop")
    found = trained([8, 1], engine=engine, optimizer=name, lr=0.01, **options).values
    X, y = found["X_train"], found["y_train"]
    params = [found["first"][key].clone().requires_grad_() for key in ("W1", "b1", "W2", "b2")]
    optimizer = kind(params, lr=0.01, **options)  # type: ignore[call-arg]

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        hidden = torch.tanh(X @ params[0] + params[1])
        loss = torch.nn.functional.mse_loss(hidden @ params[2] + params[3], y)
        loss.backward()
        return loss

    losses = [float(optimizer.step(closure)) for _ in range(40)]
    torch.testing.assert_close(found["losses"], torch.tensor(losses, dtype=torch.float64))
    torch.testing.assert_close(found["params"]["W1"], params[0].detach(), rtol=1e-8, atol=1e-8)


def assert_scheduled_by_torch(
    found: Mapping[str, Any],
    kind: type[torch.optim.Optimizer],
    name: str,
    settings: dict[str, Any],
    **options: Any,
) -> None:
    """A linear layer is trained as torch's own optimizer and scheduler of these names do it."""
    layer = torch.nn.Linear(COLUMNS, 1, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(found["first"]["W1"].T)
        layer.bias.copy_(found["first"]["b1"])
    optimizer = kind(layer.parameters(), lr=0.05, **options)  # type: ignore[call-arg]
    scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **settings)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(layer(found["X_train"]), found["y_train"])
        loss.backward()
        return loss

    for _ in range(40):
        optimizer.step(closure)
        scheduler.step()
    torch.testing.assert_close(found["params"]["W1"], layer.weight.detach().T)


@pytest.mark.parametrize("engine", ["autograd", "moments", "fused"])
def test_a_schedule_is_that_of_torch(engine: str) -> None:
    settings = {"T_max": 15, "eta_min": 0.001}
    found = trained([1], engine=engine, schedule={"CosineAnnealingLR": settings}).values
    assert_scheduled_by_torch(found, torch.optim.SGD, "CosineAnnealingLR", settings)


@pytest.mark.parametrize(
    ("engine", "name", "kind", "options"),
    [
        ("autograd", "sgd", torch.optim.SGD, {"momentum": 0.9}),
        ("autograd", "adam", torch.optim.Adam, {}),
        ("autograd", "adamw", torch.optim.AdamW, {}),
        ("autograd", "lbfgs", torch.optim.LBFGS, {}),
        ("fused", "sgd", torch.optim.SGD, {"momentum": 0.9}),
        ("fused", "adam", torch.optim.Adam, {}),
        ("fused", "adamw", torch.optim.AdamW, {}),
    ],
)
def test_each_optimizer_follows_a_schedule(
    engine: str, name: str, kind: type[torch.optim.Optimizer], options: dict[str, Any]
) -> None:
    settings = {"step_size": 3, "gamma": 0.5}
    schedule = {"StepLR": settings}
    found = trained([1], engine=engine, optimizer=name, schedule=schedule, **options).values
    assert_scheduled_by_torch(found, kind, "StepLR", settings, **options)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ConstantLR", {"factor": 0.5, "total_iters": 7}),
        ("CosineAnnealingLR", {"T_max": 15, "eta_min": 0.001}),
        ("CosineAnnealingWarmRestarts", {"T_0": 5, "T_mult": 2, "eta_min": 0.001}),
        ("ExponentialLR", {"gamma": 0.9}),
        ("LinearLR", {"start_factor": 0.1, "end_factor": 0.5, "total_iters": 7}),
        ("MultiStepLR", {"milestones": [3, 9], "gamma": 0.5}),
        ("PolynomialLR", {"total_iters": 30, "power": 2.0}),
        ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ],
)
def test_each_schedule_takes_each_of_its_settings(name: str, settings: dict[str, Any]) -> None:
    found = trained([1], engine="moments", schedule={name: settings}).values
    assert_scheduled_by_torch(found, torch.optim.SGD, name, settings)


@pytest.mark.parametrize("engine", ["autograd", "spectral", "moments", "fused"])
def test_the_loss_that_is_lost_is_lost_at_the_same_step(engine: str) -> None:
    with pytest.raises(StepError, match=r"stopped being finite at step 11 \(inf\)"):
        trained([1], "float32", engine=engine, lr=30.0)


def test_what_only_the_loop_can_tell_is_left_to_it(tmp_path: Any) -> None:
    made = recipe([1])
    made["steps"].insert(1, {"compute": {"X_train": "X_train / 0"}})
    with pytest.raises(StepError, match="stopped being finite at step 1"):
        flowrun.run(made, record=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": {"StepLr": {"step_size": 3}}}, "did you mean `StepLR`?"),
        ({"schedule": {"StepLR": {"size": 3}}}, "`StepLR` has no setting `size`"),
        ({"schedule": {"StepLR": {}}}, "`StepLR` needs `step_size`"),
        ({"schedule": {"StepLR": 300}}, "`StepLR` takes a mapping of settings"),
        ({"schedule": {}}, "`schedule` names one schedule"),
        ({"optimizer": "adam", "momentum": 0.9}, "`momentum` is of sgd"),
        ({"nesterov": True}, "`nesterov` needs `momentum`"),
        ({"optimizer": "lbfgs", "weight_decay": 0.1}, "lbfgs has no `weight_decay`"),
        ({"optimizer": "sgdd"}, "one of: adadelta, adagrad, adam, adamax, adamw, lbfgs"),
        ({"engine": "fast"}, "one of: auto, autograd, fused, moments, numba, spectral"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_are_found_before_anything_runs(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        flowrun.plan(recipe([1], **options))
    assert message in str(caught.value)


@pytest.mark.parametrize("engine", ["autograd", "fused", "numba"])
def test_maximum_has_the_slope_of_one_half_at_zero(engine: str) -> None:
    if engine == "numba":
        pytest.importorskip("numba")
    made = recipe([6, 1], engine=engine)
    made["steps"][1]["init_params"] |= {"activation": "maximum", "init": "xavier"}
    made["steps"].insert(1, {"compute": {"X_train": "X_train * 0"}})  # so that all units are at 0
    values = flowrun.run(made, record=False).values
    params = {name: value.clone().requires_grad_() for name, value in values["first"].items()}
    for _ in range(40):
        before = values["X_train"] @ params["W1"] + params["b1"]
        hidden = torch.maximum(before, torch.zeros((), dtype=before.dtype))
        loss = torch.nn.functional.mse_loss(hidden @ params["W2"] + params["b2"], values["y_train"])
        loss.backward()
        with torch.no_grad():
            for value in params.values():
                value -= 0.05 * value.grad
                value.grad = None
    assert params["b1"].detach().abs().max() > 0
    torch.testing.assert_close(values["params"]["b1"], params["b1"].detach())


def test_numba_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setattr("flowrun_tensors.engines.fused_numba.find_spec", lambda name: None)
    with pytest.raises(StepError, match=re.escape("pip install 'flowrun-recipes[fast]'")):
        trained([8, 1], engine="numba")
    assert "engine fused" in said(trained([8, 1]))
