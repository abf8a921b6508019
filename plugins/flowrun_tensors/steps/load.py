"""The step `load`: values from a file, a saved folder, an address, or a named data set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import Annotated, Any

from flowrun import (
    CheckContext,
    Context,
    DataError,
    Format,
    Meta,
    NeedsDataError,
    OptionError,
    Unknown,
    did_you_mean,
    download,
    listed,
    on_one_line,
    require_file,
    step,
)
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.outlines import TableOutline
from flowrun_tensors.saving import folder_header, folder_outline, read_folder, values_as_saved
from flowrun_tensors.steps.selection import Selection

_DATA_PATH = "FLOWRUN_DATA_PATH"
_QUICKLY_READ = 16 * 2**20  # bytes of a file without a header that a check reads


def _outputs(options: SimpleNamespace) -> tuple[str, ...]:
    return tuple(Selection(options.values, options.names, options.into).by_name)


@step(outputs=_outputs)
def load(
    *,
    source: Annotated[
        str,
        Meta(
            min_length=1,
            description="A path (from the recipe's folder), the name of a data set (wine-red, "
            "wine-white), or an https address with `sha256`.",
        ),
    ],
    values: Annotated[
        tuple[str, ...],
        Meta(
            description="Names to take from a source with several values, or one name for a lone "
            "tensor; they are the outputs."
        ),
    ] = (),
    names: Annotated[
        dict[str, str] | None,
        Meta(
            description="Names of your own for values of the source, as of a state dict: "
            "`{w: features.0.weight}`; they are outputs."
        ),
    ] = None,
    into: Annotated[
        str | None, Meta(description="The name of one dict of all values of the source.")
    ] = None,
    sha256: Annotated[
        str | None, Meta(description="The checksum an https address must have, in hexadecimal.")
    ] = None,
    delimiter: Annotated[
        Annotated[str, Meta(min_length=1, max_length=1)] | None,
        Meta(description="The text between cells; detected by default."),
    ] = None,
    header: Annotated[
        bool | None, Meta(description="Whether text begins with names; detected by default.")
    ] = None,
    ctx: Context,
) -> dict[str, Any]:
    """Load a table of numbers, or named values: `load: {source: wine-red}`.

    Returns `data`, a tensor `(rows, columns)` on the step's device, and `columns`, the names of the
    columns or null. With `values`, returns these names instead, from a folder that `save` wrote, a
    `.safetensors` file, or a `.pt` file of a dict; with `names`, those of any keys, and with `into`
    all of them as one dict. Text (`.csv`, `.tsv`) is read as the recipe's
    dtype; tensor files (`.pt`, `.safetensors`, `.npy`) are memory-mapped and keep theirs.

    A data set is searched for in the folders of `FLOWRUN_DATA_PATH`, in the cache, and at its
    address; if it is not available, its simulated stand-in is used, with a warning.
    """
    path = _path_of(source, sha256, ctx, download)
    if path.is_dir():
        named = read_folder(ctx.reads(path / "values.json").parent)
    else:
        settings = {"delimiter": delimiter, "header": header}
        chosen, given = _format_of(ctx.reads(_file(path)), settings, ctx)
        with _path_on_one_line(path):
            named = _in_dtype(chosen.read(path, **given), chosen, ctx)
    return _wanted(named, Selection(values, names, into), path, ctx)


@load.check_options
def _check_options(options: SimpleNamespace) -> None:
    """Each output has one source."""
    Selection(options.values, options.names, options.into).require_distinct()


@load.on_shapes
def _on_shapes(
    *,
    source: str,
    values: tuple[str, ...],
    names: dict[str, str] | None,
    into: str | None,
    sha256: str | None,
    delimiter: str | None,
    header: bool | None,
    ctx: CheckContext,
) -> dict[str, Any]:
    """The values as the file's header, or the step above that will write it, describes them.

    Nothing is downloaded: if a data set is not available, the shapes are those of the stand-in.
    """
    settings = {"delimiter": delimiter, "header": header}
    path = _promised_path(source, sha256, ctx)
    if path is not None:
        named = _promised_values(path, settings, ctx)
    else:
        path = _path_of(source, sha256, ctx, partial(download, fetch=False))
        if path.is_dir():
            with ctx.mapped():
                named = folder_header(path)
        else:
            named = _header_of(_file(path), settings, ctx)
    return _wanted(named, Selection(values, names, into), path, ctx)


@load.on_outlines
def _on_outlines(
    *,
    source: str,
    values: tuple[str, ...],
    names: dict[str, str] | None,
    into: str | None,
    sha256: str | None,
    delimiter: str | None,
    header: bool | None,
    ctx: Context,
) -> dict[str, Any]:
    """The size and names of a table of text; of a saved folder, whether it holds the values."""
    settings = {"delimiter": delimiter, "header": header}
    found: dict[str, Any] = {}
    try:
        path = _path_of(source, sha256, ctx, partial(download, fetch=False))
        if not path.is_dir():
            chosen, given = _format_of(_file(path), settings, ctx)
            if chosen.outline is not None:
                with _path_on_one_line(path):
                    found = _named(chosen.outline(path, **given), values)
        else:
            keys = Selection(values, names, into).keys
            _require_held(_named(folder_outline(path), values), keys, path)
    except NeedsDataError:  # it may be downloaded
        found = _as_in_catalogue(source, settings, ctx)
    except DataError as error:
        raise OptionError(str(error), option="source") from error
    wanted = Selection(values, names, into).by_name
    return {name: found.get(key, Unknown()) for name, key in wanted.items()}


def _as_in_catalogue(source: str, settings: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """What the catalogue says of a table that is not here; empty if it says nothing."""
    dataset = ctx.plugins.datasets.get(source)
    if dataset is None or not dataset.columns or any(one is not None for one in settings.values()):
        return {}
    table = TableOutline(len(dataset.columns), lambda: dataset.rows)
    return {"data": table, "columns": list(dataset.columns)}


@contextmanager
def _path_on_one_line(path: Path) -> Iterator[None]:
    """Let errors of formats name a path whose name has line breaks on one line."""
    try:
        yield
    except DataError as error:
        shown = on_one_line(path)
        if shown == str(path):
            raise
        raise DataError(error.args[0].replace(str(path), shown)) from error


def _wanted(
    named: dict[str, Any], selection: Selection, path: Path, ctx: Context
) -> dict[str, Any]:
    """The values that the recipe names, of those in a source, on the step's device."""
    whole = dict(named)
    if len(named) == 1 and not _is_folder(path, ctx):
        named.setdefault("data", *named.values())
    named = _named(named, selection.values)
    _require_held(named, selection.keys, path)
    keys = selection.by_name.items()
    found = {name: named[key] for name, key in keys if name != selection.into}
    if selection.into:
        found[selection.into] = whole
    return {name: _on_device(value, ctx.device) for name, value in found.items()}


def _is_folder(path: Path, ctx: Context) -> bool:
    """Whether a source is a folder that `save` has written, or will write."""
    return path.is_dir() or path.suffix.lower() not in ctx.plugins.formats


def _require_held(named: dict[str, Any], keys: Iterable[str], path: Path) -> None:
    """Raise DataError if a source does not hold all values that the recipe names."""
    missing = [key for key in keys if key not in named]
    if missing:
        there = [key for key in named if named[key] is not None]
        held = [on_one_line(key) for key in there]
        way_on = f"\n    name what you want: `values: [{', '.join(held)}]`" if held else ""
        if not all(key.isidentifier() for key in there):
            way_on = (
                f"\n    name what you want: `names: {{w: {held[0]}}}`, or all as one dict with "
                "`into: params`"
            )
        raise DataError(
            f"{on_one_line(path)} holds no `{on_one_line(missing[0])}`; it holds: "
            f"{listed(held)}{way_on}"
        )


def _named(named: dict[str, Any], values: tuple[str, ...]) -> dict[str, Any]:
    """The values of a source by the names of the recipe, which gives a lone tensor its own."""
    named.setdefault("columns", None)
    if len(values) == 1 and values[0] not in named and named.keys() == {"data", "columns"}:
        named[values[0]] = named["data"]
    return named


def _path_of(
    source: str,
    sha256: str | None,
    ctx: Context,
    fetched: Callable[[str, str], Path],
) -> Path:
    """The local path of a source, fetched or located if it is not one."""
    if sha256 is not None and not source.startswith("https://"):
        raise DataError("`sha256` goes with an https address; a data set has its own checksum")
    if "://" in source:
        if sha256 is None and source.startswith("https://"):
            raise DataError(
                f"{on_one_line(source)}: an address needs its `sha256`, so that the data is known\n"
                "    fetch the file once, look at it, and copy the output of `sha256sum`"
            )
        return fetched(source, sha256 or "")
    if source in ctx.plugins.datasets:
        dataset = ctx.plugins.datasets[source]
        found = ctx.locate(dataset)
        if found.kind == "stand-in":
            ctx.warn(found.warning)
        else:
            ctx.log(
                f"{source}: the real data, {found.path} (sha256 as published; {dataset.licence})"
            )
        return found.path
    path = ctx.path(source)
    if not path.exists():
        known = ", ".join(sorted(ctx.plugins.datasets))
        hint = (
            _of_data_path(source, ctx)
            or _of_dataset(source, ctx)
            or _near(source, path, ctx)
            or "a path starts from the recipe's folder"
        )
        raise DataError(
            f"there is no file {on_one_line(path)}, and no data set `{on_one_line(source)}` "
            f"(there are: {known})\n    {hint}"
        )
    return path


def _file(path: Path) -> Path:
    """The path; raises DataError if it is a pipe, a device or a socket, which may have no end."""
    try:
        require_file(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    return path


def _of_data_path(source: str, ctx: Context) -> str | None:
    """Why a file of that name in a folder of `FLOWRUN_DATA_PATH` is not read, if there is one."""
    for folder in filter(None, (ctx.env(_DATA_PATH) or "").split(os.pathsep)):
        path = Path(folder, source)
        if path.is_file():
            return (
                f"{_DATA_PATH} is searched for named data sets alone; for {path} write its path "
                "from the recipe's folder, or from `/`"
            )
    return None


def _of_dataset(source: str, ctx: Context) -> str | None:
    """The data set of which a missing file has the name, with a suffix."""
    name = PurePath(source).stem
    if source == name or name not in ctx.plugins.datasets:
        return None
    return (
        f"`{name}` is a named data set, loaded without a suffix: `load: {{source: {name}}}`\n"
        f"    if another recipe saves {on_one_line(source)}, run that one first"
    )


def _near(source: str, path: Path, ctx: Context) -> str | None:
    """The question whether a data set, or a file of the same folder, of a like name was meant."""
    beside = {str(Path(source).with_name(found.name)) for found in path.parent.glob("*")}
    return did_you_mean(source, {*ctx.plugins.datasets, *beside})


def _format_of(path: Path, settings: dict[str, Any], ctx: Context) -> tuple[Format, dict[str, Any]]:
    """The format of a file, and the settings to pass to it; raises DataError."""
    formats = ctx.plugins.formats
    suffix = on_one_line(path.suffix.lower())
    if suffix not in formats:
        known = ", ".join(sorted(formats))
        what = f"no format for files named *{suffix}" if suffix else "it has no suffix"
        raise DataError(f"{on_one_line(path)}: {what}\n    the formats there are: {known}")
    chosen = formats[suffix]
    given = {name: value for name, value in settings.items() if value is not None}
    for name in given:
        if name not in chosen.settings:
            raise DataError(f"`{name}` means nothing for {chosen.name} files ({path.name})")
    if "dtype" in chosen.settings:
        given["dtype"] = ctx.dtype
    return chosen, given


def _in_dtype(named: dict[str, Any], chosen: Format, ctx: Context) -> dict[str, Any]:
    """The values in a file, numbers of a text as the recipe's dtype."""
    if "delimiter" in chosen.settings:
        named["data"] = named["data"].to(getattr(torch, ctx.dtype))
    return named


def _header_of(path: Path, settings: dict[str, Any], ctx: CheckContext) -> dict[str, Any]:
    """The values in a file, its tensors without their data."""
    from flowrun_tensors.formats.shapes import without_data

    chosen, given = _format_of(path, settings, ctx)
    if chosen.header is None and path.stat().st_size > _QUICKLY_READ:
        raise NeedsDataError(
            f"{path.name} is large, and its format ({chosen.name}) cannot read its content from "
            "the beginning of the file\n    give the Format a `header`"
        )
    with ctx.mapped() if chosen.mapped else nullcontext(), _path_on_one_line(path):
        if chosen.header is not None:
            named = chosen.header(path, **given)
        else:
            named = without_data(chosen.read(path, **given))
    return _in_dtype(named, chosen, ctx)


def _promised_path(source: str, sha256: str | None, ctx: CheckContext) -> Path | None:
    """The path of a source that a step above will write; None if it is another source."""
    if sha256 is not None or "://" in source or source in ctx.plugins.datasets:
        return None
    path = ctx.path(source)
    if path in ctx.promised:
        return path
    if not path.exists() and any(folder in ctx.promised for folder in path.parents):
        raise NeedsDataError(f"{path} lies in a folder that a step above writes")
    return None


def _promised_values(path: Path, settings: dict[str, Any], ctx: CheckContext) -> dict[str, Any]:
    """The values in a file or folder that a step above will write."""
    from flowrun_tensors.formats.promised import values_as_written
    from flowrun_tensors.formats.shapes import without_data

    with ctx.mapped():  # new tensors: the promised ones may be of another recipe, and another mode
        values = without_data(ctx.promised[path])
        if _is_folder(path, ctx):
            return values_as_saved(path, values)
    chosen, _ = _format_of(path, settings, ctx)
    with ctx.mapped() if chosen.mapped else nullcontext():
        named = values_as_written(chosen, path, values)
    if named is None:
        raise NeedsDataError(
            f"{path.name} is written by a step above, and only its format ({chosen.name}) knows "
            "the content of such a file"
        )
    return named


def _on_device(value: Any, device: str) -> Any:
    if isinstance(value, dict):
        return {name: _on_device(item, device) for name, item in value.items()}
    return value.to(device) if isinstance(value, torch.Tensor) else value
