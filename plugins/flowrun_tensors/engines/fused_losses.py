"""Losses of a block of rows and their derivatives, as operations on tensors that are there already.

A block's tables are `(outputs, rows)`: the rows of an output lie side by side.
"""

from __future__ import annotations

from functools import partial

from flowrun_tensors.engines.fused_activations import Operation
from flowrun_tensors.lazy_torch import torch


class BlockLoss:
    """Takes the predictions of a block and computes the derivative of the loss.

    name: `mse`, `mae`, `huber` (delta 1) or `binary_cross_entropy` against targets `(rows,
    outputs)`, or `cross_entropy` against classes `(rows,)` int64. like: a table like those of the
    block. derivative: of the summed loss by the predictions, over `factor`.
    """

    def __init__(self, name: str, like: torch.Tensor) -> None:
        self.factor = 2.0 if name == "mse" else 1.0
        self._name = name
        self._predictions = torch.empty_like(like)
        self.derivative = self._predictions if name == "mse" else torch.empty_like(like)
        self._at_target = torch.empty_like(like[:1])
        self._ones = torch.ones_like(like[:1]).t()

    def operations(
        self,
        loss: torch.Tensor,
        weights: torch.Tensor,
        hidden: torch.Tensor,
        targets: torch.Tensor,
        *,
        beta: float,
        scale: float,
    ) -> list[Operation]:
        """Make `loss` `(1, 1)` beta times itself plus scale times the sum; fill `derivative`.

        The predictions are `weights @ hidden`, `(outputs, inputs) @ (inputs, rows)`.
        """
        into = {"beta": beta, "out": loss}
        if self._name == "cross_entropy":
            return self._cross_entropy(weights, hidden, targets.view(1, -1), scale, loss, into)
        if self._name == "binary_cross_entropy":
            return self._binary_cross_entropy(weights, hidden, targets.t(), scale, loss, into)
        errors = self._predictions
        # Each loss is a product of two tables, one of them the derivative: e e; sign(e) e; and,
        # with c = e within [-1, 1], c (e - c/2).
        derived: dict[str, list[Operation]] = {
            "mse": [],
            "mae": [partial(torch.sign, errors, out=self.derivative)],
            "huber": [
                partial(torch.clamp, errors, -1, 1, out=self.derivative),
                partial(errors.sub_, self.derivative, alpha=0.5),
            ],
        }
        left, right = self.derivative.view(1, -1), errors.view(1, -1).t()
        return [
            partial(torch.addmm, targets.t(), weights, hidden, beta=-1, out=errors),
            *derived[self._name],
            partial(torch.addmm, loss, left, right, alpha=scale, **into),
        ]

    def _cross_entropy(
        self,
        weights: torch.Tensor,
        hidden: torch.Tensor,
        classes: torch.Tensor,
        scale: float,
        loss: torch.Tensor,
        into: dict[str, object],
    ) -> list[Operation]:
        """The derivative is the softmax, less one at the class.

        Bishop, Pattern Recognition and Machine Learning, 2006, section 4.3.4.
        """
        softmax, at_target = self.derivative, self._at_target
        return [
            partial(torch.mm, weights, hidden, out=self._predictions),
            partial(torch.log_softmax, self._predictions, 0, out=softmax),
            partial(torch.gather, softmax, 0, classes, out=at_target),
            partial(torch.addmm, loss, at_target, self._ones, alpha=-scale, **into),
            softmax.exp_,
            at_target.exp_,
            partial(at_target.sub_, 1),
            partial(softmax.scatter_, 0, classes, at_target),
        ]

    def _binary_cross_entropy(
        self,
        weights: torch.Tensor,
        hidden: torch.Tensor,
        targets: torch.Tensor,
        scale: float,
        loss: torch.Tensor,
        into: dict[str, object],
    ) -> list[Operation]:
        """The loss of a prediction z is log(1 + e^z) - y z, and the derivative sigmoid(z) - y.

        Bishop, Pattern Recognition and Machine Learning, 2006, section 4.3.2.
        """
        z, derivative = self._predictions, self.derivative
        zero, ones = z.new_zeros(()), torch.ones_like(z).view(-1, 1)
        products = torch.empty_like(z)
        return [
            partial(torch.mm, weights, hidden, out=z),
            partial(torch.mul, z, targets, out=products),
            partial(torch.logaddexp, z, zero, out=derivative),
            partial(derivative.sub_, products),
            partial(torch.addmm, loss, derivative.view(1, -1), ones, alpha=scale, **into),
            partial(torch.sigmoid, z, out=derivative),
            partial(derivative.sub_, targets),
        ]
