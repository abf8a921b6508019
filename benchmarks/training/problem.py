"""What a contender is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


class UnavailableError(Exception):
    """A contender cannot take part here; the message says why. No mistake of anyone."""


@dataclass(frozen=True)
class Problem:
    """One training. `X` `(n, 11)`, `y` `(n, 1)` and `params` are float32 arrays in memory.

    params: `W1` `(11, outputs)` and `b1` `(outputs,)`, for a network `W2` and `b2` as well.
    steps: updates of the parameters. device: `cpu` or `cuda`.
    """

    X: np.ndarray
    y: np.ndarray
    params: Mapping[str, np.ndarray]
    lr: float
    steps: int
    device: str

    @property
    def is_network(self) -> bool:
        """Whether there is a hidden layer, with relu."""
        return "W2" in self.params


@dataclass(frozen=True)
class Trained:
    """The parameters after the last step, and the loss before each; arrays of any library.

    losses: None where the tool does not give them. note: what the table should say of this run.
    """

    params: Mapping[str, Any]
    losses: Any = None
    note: str = ""


# Trains from the first parameters, again at each call; returns when the result is there.
Train = Callable[[], Trained]


def read(folder: Path, lr: float, steps: int, device: str) -> Problem:
    """The problem whose files lie in this folder."""
    with np.load(folder / "params.npz") as params:
        return Problem(
            np.load(folder / "X.npy"), np.load(folder / "y.npy"), dict(params), lr, steps, device
        )


def mean_squared_error(problem: Problem, params: Mapping[str, np.ndarray]) -> float:
    """Of the predictions with these parameters, in float64, a block of rows at a time."""
    total = 0.0
    for start in range(0, len(problem.X), 100_000):
        hidden = problem.X[start : start + 100_000] @ params["W1"].astype(float) + params["b1"]
        if problem.is_network:
            hidden = np.maximum(hidden, 0) @ params["W2"] + params["b2"]
        total += float(np.square(hidden - problem.y[start : start + 100_000]).sum())
    return total / problem.y.size
