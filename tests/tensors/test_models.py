"""Models that a plugin gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import flowrun
from flowrun import RecipeError, StepError
from tests import processes
from tests.conftest import Flowrun

PLUGIN = """
import torch
from flowrun import hookimpl
from flowrun_tensors import Model

def init(X, *, hidden=8):
    like = {"dtype": X.dtype, "device": X.device}
    return {
        "inner": 0.1 * torch.randn(X.shape[1], hidden, **like),
        "outer": 0.1 * torch.randn(hidden, 1, **like),
        "direct": torch.zeros(X.shape[1], 1, **like),
    }

def forward(params, X, *, hidden=8):
    return torch.tanh(X @ params["inner"]) @ params["outer"] + X @ params["direct"]

def gradient(params, X, slope_of, *, hidden=8):
    h = torch.tanh(X @ params["inner"])
    slope = slope_of(h @ params["outer"] + X @ params["direct"])
    back = (slope @ params["outer"].T) * (1 - h * h)
    return {"inner": X.T @ back, "outer": h.T @ slope, "direct": X.T @ slope}

def wrong(params, X, slope_of, *, hidden=8):
    return gradient(params, X, slope_of) | {"direct": torch.zeros_like(params["direct"])}

def partly(params, X, slope_of, *, hidden=8):
    return {"inner": gradient(params, X, slope_of)["inner"]}

def flat(params, X, *, hidden=8):
    return forward(params, X).squeeze(1)

@hookimpl
def flowrun_tensors_models():
    return [
        Model("wide", init, forward, gradient),
        Model("plain", init, forward),
        Model("wrong", init, forward, wrong),
        Model("partly", init, forward, partly),
        Model("flat", init, flat),
    ]
"""

RECIPE = """
recipe: own
dtype: float64
plugins: [./own.py]
steps:
  - random: {X_train: {randn: [90, 4]}, y_train: {randn: [90, 1]}, X_val: {randn: [30, 4]}}
  - init_params: {model: wide, settings: {hidden: 5}}
    out: {params: first}
  - gd_train: {lr: 0.05, steps: 40}
    in: {params: first}
  - predict:
    in: {data: X_val}
  - save: {to: out/own}
"""

Write = Callable[[str, str], Path]


@pytest.fixture
def own(write: Write) -> Path:
    write("own.py", PLUGIN)
    return write("own.yaml", RECIPE)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_the_models_own_gradient_walks_the_path_of_autograd(
    own: Path, loss: str, optimizer: str
) -> None:
    changes = {"gd_train.loss": loss, "gd_train.optimizer": optimizer}
    result = flowrun.run(own, set=changes)
    messages = str(next(s for s in result.record["steps"] if s["id"] == "gd_train")["messages"])
    assert "engine fused" in messages
    expected = flowrun.run(own, set=changes | {"gd_train.engine": "autograd"}).values
    for name in ("inner", "outer", "direct"):
        assert not torch.equal(result.values["params"][name], result.values["first"][name])
        torch.testing.assert_close(result.values["params"][name], expected["params"][name])


def test_a_model_without_a_gradient_is_trained_by_its_forward_pass(own: Path) -> None:
    values = flowrun.run(own, set={"init_params.model": "plain"}).values
    expected = flowrun.run(own, set={"gd_train.engine": "autograd"}).values
    torch.testing.assert_close(values["params"]["inner"], expected["params"]["inner"])
    torch.testing.assert_close(values["y_hat"], expected["y_hat"])


def test_a_saved_model_predicts_where_its_plugin_is_at_hand(own: Path, write: Write) -> None:
    values = flowrun.run(own).values
    score = write(
        "score.yaml",
        "recipe: score\ndtype: float64\nplugins: [./own.py]\nsteps:\n"
        "  - load: {source: out/own, values: [params, model]}\n"
        "  - tensor: {data: [[1.0, 2.0, 3.0, 4.0]]}\n  - predict\n",
    )
    row = torch.tensor([[1.0, 2, 3, 4]], dtype=torch.float64)
    params = values["params"]
    expected = torch.tanh(row @ params["inner"]) @ params["outer"] + row @ params["direct"]
    torch.testing.assert_close(flowrun.run(score).values["y_hat"], expected)
    score.write_text(score.read_text().replace("plugins: [./own.py]\n", ""))
    with pytest.raises(StepError, match="there is no model `wide`; the loaded plugins give: none"):
        flowrun.run(score)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("wrong", "own gradient of `direct` is not that of its forward pass"),
        ("partly", "it calls it once, with the predictions, and gives inner, outer, direct"),
        ("flat", "gives predictions of the shape"),
        ("wid", "did you mean `wide`?"),
    ],
)
def test_a_model_that_is_not_what_it_says_is_refused(own: Path, model: str, message: str) -> None:
    with pytest.raises(StepError) as caught:
        flowrun.run(own, set={"init_params.model": model})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "`init_params` needs `layers`, or a plugin's `model`"),
        ({"model": "wide", "layers": [1]}, "`layers` is of a network of layers"),
        ({"model": "wide", "scale": 0.1}, "`scale` is of a network of layers"),
        ({"layers": [1], "settings": {"hidden": 3}}, "`settings` are of a plugin's model"),
    ],
    ids=str,
)
def test_options_of_layers_and_of_models_do_not_mix(options: dict, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        flowrun.plan(
            {
                "recipe": "mixed",
                "steps": [{"random": {"X_train": {"randn": [9, 4]}}}, {"init_params": options}],
            }
        )
    assert message in str(caught.value)


def test_a_model_whose_code_changed_is_trained_again(own: Path, flowrun: Flowrun) -> None:
    assert "kept" not in flowrun(own).stdout
    assert flowrun(own).stdout.count("kept") >= 4
    plugin = own.with_name("own.py")
    plugin.write_text(plugin.read_text().replace("0.1 * torch.randn(hidden", "0.2 * torch.randn(h"))
    done = flowrun(own, "--no-check")
    assert "NameError" in done.stderr or done.returncode == 3
    plugin.write_text(PLUGIN.replace("0.1 * torch.randn(hidden", "0.2 * torch.randn(hidden"))
    lines = [line for line in flowrun(own).stdout.splitlines() if " gd_train " in f"{line} "]
    assert lines
    assert all("kept" not in line for line in lines)


def test_a_recipe_with_a_plugins_model_is_exported_and_checked(
    own: Path, flowrun: Flowrun, tmp_path: Path
) -> None:
    done = flowrun("check", own)
    assert done.returncode == 0, done.stderr
    assert "params {inner (4, 5), outer (5, 1), direct (4, 1)}" in done.stdout
    done = flowrun("export", own, "-o", tmp_path / "script.py")
    assert done.returncode == 0, done.stderr
    code = "import script, torch; torch.save({'params': script.params}, 'values.pt')"
    assert processes.run(["-c", code], cwd=tmp_path).returncode == 0
    import flowrun as package

    values = torch.load(tmp_path / "values.pt")
    expected = package.run(own, set={"gd_train.engine": "autograd"}).values
    assert torch.equal(values["params"]["inner"], expected["params"]["inner"])
