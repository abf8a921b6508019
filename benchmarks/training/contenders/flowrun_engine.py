"""flowrun's step `gd_train`, called from Python as a user calls it; the option is the engine.

`fused-torch` is no value of `engine`: it is `fused` as it is where numba is not installed.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from benchmarks.training.contenders.tensors import tensors, wait
from benchmarks.training.problem import Problem, Train, Trained, UnavailableError
from flowrun import Context
from flowrun.running.context import ContextState
from flowrun_tensors.steps.gd_train import gd_train


def prepare(problem: Problem, option: str) -> Train:
    """A call of the step for this problem."""
    if option == "numba" and find_spec("numba") is None:
        raise UnavailableError("numba is not installed with this version of flowrun")
    if option == "fused-torch":
        if "numba" in sys.modules:
            raise UnavailableError("flowrun has loaded numba already")
        # From here on an import of it fails, and nothing finds it.
        sys.modules["numba"] = None  # type: ignore[assignment]
    X, y, params = tensors(problem)
    widths = [len(problem.params["W1"])]
    widths += [len(value) for name, value in problem.params.items() if name.startswith("b")]
    model = {"layers": widths, "activation": "relu"}
    device = "cuda:0" if problem.device == "cuda" else "cpu"

    def step() -> Trained:
        state = ContextState("train", 0, device, "float32", Path())
        ctx = Context(state)
        made = gd_train(
            {}, params, X, y, model,
            lr=problem.lr, steps=problem.steps, engine=option.removesuffix("-torch"), ctx=ctx,
        )  # fmt: skip
        wait(problem)
        said = [message.text for message in state.messages if "engine" in message.text]
        return Trained(made["params"], made["losses"], "; ".join(said))

    return step
