"""The step `predict`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any

from flowrun import Context, FlowrunError, Meta, listed, step
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.models import check_fit, predictor_of


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
    ctx: Context,
) -> dict[str, Any]:
    """Predict with trained parameters.

    `data` of `(n, d)` is normalized with `mean` and `std` of `(d,)` if these are given (leave
    them out for data that is normalized already: `in: {mean: null, std: null}`). Returns `y_hat`
    of `(n, k)`.

    With `source`, such as `predict: {source: new.csv}`, the rows are those of a file, made numbers
    by the `encoding` of the step `encode`; returns `table`, the rows as they were read, as well.
    """
    rows = {"data": given["data"]} if source is None else _read(source, given["encoding"], ctx)
    data = rows["data"]
    predictor = predictor_of(model, ctx)
    check_fit(predictor, params, data)
    if mean is not None:
        data = data - mean
    if std is not None:
        data = data / std
    with torch.no_grad():
        y_hat = predictor.predict(params, data)
    return {"y_hat": y_hat} if source is None else {"y_hat": y_hat, "table": rows["table"]}


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
