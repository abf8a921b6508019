"""Predictions in the target's own words and units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowrun import FlowrunError
from flowrun_tables.lazy_polars import pl

if TYPE_CHECKING:
    import polars
    import torch


def decoded(
    y_hat: torch.Tensor, target: dict[str, Any], *, with_probabilities: bool
) -> polars.DataFrame:
    """A table of predictions, of as many rows as `y_hat` `(rows, outputs)`. Raises FlowrunError."""
    require_outputs(y_hat, target)
    outputs = y_hat.detach().cpu().double()
    names = target["names"]
    if target["kind"] == "numbers":
        columns = [
            (outputs[:, place] * target["scale"][place] + target["shift"][place]).tolist()
            for place in range(len(names))
        ]
        made = zip(names, columns, strict=True)
        return pl.DataFrame([pl.Series(f"{name} predicted", column) for name, column in made])
    if outputs.shape[1] == 1:  # the outputs of two classes, of which the first is always 0
        outputs = outputs.new_zeros(len(outputs), 2).index_copy(
            1, outputs.new_tensor([1]).long(), outputs
        )
    shares = outputs.softmax(1)
    words = [target["classes"][place] for place in outputs.argmax(1).tolist()]
    found = [pl.Series(f"{names[0]} predicted", words)]
    if with_probabilities:
        found += [
            pl.Series(f"{names[0]}={word}", shares[:, place].tolist())
            for place, word in enumerate(target["classes"])
        ]
    return pl.DataFrame(found)


def require_outputs(y_hat: torch.Tensor, target: dict[str, Any]) -> None:
    """Raise FlowrunError if predictions are not of the target."""
    count = len(target["names"] if target["kind"] == "numbers" else target["classes"])
    fitting = {count, 1} if target["kind"] == "classes" and count == 2 else {count}
    if y_hat.ndim != 2 or y_hat.shape[1] not in fitting:
        raise FlowrunError(
            f"y_hat has the shape {tuple(y_hat.shape)}, and the target of the encoding has "
            f"{count} {target['kind']}"
        )
