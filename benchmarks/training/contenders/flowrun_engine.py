"""flowrun's step `gd_train`, called from Python as a user calls it; the option is the engine.

Two are not values of `engine`. `fused-torch` is `fused` as it is where numba is not installed.
`fused-numba` is the class behind `fused`, told to take numba's kernel, where the step would weigh
whether the descent is long enough for numba to be loaded.
"""

from __future__ import annotations

import inspect
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.training.contenders.tensors import tensors, wait
from benchmarks.training.problem import Problem, Train, Trained, UnavailableError
from flowrun import Context
from flowrun_tensors.steps.gd_train import gd_train


def prepare(problem: Problem, option: str) -> Train:
    """A call of the step for this problem."""
    if option == "fused-numba" and find_spec("numba") is None:
        raise UnavailableError("numba is not installed with this version of flowrun")
    if option == "fused-torch":
        if "numba" in sys.modules:
            raise UnavailableError("flowrun has loaded numba already")
        # From here on an import of it fails, and nothing finds it.
        sys.modules["numba"] = None  # type: ignore[assignment]
    engine = choice(option.removesuffix("-torch").removesuffix("-numba"))
    X, y, params = tensors(problem)
    widths = [len(problem.params["W1"])]
    widths += [len(value) for name, value in problem.params.items() if name.startswith("b")]
    model = {"layers": widths, "activation": "relu"}
    device = "cuda:0" if problem.device == "cuda" else "cpu"

    def kernel() -> Trained:
        from flowrun_tensors.engines.fused import Fused

        fused = Fused(params, X, y, steps=problem.steps, activation="relu", kernel="numba")
        for _ in range(problem.steps):
            fused.step(problem.lr)
        return Trained(fused.parameters(), fused.losses)

    def step() -> Trained:
        ctx = Context(step="train", seed=0, device=device, dtype="float32", folder=Path())
        trained, losses = gd_train(
            params,
            X,
            y,
            model,
            lr=problem.lr,
            steps=problem.steps,
            loss="mse",
            batch_size=None,
            tolerance=0.0,
            ctx=ctx,
            **engine,
        )
        wait(problem)
        said = [message.text for message in ctx.messages if "engine" in message.text]
        return Trained(trained, losses, "; ".join(said))

    return kernel if option == "fused-numba" else step


def choice(engine: str) -> dict[str, Any]:
    """The keyword that asks for an engine."""
    if "engine" in inspect.signature(gd_train).parameters:
        return {"engine": engine}
    # A version without engines, to compare with: all it has is the loop.
    if engine == "autograd":
        return {}
    raise UnavailableError("this version of flowrun has no engines")
