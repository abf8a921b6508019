"""Digests of polars's tables, by their cells.

The bytes that polars writes of two equal tables may differ: in what lies below a missing cell, in
the views by which texts are shared, and in a mask of a column that lacks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


_OF_NUMPY = frozenset(  # dtypes whose cells NumPy has as they are
    "Boolean Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float32 Float64".split()
)


def polars_digest(frame: pl.DataFrame) -> bytes:
    """BLAKE3 of the shape, and of each column's name, dtype, missing cells and other cells.

    Raises ValueError for a column of Python's objects, which no file holds.
    """
    from blake3 import blake3

    hasher = blake3(repr(frame.shape).encode())
    for column in frame:
        hasher.update(repr((column.name, str(column.dtype))).encode())
        hasher.update(column.is_null().to_numpy().tobytes())
        for content in _contents(column.drop_nulls()):
            hasher.update(content)
    return hasher.digest()


def _contents(column: pl.Series) -> Iterator[bytes]:
    """The bytes of a column that lacks no cell, the same for equal columns."""
    import polars as pl

    kind = column.dtype
    if kind == pl.Object:
        raise ValueError(f"its column {column.name!r} holds objects of Python (dtype Object)")
    if kind == pl.String:
        yield column.str.len_bytes().to_numpy().tobytes()
        yield "".join(column.to_list()).encode()
    elif kind.is_temporal() or str(kind) in _OF_NUMPY:
        yield column.to_physical().to_numpy().tobytes()
    else:
        yield repr(column.to_list()).encode()
