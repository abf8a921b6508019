"""The step `evaluate`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flowrun import CheckContext, Context, FlowrunError, Meta, Unknown, listed, step
from flowrun_tensors.class_metrics import OF_CLASSES
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.losses import classes_of, metric
from flowrun_tensors.models import (
    Predictor,
    RowsAtOnce,
    check_fit,
    predicted,
    predicted_on_shapes,
    predictor_of,
)
from flowrun_tensors.training_data import require_rows

Metric = Literal[
    "mae", "mse", "rmse", "r2", "accuracy", "balanced_accuracy", "cross_entropy", "log_loss",
    "confusion", "precision", "precision_macro", "precision_micro", "precision_per_class",
    "recall", "recall_macro", "recall_micro", "recall_per_class", "f1", "f1_macro", "f1_micro",
    "f1_per_class", "roc_auc", "average_precision",
]  # fmt: skip

_OF_NUMBERS = ("mae", "mse", "rmse", "r2")


@step(outputs="metrics")
def evaluate(
    params: dict[str, torch.Tensor],
    X_val: torch.Tensor,
    y_val: torch.Tensor,
    model: dict[str, Any] | None = None,
    encoding: dict[str, Any] | None = None,
    *,
    metrics: Annotated[
        tuple[Metric, ...],
        Meta(min_length=1, description="Metrics of the predictions on X_val."),
    ] = _OF_NUMBERS,
    batch_size: RowsAtOnce = None,
    ctx: Context,
) -> dict[str, Any]:
    """Measure trained parameters on rows they were not trained on.

    `X_val` of `(n, d)`, or rows of any shape for a torch.nn.Module, normalized as the training
    rows were, and `y_val` of `(n, k)`; gives `metrics`, a number by name: mean absolute error, mean
    squared error, its root, and the coefficient of determination. With the `encoding` of a table
    they are in the units of the target. For classes from 0, with `y_val` int64 of `(n,)` or
    `(n, 1)`: `metrics: [accuracy, cross_entropy]`, and, as scikit-learn defines them,
    balanced_accuracy, log_loss, precision, recall, f1 (of the second of two classes, or with
    _macro, _micro, _per_class), roc_auc and average_precision (of more than two classes a mean of
    each against the others), and confusion, the counts for each true class. One output stands for
    two classes, of which the first has the output 0. All are computed in float64. Raises
    FlowrunError if there are no rows, if predictions and targets do not fit each other, or if one
    of their numbers is not finite.
    """
    predictor = _predictor(params, X_val, model, ctx)
    y_hat, y_val = _fitting(predicted(predictor, params, X_val, batch_size), y_val, metrics)
    _require_finite(y_hat, y_val, X_val, params)
    y_hat, y_val = (_in_units(one, encoding) for one in (y_hat, y_val))
    return {name: metric(name, y_hat, y_val) for name in metrics}


@evaluate.on_shapes
def _on_shapes(
    params: dict[str, torch.Tensor],
    X_val: torch.Tensor,
    y_val: torch.Tensor,
    model: dict[str, Any] | None = None,
    encoding: dict[str, Any] | None = None,
    *,
    metrics: tuple[str, ...],
    batch_size: int | None,
    ctx: CheckContext,
) -> dict[str, Unknown]:
    """Numbers that only a run can compute, after a check that the shapes fit."""
    predictor = _predictor(params, X_val, model, ctx)
    y_hat = predicted_on_shapes(predictor, params, X_val, batch_size, ctx)
    _fitting(y_hat, y_val, metrics, is_data=False)
    return _outlined(metrics)


@evaluate.on_outlines
def _on_outlines(
    params: Any,
    X_val: Any,
    y_val: Any,
    model: Any = None,
    encoding: Any = None,
    *,
    metrics: tuple[str, ...],
    batch_size: int | None,
    ctx: Context,
) -> dict[str, Unknown]:
    """The names of the metrics, so that an expectation of another one is found before the run."""
    return _outlined(metrics)


def _outlined(metrics: tuple[str, ...]) -> dict[str, Unknown]:
    of_lists = [name for name in metrics if name == "confusion" or name.endswith("_per_class")]
    return {name: Unknown("list" if name in of_lists else "float") for name in metrics}


def _predictor(
    params: dict[str, torch.Tensor],
    X_val: torch.Tensor,
    model: dict[str, Any] | None,
    ctx: Context,
) -> Predictor:
    predictor = predictor_of(model, ctx)
    check_fit(predictor, params, X_val)
    require_rows(X_val, "X_val")
    return predictor


def _fitting(
    y_hat: torch.Tensor, y_val: torch.Tensor, metrics: tuple[str, ...], *, is_data: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions and targets in the form for the metrics; raises FlowrunError if they do not fit.

    Of classes there is a column of predictions for each.
    """
    of_classes = [name for name in metrics if name in OF_CLASSES]
    if of_classes and len(of_classes) < len(metrics):
        raise FlowrunError(
            f"{listed(of_classes)} {'is' if len(of_classes) == 1 else 'are'} of classes, and the "
            "other metrics of numbers: write one `evaluate` for each kind"
        )
    if of_classes:
        if y_hat.shape[1] == 1:
            y_hat = torch.cat([torch.zeros_like(y_hat), y_hat], 1)
            y_val = _of_two_classes(y_val, is_data=is_data)
        of_numbers = f"for numbers: `metrics: [{', '.join(_OF_NUMBERS)}]`"
        taker = f"the metric {of_classes[0]}"
        classes = classes_of(y_val, y_hat.shape[1], "y_val", taker, of_numbers, is_data=is_data)
        return y_hat, classes
    if y_hat.shape != y_val.shape:
        raise FlowrunError(
            f"the predictions have the shape {tuple(y_hat.shape)}, and y_val has "
            f"{tuple(y_val.shape)}"
        )
    return y_hat, y_val


def _of_two_classes(y: torch.Tensor, *, is_data: bool) -> torch.Tensor:
    """Targets of zeros and ones of a floating dtype as classes; others as they are."""
    if y.is_floating_point() and is_data and bool(((y == 0) | (y == 1)).all()):
        return y.to(torch.int64)
    return y.to(torch.int64) if y.is_floating_point() and not is_data else y


def _in_units(numbers: torch.Tensor, encoding: dict[str, Any] | None) -> torch.Tensor:
    """Numbers in the units of a table's target, which training may have shifted and scaled."""
    target = (encoding or {}).get("target", {})
    if target.get("kind") != "numbers" or numbers.shape[1] != len(target["scale"]):
        return numbers
    wide = numbers.cpu().double()
    return wide * wide.new_tensor(target["scale"]) + wide.new_tensor(target["shift"])


def _require_finite(
    y_hat: torch.Tensor, y_val: torch.Tensor, X_val: torch.Tensor, params: dict[str, torch.Tensor]
) -> None:
    """Raise FlowrunError if a prediction or a target is not finite, and name its origin."""
    if _is_finite(y_hat) and _is_finite(y_val):
        return
    known = {
        "y_val": y_val,
        "X_val": X_val,
        **{f"params.{key}": one for key, one in params.items()},
    }
    named = [name for name, value in known.items() if not _is_finite(value)]
    found = "all their operands are finite: they leave the range of their dtype"
    if named:
        place = [int(part) for part in (~known[named[0]].isfinite()).nonzero()[0]]
        number = float(known[named[0]][tuple(place)])
        found = f"`{named[0]}` has {number} at {place}"
    wrong = "targets" if named == ["y_val"] else "predictions"
    raise FlowrunError(
        f"{wrong} are not finite, so no metric can be computed: {found}\n"
        "look at the data above, or lower the `lr` of the training"
    )


def _is_finite(value: torch.Tensor) -> bool:
    return bool(value.isfinite().all())
