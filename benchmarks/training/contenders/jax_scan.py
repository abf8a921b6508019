"""JAX: value_and_grad in a lax.scan over the steps, jitted and compiled before the first call.

Unrolling the scan was tried (4 and 10 steps): it takes longer to compile, and is not faster.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from benchmarks.training.problem import Problem, Train, Trained, UnavailableError

Params = dict[str, jax.Array]


def linear(params: Params, X: jax.Array, y: jax.Array) -> jax.Array:
    """Squared error of the linear model."""
    return jnp.mean((X @ params["W1"] + params["b1"] - y) ** 2)


def network(params: Params, X: jax.Array, y: jax.Array) -> jax.Array:
    """Squared error of the network."""
    hidden = jax.nn.relu(X @ params["W1"] + params["b1"])
    return jnp.mean((hidden @ params["W2"] + params["b2"] - y) ** 2)


def prepare(problem: Problem, option: str) -> Train:
    """The whole training, compiled."""
    try:
        device = jax.devices("cuda" if problem.device == "cuda" else "cpu")[0]
    except RuntimeError as error:
        raise UnavailableError("the JAX that is installed here is for the CPU") from error
    loss_of = network if problem.is_network else linear
    X, y = (jax.device_put(array, device) for array in (problem.X, problem.y))
    first = {name: jax.device_put(value, device) for name, value in problem.params.items()}

    @jax.jit
    def descent(params: Params, X: jax.Array, y: jax.Array) -> tuple[Params, jax.Array]:
        def update(params: Params, _: None) -> tuple[Params, jax.Array]:
            loss, gradients = jax.value_and_grad(loss_of)(params, X, y)
            return jax.tree.map(lambda old, g: old - problem.lr * g, params, gradients), loss

        return jax.lax.scan(update, params, length=problem.steps)

    compiled = descent.lower(first, X, y).compile()

    def train() -> Trained:
        return Trained(*jax.block_until_ready(compiled(first, X, y)))

    return train
