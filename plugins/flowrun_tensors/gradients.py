"""The loss and its gradient by a model's parameters: by autograd or by the model itself."""

from __future__ import annotations

from collections.abc import Sequence

from flowrun import FlowrunError
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.losses import loss_and_slope, loss_function
from flowrun_tensors.models import Predict, Predictor
from flowrun_tensors.parameters import GradientAt, LossAt, Params

_ROWS_COMPARED = 64  # on which a model's own gradient is compared with autograd's


def loss_at(predict: Predict, name: str) -> LossAt:
    """The loss, by name, of a model's predictions."""
    loss_of = loss_function(name)
    return lambda params, X, y: loss_of(predict(params, X), y)


def by_autograd(loss_at: LossAt) -> GradientAt:
    """The gradient by torch's autograd, for parameters that it tracks."""

    def gradient_at(
        params: Params, X: torch.Tensor, y: torch.Tensor
    ) -> tuple[torch.Tensor, Sequence[torch.Tensor]]:
        loss = loss_at(params, X, y)
        return loss.detach(), torch.autograd.grad(loss, list(params.values()))

    return gradient_at


def by_model(predictor: Predictor, loss: str) -> GradientAt:
    """The model's own gradient; its first is compared with autograd's on a few rows.

    Raises FlowrunError if the two differ.
    """
    compared = by_autograd(loss_at(predictor.predict, loss))
    gradient = predictor.gradient
    assert gradient is not None
    were_compared = False

    @torch.no_grad()
    def of_model(
        params: Params, X: torch.Tensor, y: torch.Tensor
    ) -> tuple[torch.Tensor, Sequence[torch.Tensor]]:
        found: list[torch.Tensor] = []

        def slope_of(predictions: torch.Tensor) -> torch.Tensor:
            value, slope = loss_and_slope(loss, predictions, y)
            found.append(value)
            return slope

        gradients = gradient(params, X, slope_of)
        if len(found) != 1 or set(gradients) != set(params):
            raise FlowrunError(
                f"the model's gradient called `slope_of` {len(found)} times and gave "
                f"{', '.join(gradients) or 'nothing'}; it calls it once, with the predictions, and "
                f"gives {', '.join(params)}"
            )
        return found[0], [gradients[name] for name in params]

    def gradient_at(
        params: Params, X: torch.Tensor, y: torch.Tensor
    ) -> tuple[torch.Tensor, Sequence[torch.Tensor | None]]:
        nonlocal were_compared
        if not were_compared:
            few = X[:_ROWS_COMPARED], y[:_ROWS_COMPARED]
            _require_equal(params, of_model(params, *few)[1], compared(params, *few)[1])
            were_compared = True
        return of_model(params, X, y)

    return gradient_at


def _require_equal(
    params: Params, own: Sequence[torch.Tensor], expected: Sequence[torch.Tensor | None]
) -> None:
    for name, mine, other in zip(params, own, expected, strict=True):
        assert other is not None  # autograd has raised
        if mine.shape != other.shape:
            raise FlowrunError(
                f"the model's own gradient of `{name}` has the shape {tuple(mine.shape)}, and the "
                f"parameter {tuple(other.shape)}"
            )
        bound = torch.finfo(other.dtype).eps ** 0.5
        apart = float(torch.linalg.vector_norm(mine - other))
        size = float(torch.linalg.vector_norm(other))
        if apart > 10 * bound * size + bound:
            raise FlowrunError(
                f"the model's own gradient of `{name}` is not that of its forward pass: on the "
                f"first rows it departs from autograd's by {apart:.3g}, whose norm is {size:.3g}\n"
                "mend `gradient`, or leave it out: autograd then takes its place"
            )
