"""torch.nn, torch.optim.SGD and MSELoss, in the loop of the PyTorch tutorials.

SGD's `foreach` and `fused` are left at their defaults: for so few parameters neither is faster.
"""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.training.contenders.networks import network, parameters_of, set_parameters
from benchmarks.training.contenders.tensors import tensors, wait
from benchmarks.training.problem import Problem, Train, Trained


def prepare(problem: Problem, option: str) -> Train:
    """The loop of this problem."""
    X, y, first = tensors(problem)
    model = network(problem).to(problem.device)
    loss_of = nn.MSELoss()

    def train() -> Trained:
        set_parameters(model, first)
        optimizer = torch.optim.SGD(model.parameters(), lr=problem.lr)
        losses = []
        for _ in range(problem.steps):
            optimizer.zero_grad()
            loss = loss_of(model(X), y)
            loss.backward()
            optimizer.step()
            losses.append(loss)
        kept = torch.stack(losses).detach()
        wait(problem)
        return Trained(parameters_of(model), kept)

    return train
