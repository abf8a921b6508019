"""Losses and metrics of predictions, by the names torch gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowrun import FlowrunError
from flowrun_tensors.class_metrics import OF_CLASSES, class_metric
from flowrun_tensors.lazy_torch import functional, torch

Loss = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]


def loss_function(name: str) -> Loss:
    """`mse`, `mae`, `huber` (delta 1), `cross_entropy` or `binary_cross_entropy` of logits.

    Means, from torch.nn.functional.
    """
    losses: dict[str, Loss] = {
        "mse": functional.mse_loss,
        "mae": functional.l1_loss,
        "huber": functional.huber_loss,
        "cross_entropy": functional.cross_entropy,
        "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
    }
    return losses[name]


def loss_and_slope(
    name: str, predictions: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """A loss, and its derivative by the predictions `(n, k)`, written out."""
    if name == "cross_entropy":
        # The softmax, less one at the class: Bishop, Pattern Recognition and Machine Learning,
        # 2006, section 4.3.4.
        logarithms, classes = predictions.log_softmax(1), y.unsqueeze(1)
        loss = -logarithms.gather(1, classes).mean()
        slope = logarithms.exp().scatter_add_(
            1, classes, logarithms.new_tensor(-1).expand_as(classes)
        )
        return loss, slope / len(y)
    if name == "binary_cross_entropy":
        loss = functional.binary_cross_entropy_with_logits(predictions, y)
        return loss, (predictions.sigmoid() - y) / y.numel()
    errors = predictions - y
    if name == "mse":
        return errors.square().mean(), errors * (2 / errors.numel())
    if name == "mae":
        return errors.abs().mean(), errors.sign() / errors.numel()
    clamped = errors.clamp(-1, 1)
    return (clamped * (errors - clamped / 2)).mean(), clamped / errors.numel()


def classes_of(
    given: torch.Tensor, count: int, name: str, taker: str, of_numbers: str, *, is_data: bool = True
) -> torch.Tensor:
    """Targets as classes `(n,)` int64, from `(n,)` or `(n, 1)` of whole numbers.

    taker: what takes the classes, as the recipe names it. of_numbers: advice for targets that are
    numbers. Raises FlowrunError if one is none of 0 to `count` - 1, which is not looked at unless
    `is_data`.
    """
    y = given.squeeze(1) if given.ndim == 2 and given.shape[1] == 1 else given
    if y.ndim != 1 or y.dtype != torch.int64:
        dtype = str(given.dtype).removeprefix("torch.")
        advice = [_way_to_classes(given, name)]
        if given.is_floating_point():
            advice.insert(0, of_numbers)
        raise FlowrunError(
            f"{taker} is of classes, int64 of (rows,) or (rows, 1), and `{name}` is {dtype} of "
            f"{tuple(given.shape)}\n" + "\n".join(advice)
        )
    if is_data and len(y):
        least, most = (int(bound) for bound in torch.aminmax(y))
        if least < 0 or most >= count:
            raise FlowrunError(
                f"`{name}` has classes from {least} to {most}, and the model gives {count} "
                f"predictions a row, for the classes 0 to {count - 1}\n"
                "end `layers` with the number of classes, and count them from 0"
            )
    return y


def _way_to_classes(y: torch.Tensor, name: str) -> str:
    if y.ndim == 2 and y.shape[1] > 1:
        made = f"`compute: {{{name}: {name}.argmax(1)}}`"
        return f"for classes: {made} makes them of one column for each class"
    return f"for classes: `cast: {{{name}: int64}}` makes them of a column of whole numbers"


def binary_of(given: torch.Tensor, like: torch.Tensor, name: str, *, is_data: bool) -> torch.Tensor:
    """Targets as probabilities `(n, 1)` of the second class, from classes or from such.

    like: a tensor of the dtype of the predictions. Raises FlowrunError for a number that is no
    probability, which is not looked at unless `is_data`.
    """
    y = given.unsqueeze(1) if given.ndim == 1 else given
    if is_data and len(y) and not bool(((y >= 0) & (y <= 1)).all()):
        row = int(((y < 0) | (y > 1)).any(1).nonzero()[0])
        raise FlowrunError(
            f"the loss binary_cross_entropy is of two classes, 0 and 1, and `{name}` has "
            f"{y[row].tolist()} in row {row + 1}\nfor more classes: `loss: cross_entropy`, with an "
            "output of the last layer for each"
        )
    return y.to(like.dtype)


def metric(name: str, y_hat: torch.Tensor, y: torch.Tensor) -> Any:
    """One metric of predictions `(n, k)` against targets.

    Both are widened to float64 first, on the CPU, which has it on every machine: squares of
    float16 overflow at 256. Against targets of the same shape: `mae`: mean absolute error. `mse`:
    mean squared error. `rmse`: its root. `r2`: coefficient of determination, 1 - sum((y -
    y_hat)^2) / sum((y - mean(y))^2), the mean by column, as in Draper and Smith, Applied Regression
    Analysis, 1998; nan if `y` is constant. Against classes `(n,)` int64: as `class_metric` has it.
    """
    y_hat, y = y_hat.cpu().double(), y.cpu()
    if name in OF_CLASSES:
        return class_metric(name, y_hat, y)
    y = y.double()
    if name == "mae":
        return float(functional.l1_loss(y_hat, y))
    squared = float(functional.mse_loss(y_hat, y))
    if name in ("mse", "rmse"):
        return squared if name == "mse" else float(squared**0.5)
    # Of differences from the first row a constant column leaves exact zeros, of means it does not.
    differences = y - y[0]
    total = (differences - differences.mean(0)).square().sum()
    residual = (y - y_hat).square().sum()
    return float(1 - residual / total) if total else float("nan")
