"""The step `save`."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

from flowrun import CheckContext, Context, FlowrunError, Format, Meta, replacing, step
from flowrun_tensors.saving import (
    require_no_way_out,
    require_writable,
    values_as_saved,
    write_folder,
)

_USUAL = ("params?", "model?", "mean?", "std?", "columns?", "encoding?", "metrics?")


def _inputs(options: SimpleNamespace) -> tuple[str, ...]:
    return options.values or _USUAL


@step(outputs=(), inputs=_inputs, effect=True)
def save(
    named: dict[str, Any],
    *,
    to: Annotated[
        str,
        Meta(
            min_length=1,
            description="A folder, or a file such as x.npy, from the recipe's folder; made if "
            "needed.",
        ),
    ],
    values: Annotated[
        tuple[str, ...],
        Meta(
            description="Which values; by default those of params, model, mean, std, columns, "
            "encoding and metrics that the recipe has."
        ),
    ] = (),
    ctx: Context,
) -> None:
    """Save named values, with normalization and encoding, so that new data can be scored.

    To a folder (`save: {to: out/red_linear}`): tensors go to one safetensors file, the rest to
    `values.json`; `load` with `values` reads them back. To a file of a format that can be written
    (`.pt`, `.safetensors`, `.npy`, `.npz`): the tensors that `values` names. A file or folder that
    exists already is replaced only when the new values are complete. A link is followed only if it
    stays in the folder in which it lies.
    """
    path, chosen = _target(named, to, values, ctx)
    if chosen is None:
        written = write_folder(path, named, _folder_of(path, to))
    else:
        written = [_write_file(path, named, chosen, _folder_of(path, to))]
    for file in written:
        ctx.writes(file)
    ctx.log(f"{', '.join(named)} -> {path}")


@save.on_shapes
def _on_shapes(
    named: dict[str, Any], *, to: str, values: tuple[str, ...], ctx: CheckContext
) -> None:
    """Nothing is written: the values are remembered for a `load` below."""
    from flowrun_tensors.formats.promised import values_as_written

    path, chosen = _target(named, to, values, ctx)
    if chosen is None:
        values_as_saved(path, named)
    else:
        values_as_written(chosen, path, named)
    require_writable(path, is_folder=chosen is None)
    ctx.promised[path] = dict(named)


def _target(
    named: dict[str, Any], to: str, values: tuple[str, ...], ctx: Context
) -> tuple[Path, Format | None]:
    """The path to write to, and the file's format; None for a folder. Raises FlowrunError."""
    if not named:
        raise FlowrunError("there is nothing to save here: name the values with `values: [...]`")
    path = ctx.path(to)
    chosen = ctx.plugins.formats.get(path.suffix.lower())
    if chosen is not None and chosen.write is None:
        raise FlowrunError(f"{chosen.name} files ({path.name}) are only read, not written")
    if chosen is not None and not values:
        raise FlowrunError(f"name the values to save in {path.name}: `values: [...]`")
    require_no_way_out(path, _folder_of(path, to), is_folder=chosen is None)
    return path, chosen


def _folder_of(path: Path, to: str) -> Path | None:
    """The folder from which `to` goes down to a path: the recipe's, or one above it.

    None if `to` does not start from the recipe's folder.
    """
    relative = Path(os.path.normpath(to))
    down = [part for part in relative.parts if part != ".."]
    folder = path
    for _ in down:
        folder = folder.parent
    is_below = not relative.is_absolute() and folder.joinpath(*down) == path
    return folder if is_below else None


def _write_file(path: Path, named: dict[str, Any], chosen: Format, within: Path | None) -> Path:
    assert chosen.write is not None
    with replacing(path, within) as temporary:
        chosen.write(temporary, named)
    return path
