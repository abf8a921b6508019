"""The task of an engine: parameters, data, model, loss, and the settings of the descent."""

from __future__ import annotations

from dataclasses import dataclass

from flowrun_tensors.gradients import LossAt, loss_at
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.models import Params, Predictor
from flowrun_tensors.training import Descent
from flowrun_tensors.validation import Validation


@dataclass(frozen=True, slots=True)
class Task:
    """One training.

    params: `W1, b1, ...`, or those of a plugin's model. X: `(n, d)`. y: `(n, k)`, of one dtype and
    device with X, or classes `(n,)` int64. loss: by name. validated: the same as X and y of the
    rows to validate with, None if the loss on them is not wanted. patience: see `Validation`.
    """

    params: Params
    X: torch.Tensor
    y: torch.Tensor
    predictor: Predictor
    loss: str
    settings: Descent
    validated: tuple[torch.Tensor, torch.Tensor] | None = None
    patience: int | None = None

    @property
    def loss_at(self) -> LossAt:
        """The loss of parameters on rows and targets."""
        return loss_at(self.predictor.predict, self.loss)

    def validation(self) -> Validation | None:
        """Tracks the loss on the validation rows; None if it is not wanted."""
        if self.validated is None:
            return None
        X, y = self.validated
        of_rows = self.loss_at
        return Validation(
            lambda params: of_rows(params, X, y), self.X, self.settings.steps, self.patience
        )
