"""Lightning: a LightningModule and a Trainer in barebones mode.

That mode turns off logging, checkpoints, the progress bar and the summary, as Lightning recommends
to see what it costs itself. One epoch has a batch, the whole data, for each step.
"""

from __future__ import annotations

import itertools
import logging
import warnings
from collections.abc import Iterator

import lightning
import torch
from torch import nn

from benchmarks.training.contenders.networks import network, parameters_of, set_parameters
from benchmarks.training.contenders.tensors import tensors, wait
from benchmarks.training.problem import Problem, Train, Trained


class Regression(lightning.LightningModule):
    """The network with squared error and SGD."""

    def __init__(self, module: nn.Module, lr: float) -> None:
        super().__init__()
        self.module = module
        self.lr = lr
        self.loss_of = nn.MSELoss()
        self.losses: list[torch.Tensor] = []

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """The loss of a batch."""
        X, y = batch
        loss = self.loss_of(self.module(X), y)
        self.losses.append(loss.detach())
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=self.lr)


class WholeData:
    """All rows as one batch, again and again; a list would be taken for several loaders."""

    def __init__(self, X: torch.Tensor, y: torch.Tensor, times: int) -> None:
        self._batch = (X, y)
        self._times = times

    def __len__(self) -> int:
        return self._times

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return itertools.repeat(self._batch, self._times)


def prepare(problem: Problem, option: str) -> Train:
    """The module; a trainer is made for each training, as one cannot begin again."""
    X, y, first = tensors(problem)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    # About settings that suit large data, such as more workers of a loader.
    warnings.filterwarnings("ignore", module="lightning")
    model = Regression(network(problem), problem.lr)
    batches = WholeData(X, y, problem.steps)
    accelerator = "gpu" if problem.device == "cuda" else "cpu"

    def train() -> Trained:
        set_parameters(model.module, first)
        model.losses.clear()
        trainer = lightning.Trainer(
            barebones=True, max_epochs=1, accelerator=accelerator, devices=1
        )
        trainer.fit(model, batches)
        kept = torch.stack(model.losses)
        wait(problem)
        return Trained(parameters_of(model.module), kept)

    return train
