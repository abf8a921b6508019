"""skorch: NeuralNetRegressor without callbacks, validation and printing.

Its default loader fetches one row after the other, which takes most of the time when a batch is all
of the data. So the rows are handed over as they are, as one batch, once for each step.
"""

from __future__ import annotations

from typing import Any

import torch
from skorch import NeuralNetRegressor

from benchmarks.training.contenders.networks import network, parameters_of, set_parameters
from benchmarks.training.contenders.tensors import tensors, wait
from benchmarks.training.problem import Problem, Train, Trained


def prepare(problem: Problem, option: str) -> Train:
    """The net of this problem; one epoch has a batch for each step."""
    X, y, first = tensors(problem)

    def whole_data(dataset: Any, batch_size: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [(dataset.X, dataset.y)] * problem.steps

    net = NeuralNetRegressor(
        network(problem),
        optimizer=torch.optim.SGD,
        lr=problem.lr,
        max_epochs=1,
        batch_size=-1,
        iterator_train=whole_data,
        train_split=None,
        callbacks="disable",
        verbose=0,
        device=problem.device,
    ).initialize()

    def train() -> Trained:
        set_parameters(net.module_, first)
        net.initialize_history()
        net.partial_fit(X, y)
        wait(problem)
        return Trained(parameters_of(net.module_), net.history[0, "batches", :, "train_loss"])

    return train
