"""One pass over the data for the moments of `[X, 1, y]` in float64, in blocks that a cache holds.

No training: a yardstick for what reading the data once costs. Its result is held against the
product of the whole table before anything is timed.
"""

from __future__ import annotations

import numpy as np

from benchmarks.training.problem import Problem, Train, Trained, UnavailableError

ROWS = 4096  # of a block, 416 KiB in float64


def moments(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`Zᵀ Z` of `Z = [X, 1, y]`."""
    columns = X.shape[1]
    block = np.ones((ROWS, columns + 2))
    total = np.zeros((columns + 2, columns + 2))
    for start in range(0, len(X), ROWS):
        part = block[: min(ROWS, len(X) - start)]
        part[:, :columns] = X[start : start + ROWS]
        part[:, columns + 1 :] = y[start : start + ROWS]
        total += part.T @ part
    return total


def prepare(problem: Problem, option: str) -> Train:
    """The pass over the data of this problem."""
    if problem.device != "cpu":
        raise UnavailableError("this pass is for the CPU")
    X, y = problem.X, problem.y
    whole = np.hstack([X, np.ones_like(y), y]).astype(np.float64)
    np.testing.assert_allclose(moments(X, y), whole.T @ whole, rtol=1e-9, atol=1e-9 * len(X))
    del whole

    def train() -> Trained:
        moments(X, y)
        return Trained({})

    return train
