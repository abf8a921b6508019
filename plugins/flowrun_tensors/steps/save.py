"""The step `save`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any

from flowrun import Context, FlowrunError, Meta, step
from flowrun_tensors.saving import write_folder

_USUAL = ("params?", "model?", "mean?", "std?", "columns?", "metrics?")


def _inputs(options: SimpleNamespace) -> tuple[str, ...]:
    return options.values or _USUAL


@step(outputs=(), inputs=_inputs, effect=True)
def save(
    named: dict[str, Any],
    *,
    to: Annotated[
        str, Meta(min_length=1, description="The folder, from the recipe's folder; made if needed.")
    ],
    values: Annotated[
        tuple[str, ...],
        Meta(
            description="Which values; by default those of params, model, mean, std, columns and "
            "metrics that the recipe has."
        ),
    ] = (),
    ctx: Context,
) -> None:
    """Save named values to a folder, with the normalization, so that new data can be scored.

    Tensors go to one safetensors file, the rest to `values.json`; `load` with `values` reads them
    back. What stood in the folder before is replaced only when the new values are whole.
    """
    if not named:
        raise FlowrunError("there is nothing to save here: name the values with `values: [...]`")
    folder = ctx.path(to)
    for path in write_folder(folder, named):
        ctx.writes(path)
    ctx.log(f"{', '.join(named)} -> {folder}")
