"""The task of an engine: parameters, data, model, loss, and the settings of the descent."""

from __future__ import annotations

from dataclasses import dataclass

from flowrun_tensors.gradients import by_autograd, loss_at
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.losses import loss_function
from flowrun_tensors.models import Predictor, predicted
from flowrun_tensors.parameters import GradientAt, LossAt, Params, floating_of
from flowrun_tensors.training import Descent, Tracked, Trainee
from flowrun_tensors.validation import Validation


@dataclass(frozen=True, slots=True)
class Task:
    """One training.

    params: `W1, b1, ...`, or those of a plugin's model. X: `(n, d)`, or rows of any shape for a
    module. y: `(n, k)`, of one dtype and device with X, or classes `(n,)` int64. loss: by name.
    validated: the same as X and y of the rows to validate with, None if the loss on them is not
    wanted. patience: see `Validation`.
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

    def loss_on(self, params: Params, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The loss of parameters that are not tracked, of a module some rows at a time."""
        return loss_function(self.loss)(predicted(self.predictor, params, X, None), y)

    @property
    def gradient_at(self) -> GradientAt:
        """The loss and its gradient by torch's autograd."""
        module = self.predictor.module
        return by_autograd(self.loss_at) if module is None else module.gradient_by(self.loss)

    def begin(self, params: Params) -> Trainee:
        """What a descent from these parameters trains."""
        module = self.predictor.module
        return Tracked(params) if module is None else module.begin(self.X, params)

    def validation(self) -> Validation | None:
        """Tracks the loss on the validation rows; None if it is not wanted."""
        if self.validated is None:
            return None
        X, y = self.validated
        settings = self.settings
        return Validation(
            lambda params: self.loss_on(params, X, y), floating_of(self.params), settings.steps,
            self.patience, settings.epoch,
        )  # fmt: skip
