"""The loop one writes by hand with tensors and `backward`, as the article does; the reference.

In the place of printing the loss it is kept, which takes no time that can be measured. The options
are two ways to write relu: `maximum`, `torch.maximum(x, torch.tensor(0))`, whose slope at 0 is 1/2,
and `relu`, whose slope there is 0. To make the zero once, before the loop, would save the former a
tenth of its time.
"""

from __future__ import annotations

import torch

from benchmarks.training.contenders.tensors import tensors, wait
from benchmarks.training.problem import Problem, Train, Trained


def prepare(problem: Problem, option: str) -> Train:
    """The loop of this problem."""
    X, y, first = tensors(problem)

    def linear() -> Trained:
        weights = first["W1"].clone().requires_grad_()
        bias = first["b1"].clone().requires_grad_()
        losses = []
        for _ in range(problem.steps):
            predicted = X @ weights + bias
            loss = ((predicted - y) ** 2).mean()
            loss.backward()
            with torch.no_grad():
                weights -= problem.lr * weights.grad
                bias -= problem.lr * bias.grad
            weights.grad = None
            bias.grad = None
            losses.append(loss)
        return ended({"W1": weights, "b1": bias}, losses)

    def network() -> Trained:
        params = {name: value.clone().requires_grad_() for name, value in first.items()}
        weights1, bias1, weights2, bias2 = params.values()
        losses = []
        for _ in range(problem.steps):
            hidden = X @ weights1 + bias1
            hidden = (
                torch.relu(hidden) if option == "relu" else torch.maximum(hidden, torch.tensor(0))
            )
            predicted = hidden @ weights2 + bias2
            loss = ((predicted - y) ** 2).mean()
            loss.backward()
            with torch.no_grad():
                weights1 -= problem.lr * weights1.grad
                bias1 -= problem.lr * bias1.grad
                weights2 -= problem.lr * weights2.grad
                bias2 -= problem.lr * bias2.grad
            weights1.grad = None
            bias1.grad = None
            weights2.grad = None
            bias2.grad = None
            losses.append(loss)
        return ended(params, losses)

    def ended(params: dict[str, torch.Tensor], losses: list[torch.Tensor]) -> Trained:
        trained = {name: value.detach() for name, value in params.items()}
        kept = torch.stack(losses).detach()
        wait(problem)
        return Trained(trained, kept)

    return network if problem.is_network else linear
