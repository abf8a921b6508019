"""torch.compile of whole updates: gradient and all, ten to a graph.

Ten steps in one graph spare most of what a call of a compiled function costs; with fifty it took
three times as long to compile, and the training no less. On CUDA, mode `reduce-overhead` replays
CUDA graphs, whose outputs have to be copied before the next replay.
"""

from __future__ import annotations

import math

import torch

from benchmarks.training.contenders.tensors import tensors, wait
from benchmarks.training.problem import Problem, Train, Trained

STEPS_OF_GRAPH = 10

Params = dict[str, torch.Tensor]


def linear(params: Params, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Squared error of the linear model."""
    return ((X @ params["W1"] + params["b1"] - y) ** 2).mean()


def network(params: Params, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Squared error of the network."""
    hidden = torch.relu(X @ params["W1"] + params["b1"])
    return ((hidden @ params["W2"] + params["b2"] - y) ** 2).mean()


def prepare(problem: Problem, option: str) -> Train:
    """The compiled block of steps, and the loop around it; it compiles when first called."""
    X, y, first = tensors(problem)
    block = math.gcd(problem.steps, STEPS_OF_GRAPH)
    replayed = problem.device == "cuda"
    gradient_of = torch.func.grad_and_value(network if problem.is_network else linear)

    def updates(params: Params, X: torch.Tensor, y: torch.Tensor) -> tuple[Params, torch.Tensor]:
        losses = []
        for _ in range(block):
            gradients, loss = gradient_of(params, X, y)
            params = {name: params[name] - problem.lr * gradients[name] for name in params}
            losses.append(loss)
        return params, torch.stack(losses)

    mode = "reduce-overhead" if replayed else "default"
    compiled = torch.compile(updates, fullgraph=True, mode=mode)

    @torch.no_grad()
    def train() -> Trained:
        params, kept = first, []
        for _ in range(problem.steps // block):
            params, losses = compiled(params, X, y)
            if replayed:
                params = {name: value.clone() for name, value in params.items()}
                losses = losses.clone()
            kept.append(losses)
        trained = Trained(params, torch.cat(kept))
        wait(problem)
        return trained

    return train
