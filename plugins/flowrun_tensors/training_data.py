"""Whether rows and targets fit a model and a loss."""

from __future__ import annotations

from flowrun import FlowrunError
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.losses import binary_of, classes_of
from flowrun_tensors.models import Predictor, check_fit, layer_count
from flowrun_tensors.parameters import Params, floating_of


def fitting_targets(
    predictor: Predictor,
    params: Params,
    X: torch.Tensor,
    y: torch.Tensor,
    loss: str,
    *,
    part: str = "train",
    is_data: bool = True,
) -> torch.Tensor:
    """The targets as the loss takes them: `(n, k)`, or classes `(n,)` int64 for cross_entropy.

    part: names the two in messages, `X_train` and `y_train`. is_data: whether classes may be
    looked at. Raises FlowrunError if rows do not fit the model, or targets its predictions.
    """
    X_name, y_name = f"X_{part}", f"y_{part}"
    check_fit(predictor, params, X)
    require_rows(X, X_name)
    rows, outputs = _shape_of_predictions(predictor, params, X)
    if loss == "binary_cross_entropy":
        y = binary_of(y, X, y_name, is_data=is_data)
    if loss == "cross_entropy":
        of_numbers = "for numbers: `loss: mse`, `mae` or `huber`"
        y = classes_of(y, outputs, y_name, f"the loss {loss}", of_numbers, is_data=is_data)
        if len(y) != rows:
            raise FlowrunError(f"{y_name} has {len(y)} classes, and {X_name} has {rows} rows")
    elif tuple(y.shape) != (rows, outputs):
        cure = f"\na column is made of it with {y_name}.unsqueeze(1)" if y.ndim == 1 else ""
        if not y.is_floating_point() and outputs > 1 and y.numel() == rows:
            cure = f"\nif {y_name} has classes, train with `loss: cross_entropy`"
        raise FlowrunError(
            f"{y_name} has the shape {tuple(y.shape)}, and the predictions have {(rows, outputs)}; "
            f"shapes that differ would be spread against each other silently{cure}"
        )
    elif y.dtype != (X.dtype if predictor.module is None else floating_of(params).dtype):
        if not X.is_floating_point():
            found = str(floating_of(params).dtype).removeprefix("torch.")
            raise FlowrunError(
                f"{y_name} is {y.dtype}, and the predictions are {found}\n"
                f"cast the targets: `cast: {{{y_name}: {found}}}`"
            )
        raise FlowrunError(
            f"{X_name} is {X.dtype}, and {y_name} is {y.dtype}: losses and gradients need "
            f"one dtype\n{_one_dtype(X, y, X_name, y_name)}"
        )
    if y.device != X.device:
        raise FlowrunError(
            f"{X_name} is on {X.device}, and {y_name} is on {y.device}\n"
            "add `device:` or a `place` step"
        )
    return y


def _one_dtype(X: torch.Tensor, y: torch.Tensor, X_name: str, y_name: str) -> str:
    """How to give rows and targets one dtype."""
    for name, tensor, other in ((y_name, y, X), (X_name, X, y)):
        if not tensor.is_floating_point():
            dtype = str(other.dtype).removeprefix("torch.")
            return f"cast the whole numbers: `cast: {{{name}: {dtype}}}`"
    return "cast one of the two, or set `dtype:` for the step that makes it"


def require_rows(X: torch.Tensor, name: str) -> None:
    """Raise FlowrunError for a table without rows, of which every mean is nan."""
    if not len(X):
        raise FlowrunError(
            f"`{name}` has no rows: its shape is {tuple(X.shape)}\n"
            "a step above keeps or selects none; look at its condition, its file or its `split`"
        )


def data_of(tensor: torch.Tensor) -> torch.Tensor:
    """Rows or targets as every engine takes them: no gradient is computed by them.

    Of a tensor that was made in inference mode, which autograd refuses to save, a copy.
    """
    if tensor.is_inference():
        return tensor.clone()
    return tensor.detach() if tensor.requires_grad else tensor


def _shape_of_predictions(predictor: Predictor, params: Params, X: torch.Tensor) -> tuple[int, int]:
    """Rows and outputs; a plugin's model is called once to find its outputs."""
    if predictor.activation is not None:
        return len(X), params[f"W{layer_count(params)}"].shape[1]
    if predictor.module is not None:
        predictor.module.load(params, X)
        return len(X), predictor.module.shape_of_predictions(X)[-1]
    with torch.no_grad():
        shape = tuple(predictor.predict(params, X).shape)
    if len(shape) != 2 or shape[0] != len(X):
        raise FlowrunError(
            f"the model's `forward` gives predictions of the shape {shape}, and of {len(X)} rows "
            f"it must be ({len(X)}, outputs)"
        )
    return shape[0], shape[1]
