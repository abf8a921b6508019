"""Engines on a plugin's model of about 1,000,000 parameters, which has no gradient of its own.

python -m benchmarks.training.large_model [--rows 1000] [--steps 100] [--device cpu] [--rounds 5]

The model is a residual network in float32: 11 columns, four hidden layers of 500, normalized and
with GELU, and one target. Each engine trains in this process, in turn. Printed for each is the time
to begin (compiling included) and the time of one update, by the difference between a training of N
steps and one of 2 N; median of the rounds, with minimum and maximum, and the factor to `autograd`.

This file is the plugin as well, which the recipe names.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

import flowrun
from flowrun import hookimpl
from flowrun_tensors import Model

WIDTH, LAYERS = 500, 4
ENGINES = ("autograd", "compiled")

Params = dict[str, torch.Tensor]


def init(X: torch.Tensor) -> Params:
    """Weights of `(inputs, outputs)` for `X` of `(n, d)`, and biases of zero."""
    like: dict[str, Any] = {"dtype": X.dtype, "device": X.device}
    widths = [X.shape[1], *[WIDTH] * (LAYERS + 1), 1]
    params: Params = {}
    for layer, (inputs, outputs) in enumerate(pairwise(widths), start=1):
        params[f"W{layer}"] = torch.randn(inputs, outputs, **like) / inputs**0.5
        params[f"b{layer}"] = torch.zeros(outputs, **like)
    return params


def forward(params: Params, X: torch.Tensor) -> torch.Tensor:
    """Predictions `(n, 1)` of rows `(n, d)`."""
    hidden = X @ params["W1"] + params["b1"]
    for layer in range(2, LAYERS + 2):
        normal = torch.nn.functional.layer_norm(hidden, (WIDTH,))
        inner = normal @ params[f"W{layer}"] + params[f"b{layer}"]
        hidden = hidden + torch.nn.functional.gelu(inner)
    return hidden @ params[f"W{LAYERS + 2}"] + params[f"b{LAYERS + 2}"]


@hookimpl
def flowrun_tensors_models() -> list[Model]:
    return [Model("residual", init, forward)]


def trained(engine: str, steps: int, given: Params, device: str) -> float:
    """The seconds of one training."""
    recipe = {
        "recipe": "large_model",
        "device": device,
        "plugins": [str(Path(__file__).resolve())],
        "steps": [
            {"init_params": {"model": "residual"}},
            {"gd_train": {"lr": 0.001, "steps": steps, "engine": engine}},
        ],
    }
    planned = flowrun.plan(recipe, given=given)
    begun = time.perf_counter()
    result = flowrun.run_plan(planned, record=False)
    loss = float(result.values["losses"][-1])  # waits for the device
    assert math.isfinite(loss)
    return time.perf_counter() - begun


def main() -> None:
    """Time the engines, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    torch.manual_seed(0)
    X = torch.randn(chosen.rows, 11, device=chosen.device)
    given = {"X_train": X, "y_train": X.square().sum(1, keepdim=True)}
    count = sum(value.numel() for value in init(X).values())
    print(f"{count:,} parameters, {chosen.rows} rows, {chosen.device}, torch {torch.__version__}")
    begins = {one: trained(one, 1, given, chosen.device) for one in ENGINES}
    updates: dict[str, list[float]] = {one: [] for one in ENGINES}
    for _ in range(chosen.rounds):
        for engine, found in updates.items():
            short = trained(engine, chosen.steps, given, chosen.device)
            long = trained(engine, 2 * chosen.steps, given, chosen.device)
            found.append(1000 * (long - short) / chosen.steps)
    base = statistics.median(updates["autograd"])
    print("| engine | begins after, s | one update, ms | autograd / engine |\n|---|---|---|---|")
    for engine, found in updates.items():
        middle = statistics.median(found)
        spread = f"{middle:.2f} [{min(found):.2f}, {max(found):.2f}]"
        print(f"| {engine} | {begins[engine]:.1f} | {spread} | {base / middle:.2f} |")


if __name__ == "__main__":
    main()
