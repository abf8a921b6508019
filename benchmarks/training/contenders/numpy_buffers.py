"""NumPy with the gradient derived by hand and every large result written into a buffer.

The bias is one more column of ones, in column-major order, which OpenBLAS multiplies fastest; all
stays float32. In the network, with that table Z, `Zᵀ ((r uᵀ) ∘ mask)` is taken as
`(Zᵀ (r ∘ mask)) ∘ u`, which saves one product of the size of the hidden layer.
"""

from __future__ import annotations

import numpy as np

from benchmarks.training.problem import Problem, Train, Trained, UnavailableError


def prepare(problem: Problem, option: str) -> Train:
    """The loop of this problem."""
    if problem.device != "cpu":
        raise UnavailableError("NumPy computes on the CPU")
    rows, columns = problem.X.shape
    table = np.empty((rows, columns + 1), np.float32, order="F")
    table[:, :columns] = problem.X
    table[:, columns] = 1
    y = problem.y.ravel()
    rate = np.float32(problem.lr * 2 / rows)
    residual = np.empty(rows, np.float32)
    losses = np.empty(problem.steps, np.float32)
    first = problem.params

    def linear() -> Trained:
        theta = np.vstack([first["W1"], first["b1"]]).ravel()
        gradient = np.empty_like(theta)
        for step in range(problem.steps):
            np.dot(table, theta, out=residual)
            np.subtract(residual, y, out=residual)
            losses[step] = residual @ residual
            np.dot(table.T, residual, out=gradient)
            np.multiply(gradient, rate, out=gradient)
            np.subtract(theta, gradient, out=theta)
        return Trained({"W1": theta[:-1, None], "b1": theta[-1:]}, losses / rows)

    def network() -> Trained:
        theta = np.vstack([first["W1"], first["b1"]])
        outer, bias = first["W2"].ravel().copy(), first["b2"].copy()
        hidden = np.empty((rows, len(outer)), np.float32)
        flowing = np.empty_like(hidden)
        active = np.empty(hidden.shape, bool)
        gradient, outer_gradient = np.empty_like(theta), np.empty_like(outer)
        for step in range(problem.steps):
            np.dot(table, theta, out=hidden)
            np.maximum(hidden, 0, out=hidden)
            np.dot(hidden, outer, out=residual)
            np.add(residual, bias, out=residual)
            np.subtract(residual, y, out=residual)
            losses[step] = residual @ residual
            np.multiply(residual, rate, out=residual)
            np.dot(hidden.T, residual, out=outer_gradient)
            np.greater(hidden, 0, out=active)
            np.multiply(active, residual[:, None], out=flowing)
            np.dot(table.T, flowing, out=gradient)
            np.multiply(gradient, outer, out=gradient)
            np.subtract(bias, residual.sum(), out=bias)
            np.subtract(outer, outer_gradient, out=outer)
            np.subtract(theta, gradient, out=theta)
        params = {"W1": theta[:-1], "b1": theta[-1], "W2": outer[:, None], "b2": bias}
        return Trained(params, losses / rows)

    return network if problem.is_network else linear
