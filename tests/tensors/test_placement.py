"""Seed, dtype and device set round each step, and put back after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import flowrun

Write = Callable[[str, str], Path]

STEPS = '''
import random
import numpy
import torch
from flowrun import step

@step(outputs=("drawn", "plain", "made"), random=True)
def draw():
    """Draw numbers."""
    return torch.randn(3), random.random(), torch.zeros(2)

@step(outputs="drawn", random=True)
def draw_numpy():
    """Draw by the generator of NumPy."""
    return numpy.random.rand(3).tolist()

@step(outputs="seen")
def look(made, nested=None):
    """Say what arrived."""
    return {"dtype": str(made.dtype), "device": str(made.device)}
'''


@pytest.fixture
def recipe(write: Write) -> Callable[[str], Path]:
    write("steps.py", STEPS)
    return lambda steps: write("r.yaml", f"recipe: r\nplugins: [steps.py]\nsteps:\n{steps}\n")


Make = Callable[[str], Path]


def test_random_numbers_follow_the_steps_seed(recipe: Make) -> None:
    path = recipe("  - draw")
    first, again, other = (flowrun.run(path, seed=seed, record=False).values for seed in (1, 1, 2))
    assert torch.equal(first["drawn"], again["drawn"])
    assert first["plain"] == again["plain"]
    assert not torch.equal(first["drawn"], other["drawn"])


def test_random_numbers_of_numpy_follow_the_steps_seed(recipe: Make) -> None:
    path = recipe("  - draw_numpy")
    first, again, other = (flowrun.run(path, seed=seed, record=False).values for seed in (1, 1, 2))
    assert first["drawn"] == again["drawn"]
    assert first["drawn"] != other["drawn"]


def test_the_callers_generator_and_default_dtype_are_put_back(recipe: Make) -> None:
    torch.manual_seed(5)
    expected = torch.randn(2)
    torch.manual_seed(5)
    flowrun.run(recipe("  - draw:\n    dtype: float64"))
    assert torch.equal(torch.randn(2), expected)
    assert torch.get_default_dtype() == torch.float32


def test_dtype_is_the_default_of_what_a_step_makes(recipe: Make) -> None:
    path = recipe("  - draw\n  - draw:\n    id: wide\n    dtype: float64\n    out: {made: wide}")
    values = flowrun.run(path).values
    assert values["made"].dtype == torch.float32
    assert values["wide"].dtype == torch.float64


def test_a_step_with_its_own_dtype_has_its_inputs_cast_and_says_so(recipe: Make) -> None:
    result = flowrun.run(recipe("  - draw\n  - look:\n    dtype: float64"))
    assert result.values["seen"]["dtype"] == "torch.float64"
    assert result.record["steps"][1]["messages"] == ["made cast to float64 (8 B)"]


def test_whole_numbers_are_not_cast_to_a_steps_own_dtype(recipe: Make) -> None:
    tensor, look = "  - tensor: {made: [1, 2]}", "  - look:\n    dtype: float64"
    result = flowrun.run(recipe(f"{tensor}\n{look}"))
    assert result.values["seen"]["dtype"] == "torch.int64"
    assert result.record["steps"][1]["messages"] == []


def test_a_step_without_its_own_dtype_takes_its_inputs_as_they_are(recipe: Make) -> None:
    result = flowrun.run(recipe("  - draw:\n    dtype: float64\n  - look"))
    assert result.values["seen"]["dtype"] == "torch.float64"
    assert result.record["steps"][1]["messages"] == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_step_with_its_own_device_has_its_inputs_moved_and_says_so(recipe: Make) -> None:
    text = "  - draw:\n    device: cpu\n  - look:\n    device: cuda"
    result = flowrun.run(recipe(text))
    assert result.values["seen"]["device"] == "cuda:0"
    assert result.record["steps"][1]["messages"] == ["made moved to cuda:0 (8 B)"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_training_recipe_runs_on_cuda_and_repeats_itself() -> None:
    path = Path(__file__).parents[2] / "recipes" / "red_mlp.yaml"
    settings = {"save.to": str(Path.cwd() / "out"), "gd_train.steps": 50}
    first, again = (flowrun.run(path, set=settings, device="cuda").values for _ in range(2))
    assert first["params"]["W1"].is_cuda
    assert torch.equal(first["params"]["W1"], again["params"]["W1"])
