"""How tables of polars, pandas and Arrow are summarised, digested and stored: as Arrow's IPC.

Types are named by their full names, so that a library that is not installed costs nothing. Of a
pandas frame the index, the labels and the dtypes come back as they were; of its missing numbers
only that they are missing, as Arrow has one kind of these.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowrun import Codec, Summary
from flowrun_tensors.array_codecs import short
from flowrun_tensors.pandas_indexes import require_kept_indexes
from flowrun_tensors.polars_digests import polars_digest

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

_NAMES = "names.json"  # a member of the file beside the tables
_USUAL = 1e-7  # rtol and atol of floats if none is given, as in torch.testing for float64


def _archive_writer(encoded: Callable[[Any], bytes]) -> Callable[[Path, dict[str, Any]], None]:
    """Writes tables by name as one archive, each as the bytes that `encoded` gives."""

    def write(path: Path, tables: dict[str, Any]) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
            for index, table in enumerate(tables.values()):
                with file.open(str(index), "w", force_zip64=True) as member:
                    member.write(encoded(table))
            file.writestr(_NAMES, json.dumps(list(tables)))

    return write


def _archive_reader(decoded: Callable[[bytes], Any]) -> Callable[[Path], dict[str, Any]]:
    """Reads such an archive. Raises ValueError, or what `zipfile` raises, for another file."""

    def read(path: Path) -> dict[str, Any]:
        with zipfile.ZipFile(path) as file:
            if any(one.compress_type != zipfile.ZIP_STORED for one in file.infolist()):
                raise ValueError("a member is compressed, as no table is that was kept")
            names = json.loads(file.read(_NAMES))
            return {name: decoded(file.read(str(index))) for index, name in enumerate(names)}

    return read


def _digester(encoded: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    def digest(table: Any) -> bytes:
        from blake3 import blake3

        return blake3(encoded(table)).digest()

    return digest


def _arrow_bytes(table: pa.Table | pa.RecordBatch) -> bytes:
    """Schema with its metadata, and content, in the batches that the table has."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write(table)
    return bytes(sink.getvalue())


def _arrow_table(content: bytes) -> pa.Table:
    import pyarrow as pa

    with pa.ipc.open_stream(pa.py_buffer(content)) as reader:
        return reader.read_all()


def _arrow_batch(content: bytes) -> pa.RecordBatch:
    import pyarrow as pa

    with pa.ipc.open_stream(pa.py_buffer(content)) as reader:
        return reader.read_next_batch()


def _polars_bytes(frame: pl.DataFrame) -> bytes:
    """Raises ValueError for a dtype that polars does not write as it is."""
    import polars as pl

    empty = io.BytesIO()
    frame.clear().write_ipc(empty, compression="uncompressed")
    if pl.read_ipc(io.BytesIO(empty.getvalue())).schema != frame.schema:
        raise ValueError("a column has a dtype that polars does not write as it is")
    file = io.BytesIO()
    frame.write_ipc(file, compression="uncompressed")
    return file.getvalue()


def _polars_frame(content: bytes) -> pl.DataFrame:
    import polars as pl

    return pl.read_ipc(io.BytesIO(content))


def _series_parts(series: pl.Series) -> list[Any]:
    return [series.name, series.to_frame()]


def _polars_series(parts: list[Any]) -> pl.Series:
    name, frame = parts
    return frame.to_series().rename(name)


def _pandas_bytes(frame: pd.DataFrame) -> bytes:
    """The frame through Arrow, and before it what Arrow lacks, as JSON in a line.

    Raises ValueError for a frame that would come back as another: with objects that are no texts
    in a column, with labels of several types, with columns of one name.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise ValueError("pyarrow, through which tables are kept, is not installed") from None
    objects = [number for number, dtype in enumerate(frame.dtypes) if str(dtype) == "object"]
    for number in objects:
        if not all(one is None or type(one) is str for one in frame.iloc[:, number]):
            raise ValueError(f"its column {frame.columns[number]!r} has objects that are no texts")
    require_kept_indexes(frame)
    labels = frame.columns
    span = [labels.start, labels.stop, labels.step] if hasattr(labels, "step") else None
    more = {"objects": objects, "freq": _frequency(frame.index), "labels": span}
    try:
        table = _without_versions(pa.Table.from_pandas(frame))
    except (pa.ArrowException, TypeError) as error:
        raise ValueError(str(error)) from error
    _require_same(_restored(table.slice(0, 0), {**more, "freq": None}), frame)
    return json.dumps(more).encode() + b"\n" + _arrow_bytes(table)


def _without_versions(table: pa.Table) -> pa.Table:
    """The table without the versions of the libraries that made it, which are no part of it."""
    metadata = dict(table.schema.metadata)
    about = json.loads(metadata[b"pandas"])
    for name in ("creator", "pandas_version"):
        about.pop(name, None)
    return table.replace_schema_metadata({**metadata, b"pandas": json.dumps(about).encode()})


def _frequency(index: pd.Index) -> str | None:
    """The text of the index's `freq`, if that is not in its dtype, as that of periods is.

    Raises ValueError for one that its text does not give back, as with holidays of one's own.
    """
    import pandas as pd

    if not isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) or index.freq is None:
        return None
    text = str(index.freqstr)
    try:
        is_same = pd.tseries.frequencies.to_offset(text) == index.freq
    except ValueError:
        is_same = False
    if not is_same:
        raise ValueError(f"the `freq` of its index, {index.freq!r}, has no text that gives it back")
    return text


def _require_same(empty: pd.DataFrame, frame: pd.DataFrame) -> None:
    """Raise ValueError if a frame that comes back differs in a property from one before."""
    if list(empty.dtypes) != list(frame.dtypes):
        raise ValueError("a column comes back from Arrow with another dtype")
    pairs = [("column labels", empty.columns, frame.columns)]
    if not hasattr(frame.index, "step"):  # a range is in the metadata, and not in an empty table
        pairs.append(("index", empty.index[:0], frame.index[:0]))
    for name, one, other in pairs:
        is_alike = one.equals(other) and one.dtype == other.dtype and one.names == other.names
        if not is_alike or type(one) is not type(other):
            raise ValueError(f"Arrow does not keep its {name} as they are")
    if empty.attrs != frame.attrs or frame.flags.allows_duplicate_labels is False:
        raise ValueError("it has attributes or flags that Arrow does not keep")


def _pandas_frame(content: bytes) -> pd.DataFrame:
    # Registers the types of periods and intervals, as pandas does before it reads Parquet.
    import pandas.core.arrays.arrow.extension_types  # noqa: F401

    more, _, rest = content.partition(b"\n")
    return _restored(_arrow_table(rest), json.loads(more))


def _restored(table: pa.Table, more: dict[str, Any]) -> pd.DataFrame:
    found: pd.DataFrame = table.to_pandas()
    for number in more["objects"]:
        column = found.iloc[:, number].astype(object)
        found.isetitem(number, column.where(column.notna(), None))
    if more["labels"] is not None:
        import pandas as pd

        found.columns = pd.RangeIndex(*more["labels"], name=found.columns.name)
    if more["freq"] is not None:
        found.index.freq = more["freq"]
    return found


def _pandas_series_parts(series: pd.Series) -> list[Any]:
    return [series.name, series.to_frame("values")]


def _pandas_series(parts: list[Any]) -> pd.Series:
    name, frame = parts
    return frame["values"].rename(name)


def _plain_columns(columns: dict[Any, list[Any]]) -> dict[str, list[Any]]:
    return {str(name): [_plain(item) for item in items] for name, items in columns.items()}


def _plain(item: Any) -> Any:
    """A cell as JSON has it: a number, a text, or a list of them; a date as a text."""
    if isinstance(item, (list, tuple)):
        return [_plain(one) for one in item]
    return item if isinstance(item, (type(None), bool, int, float, str)) else str(item)


def _difference_by(
    plain: Callable[[Any], Any],
) -> Callable[[Any, Any, float | None, float | None], str | None]:
    """How a table differs from another, or from its plain form: the first cell that does."""

    def difference(table: Any, wanted: Any, rtol: float | None, atol: float | None) -> str | None:
        found = plain(table)
        bounds = (_USUAL, _USUAL) if rtol is None and atol is None else (rtol or 0.0, atol or 0.0)
        other = plain(wanted) if type(wanted) is type(table) else wanted
        if not isinstance(other, type(found)):
            return f"a table against {short(other)}"
        if isinstance(found, list):
            return _column_difference("", found, other, *bounds)
        if list(found) != list(other):
            return f"columns {short(list(found))} against {short(list(other))}"
        texts = (_column_difference(name, found[name], other[name], *bounds) for name in found)
        return next((text for text in texts if text is not None), None)

    return difference


def _column_difference(
    name: str, found: list[Any], wanted: list[Any], rtol: float, atol: float
) -> str | None:
    where = f"column `{name}`: " if name else ""
    if len(found) != len(wanted):
        return f"{where}{len(found)} rows against {len(wanted)}"
    for row, (one, other) in enumerate(zip(found, wanted, strict=True)):
        if one == other or (one != one and other != other):
            continue
        is_near = isinstance(one, float) and isinstance(other, (int, float))
        if not (is_near and abs(one - other) <= atol + rtol * abs(other)):
            return f"{where}row {row}: {short(one)} is not {short(other)}"
    return None


def _pandas_bytes_of(frame: pd.DataFrame) -> int:
    return int(frame.memory_usage(index=True).sum())


def _pandas_plain(frame: pd.DataFrame) -> dict[str, list[Any]]:
    return _plain_columns(
        {name: frame.iloc[:, number].tolist() for number, name in enumerate(frame.columns)}
    )


def _table_codec(
    kind: str,
    plain: Callable[[Any], Any],
    size: Callable[[Any], int],
    encoded: Callable[[Any], bytes],
    decoded: Callable[[bytes], Any],
    *,
    mutable: bool,
    digest: Callable[[Any], bytes] | None = None,
) -> Codec:
    """The codec of a type of tables, by how one becomes bytes, which by default are digested."""
    return Codec(
        kind,
        lambda table: Summary("table", tuple(table.shape), bytes=size(table)),
        plain,
        _difference_by(plain),
        digest=digest or _digester(encoded),
        write=_archive_writer(encoded),
        read=_archive_reader(decoded),
        suffix=".arrow.zip",
        mutable=mutable,
    )


def _column_codec(
    kind: str,
    plain: Callable[[Any], Any],
    size: Callable[[Any], int],
    pack: Callable[[Any], Any],
    unpack: Callable[[Any], Any],
    *,
    mutable: bool,
) -> Codec:
    """The codec of a type of single columns, which are packed into a table."""
    return Codec(
        kind,
        lambda column: Summary("column", (len(column),), bytes=size(column)),
        plain,
        _difference_by(plain),
        begin=lambda column, count: plain(column[:count]),
        pack=pack,
        unpack=unpack,
        mutable=mutable,
    )


def _arrow_plain(table: Any) -> dict[str, list[Any]]:
    return _plain_columns({name: table[name].to_pylist() for name in table.schema.names})


def _arrow_column(column: Any) -> Any:
    import pyarrow as pa

    return pa.table({"values": column})


def _number_of_bytes(table: Any) -> int:
    return int(table.nbytes)


TABLE_CODECS = (
    _table_codec(
        "pyarrow.lib.Table", _arrow_plain, _number_of_bytes, _arrow_bytes, _arrow_table,
        mutable=False,
    ),
    _table_codec(
        "pyarrow.lib.RecordBatch", _arrow_plain, _number_of_bytes, _arrow_bytes, _arrow_batch,
        mutable=False,
    ),
    _column_codec(
        "pyarrow.lib.ChunkedArray", lambda column: _plain(column.to_pylist()), _number_of_bytes,
        _arrow_column, lambda table: table.column(0), mutable=False,
    ),
    _table_codec(
        "polars.dataframe.frame.DataFrame",
        lambda frame: _plain_columns(frame.to_dict(as_series=False)),
        lambda frame: int(frame.estimated_size()), _polars_bytes, _polars_frame, mutable=True,
        digest=polars_digest,
    ),
    _column_codec(
        "polars.series.series.Series", lambda column: _plain(column.to_list()),
        lambda column: int(column.estimated_size()), _series_parts, _polars_series, mutable=True,
    ),
    *(
        _table_codec(
            kind, _pandas_plain, _pandas_bytes_of, _pandas_bytes, _pandas_frame, mutable=True
        )
        for kind in ("pandas.DataFrame", "pandas.core.frame.DataFrame")  # of pandas 3, and before
    ),
    *(
        _column_codec(
            kind, lambda column: _plain(column.tolist()),
            lambda column: int(column.memory_usage()), _pandas_series_parts, _pandas_series,
            mutable=True,
        )
        for kind in ("pandas.Series", "pandas.core.series.Series")
    ),
)  # fmt: skip
