"""The step `decode`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from flowrun import Meta, Unknown, step

if TYPE_CHECKING:
    import polars
    import torch


@step(outputs="predictions")
def decode(
    y_hat: torch.Tensor,
    encoding: dict[str, Any],
    *,
    probabilities: Annotated[
        bool, Meta(description="Of classes: give the probability of each as well.")
    ] = True,
) -> polars.DataFrame:
    """Turn predictions into the target's own words and units.

    `y_hat` of `(rows, outputs)`, as `predict` gives it, and the `encoding` of `encode`. Returns the
    table `predictions`: `species predicted`, and for classes a column `species=setosa` of each
    one's probability: the softmax of the outputs, or for a single output the logistic function of
    it, the probability of the second class. Of equal outputs the first is taken. Raises
    FlowrunError if the outputs are not those of the target.
    """
    from flowrun_tables.decoding import decoded

    return decoded(y_hat, encoding["target"], with_probabilities=probabilities)


@decode.on_shapes
def _on_shapes(y_hat: torch.Tensor, encoding: dict[str, Any], *, probabilities: bool) -> Unknown:
    """Whether the outputs are those of the target."""
    from flowrun_tables.decoding import require_outputs

    require_outputs(y_hat, encoding["target"])
    return Unknown("table")
