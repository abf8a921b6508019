"""How a table is summarised, digested and stored: as Arrow's IPC."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowrun import Codec, Summary
from flowrun_tables.lazy_polars import pl

if TYPE_CHECKING:
    import polars


def _bytes(table: polars.DataFrame) -> bytes:
    file = io.BytesIO()
    table.write_ipc(file, compression="uncompressed")
    return file.getvalue()


def _digest(table: polars.DataFrame) -> bytes:
    """Of names, types and cells alone.

    Arrow's bytes of two equal tables may differ: by what lies below a missing cell, by views of
    texts, and by a mask of a column that lacks nothing.
    """
    from blake3 import blake3

    digest = blake3(repr(table.shape).encode())
    for column in table:
        digest.update(repr((column.name, str(column.dtype))).encode())
        digest.update(column.is_null().to_numpy().tobytes())
        for content in _contents(column.drop_nulls()):
            digest.update(content)
    return digest.digest()


def _contents(column: polars.Series) -> Iterator[bytes]:
    """The bytes of a column that lacks no cell, the same for equal columns."""
    if column.dtype == pl.String:
        yield column.str.len_bytes().to_numpy().tobytes()
        yield "".join(column.to_list()).encode()
    elif column.dtype.is_numeric() or column.dtype.is_temporal() or column.dtype == pl.Boolean:
        yield column.to_physical().to_numpy().tobytes()
    else:
        yield repr(column.to_list()).encode()


def _write(path: Path, tables: dict[str, Any]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for name, table in tables.items():
            file.writestr(name, _bytes(table))


def _read(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as file:
        return {one.filename: pl.read_ipc(io.BytesIO(file.read(one))) for one in file.infolist()}


def _plain(table: polars.DataFrame) -> dict[str, list[Any]]:
    return {
        name: [_cell(cell) for cell in cells]
        for name, cells in table.to_dict(as_series=False).items()
    }


def _cell(cell: Any) -> Any:
    """A cell as JSON has it; a date as a text."""
    return cell if isinstance(cell, (type(None), bool, int, float, str)) else str(cell)


def _summary(table: polars.DataFrame) -> Summary:
    return Summary("table", table.shape, bytes=int(table.estimated_size()))


CODECS = (
    Codec(
        "polars.dataframe.frame.DataFrame", _summary, _plain,
        digest=_digest, write=_write, read=_read, suffix=".arrow.zip", mutable=True,
    ),
)  # fmt: skip
