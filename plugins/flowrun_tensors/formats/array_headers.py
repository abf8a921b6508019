"""The headers of NumPy's arrays: what they claim is compared with what is there."""

from __future__ import annotations

import math
from pathlib import Path
from typing import IO, Any

from flowrun import DataError, on_one_line

_MOST_HEADER = 10_000  # bytes that NumPy reads of a header that it does not trust
# What torch.from_numpy takes, by NumPy's letter of a kind and the bytes of a number.
_NUMBERS = frozenset("b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split())


def require_array_header(path: Path) -> bool:
    """Whether a file is a lone array; raises DataError, and ValueError, if its header is wrong.

    If it is none, it should be an archive.
    """
    with path.open("rb") as file:
        if not _begins_array(file):
            return False
        _header(file, path.stat().st_size)
    return True


def member_header(archive: Any, name: str) -> tuple[tuple[int, ...], bool, Any]:
    """Shape, order and dtype of an array in an archive; raises as `require_array_header` does.

    The order is True if the first axis, not the last, is the one along which elements are adjacent.
    """
    known = archive.zip.NameToInfo
    member = known[name] if name in known else known[f"{name}.npy"]
    with archive.zip.open(member) as file:
        if not _begins_array(file):
            raise no_array(name)
        return _header(file, member.file_size)


def _begins_array(file: IO[bytes]) -> bool:
    from numpy.lib import format as array_format

    magic: bytes = array_format.MAGIC_PREFIX
    return file.read(len(magic)) == magic


def _header(file: IO[bytes], size: int) -> tuple[tuple[int, ...], bool, Any]:
    """The header below the first six bytes of so many."""
    from numpy.lib import format as array_format

    file.seek(0)
    version = array_format.read_magic(file)
    begin = file.tell()
    length = int.from_bytes(file.read(2 if version == (1, 0) else 4), "little")
    if length > _MOST_HEADER:
        raise DataError(f"its header has {length:,} bytes, and {_MOST_HEADER:,} is the most")
    file.seek(begin)
    if version == (1, 0):
        shape, is_fortran, dtype = array_format.read_array_header_1_0(file)
    else:
        shape, is_fortran, dtype = array_format.read_array_header_2_0(file)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
    if any(extent < 0 for extent in shape):
        raise ValueError(f"the shape {shape} has a negative extent")
    needed, found = math.prod(shape) * dtype.itemsize, size - file.tell()
    if found < needed:
        raise ValueError(f"EOF: reading array data, expected {needed} bytes got {found}")
    return shape, is_fortran, dtype


def no_array(name: str) -> DataError:
    """The error of a file in an archive that is no array."""
    return DataError(f"`{on_one_line(name)}` is not an array of NumPy")


def require_numbers(dtype: Any, name: str) -> None:
    """Raise DataError for an array of something else than numbers that torch has."""
    if dtype.kind + str(dtype.itemsize) in _NUMBERS:
        return
    kinds = {"U": "text", "S": "text", "M": "dates", "m": "durations", "V": "records"}
    what = kinds.get(dtype.kind, "Python objects" if dtype.hasobject else "numbers torch lacks")
    raise DataError(
        f"`{on_one_line(name)}` holds {what} ({dtype})\n"
        "    save it with a dtype that torch has: array.astype('float64')"
    )
