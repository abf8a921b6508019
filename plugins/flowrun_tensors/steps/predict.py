"""The step `predict`."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Annotated, Any

from flowrun import CheckContext, Context, FlowrunError, Meta, listed, step
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.models import (
    Predictor,
    RowsAtOnce,
    check_fit,
    predicted,
    predicted_on_shapes,
    predictor_of,
)
from flowrun_tensors.parameters import Params


def _inputs(options: SimpleNamespace) -> tuple[str, ...]:
    return ("encoding",) if options.source is not None else ("data",)


def _outputs(options: SimpleNamespace) -> tuple[str, ...]:
    return ("y_hat", "table") if options.source is not None else ("y_hat",)


@step(outputs=_outputs, inputs=_inputs)
def predict(
    given: dict[str, Any],
    params: dict[str, torch.Tensor],
    model: dict[str, Any] | None = None,
    mean: torch.Tensor | None = None,
    std: torch.Tensor | None = None,
    *,
    source: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(description="A file of new rows, for a model that has an `encoding`."),
    ] = None,
    batch_size: RowsAtOnce = None,
    ctx: Context,
) -> dict[str, Any]:
    """Predict with trained parameters.

    `data` of `(n, d)`, or rows of any shape for a torch.nn.Module, is normalized with `mean` and
    `std` of `(d,)` if these are given (leave them out for data that is normalized already:
    `in: {mean: null, std: null}`). Returns `y_hat` of `(n, k)`.

    With `source`, such as `predict: {source: new.csv}`, the rows are those of a file, made numbers
    by the `encoding` of the step `encode`; returns `table`, the rows as they were read, as well.
    """
    rows = _rows(given, source, ctx)
    predictor = _normalizing(predictor_of(model, ctx), mean, std)
    check_fit(predictor, params, rows["data"])
    return {"y_hat": predicted(predictor, params, rows["data"], batch_size), **_table_of(rows)}


@predict.on_shapes
def _on_shapes(
    given: dict[str, Any],
    params: dict[str, torch.Tensor],
    model: dict[str, Any] | None = None,
    mean: torch.Tensor | None = None,
    std: torch.Tensor | None = None,
    *,
    source: str | None,
    batch_size: int | None,
    ctx: CheckContext,
) -> dict[str, Any]:
    """Predictions without data."""
    rows = _rows(given, source, ctx)
    predictor = _normalizing(predictor_of(model, ctx), mean, std)
    check_fit(predictor, params, rows["data"])
    y_hat = predicted_on_shapes(predictor, params, rows["data"], batch_size, ctx)
    return {"y_hat": y_hat, **_table_of(rows)}


def _normalizing(
    predictor: Predictor, mean: torch.Tensor | None, std: torch.Tensor | None
) -> Predictor:
    """Normalizes each batch of rows before it predicts."""

    def predict_raw(params: Params, X: torch.Tensor) -> torch.Tensor:
        X = X if mean is None else X - mean
        return predictor.predict(params, X if std is None else X / std)

    return replace(predictor, predict=predict_raw)


def _rows(given: dict[str, Any], source: str | None, ctx: Context) -> dict[str, Any]:
    """The rows as numbers, `data`; of a file also as they were read, `table`."""
    return {"data": given["data"]} if source is None else _read(source, given["encoding"], ctx)


def _table_of(rows: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in rows.items() if name == "table"}


def _read(source: str, encoding: Any, ctx: Context) -> dict[str, Any]:
    """New rows, by the reader that the encoding names; raises FlowrunError if there is none."""
    readers = ctx.plugins.items("flowrun_tensors_row_readers")
    name = encoding.get("reader") if isinstance(encoding, dict) else None
    if name not in readers:
        raise FlowrunError(
            f"no plugin reads rows for such an `encoding`; there are: {listed(sorted(readers))}\n"
            "take the `encoding` that the step `encode` gave, as `save` keeps it"
        )
    found: dict[str, Any] = readers[name].read(source, encoding, ctx)
    return found
