"""The bounds of data files, which anyone may have made: each is far beyond what people save.

A file that exceeds one is refused with DataError before its content takes memory or time.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from flowrun import DataError
from flowrun_tensors.lazy_torch import torch

MOST_NAMES = 20_000  # tensors in a file by name; each takes 0.1 ms, needed or not
MOST_HEADER = 2**24  # bytes of a header, or of an archive's directory
MOST_UNPACKED = 2**28  # bytes that any archive may unpack to; a large archive to more:
MOST_RATIO = 100  # times its own size
MOST_REPEATED = 2**28  # bytes that views may show beyond those that a file has
MOST_PICKLED = 2**21  # bytes of a .pt file beside its tensors' data; each takes 2 microseconds
MOST_ITEMS = 1_000_000  # values inside of lists and dicts, counted at each place that has one
MOST_NESTED = 200  # lists and dicts inside of one another
MOST_TEXT = 2**25  # bytes of the index of a saved folder: a million numbers take 22 MB

_PLAIN = (int, float, str, bool, type(None))
_ENCRYPTED = 0x1  # among the flags of a member
_UNPACKED_HINT = "write it uncompressed: numpy.savez"


class _SmallReads(io.FileIO):
    """A file from which no header is read that is larger than the bound, whatever it claims."""

    def read(self, size: int | None = -1) -> bytes:
        left = os.fstat(self.fileno()).st_size - self.tell()
        wanted = left if size is None or size < 0 else min(left, size)
        if wanted > MOST_HEADER:
            raise DataError(f"its directory has more than {_mib(MOST_HEADER)}")
        return super().read(wanted)


class PickledFile(io.BufferedReader):
    """An old-style file of torch.save, whose pickles are read with `read` and `readline`.

    The tensors' data is read by its descriptor, and not counted.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._left = MOST_PICKLED

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0 or size > self._left:
            raise too_much_pickled()
        self._left -= size
        return super().read(size)

    def readline(self, size: int | None = -1) -> bytes:
        line = super().readline(self._left + 1)
        self._left -= len(line)
        if self._left < 0:
            raise too_much_pickled()
        return line


def too_much_pickled() -> DataError:
    """The error of a file with too much beside its tensors."""
    return DataError(
        f"it holds more than {_mib(MOST_PICKLED)} beside its tensors' data\n"
        "    make tensors of long lists, or save them to several files"
    )


def require_names(count: int) -> None:
    """Raise DataError for a file of too many tensors."""
    if count > MOST_NAMES:
        raise DataError(
            f"it holds {count:,} tensors, and {MOST_NAMES:,} is the most in one file\n"
            "    save them to several files, or stack those of one shape"
        )


@contextmanager
def opened_archive(path: Path) -> Iterator[tuple[BinaryIO, list[zipfile.ZipInfo]]]:
    """A zip file, and its members, which unpack to no more than the bounds allow.

    Raises DataError, and zipfile.BadZipFile.
    """
    with _SmallReads(path) as file:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
        _require_sound(members, path.stat().st_size)
        file.seek(0)
        yield file, members  # type: ignore[misc]


def _require_sound(members: list[zipfile.ZipInfo], size: int) -> None:
    """Raise DataError for an archive, of a file of so many bytes, that exceeds a bound."""
    require_names(len(members))
    for member in members:
        if member.flag_bits & _ENCRYPTED:
            raise DataError(f"its member {member.filename!a} is encrypted")
    unpacked = sum(member.file_size for member in members)
    if unpacked > max(MOST_UNPACKED, MOST_RATIO * size):
        raise DataError(
            f"its {size:,} bytes unpack to {unpacked:,}: more than {_mib(MOST_UNPACKED)}, and than "
            f"{MOST_RATIO} times its size\n    {_UNPACKED_HINT}"
        )


def require_bounded(value: Any) -> None:
    """Raise DataError for nested values that take too much time to look at, or cannot be shown.

    Lists that hold one list many times can hold 10^20 values in a few bytes. A view with strides of
    0 can show 10^12 elements of one.
    """
    tensors: list[torch.Tensor] = []
    _size_and_height(value, 0, {}, tensors)
    repeated = 0
    for tensor in tensors:
        if any(stride < 0 for stride in tensor.stride()):  # torch looks outside of its storage
            raise DataError(f"a tensor in it has the strides {tensor.stride()}")
        shown = tensor.numel() * tensor.element_size()
        repeated += max(0, shown - tensor.untyped_storage().nbytes())
    if repeated > MOST_REPEATED:
        raise DataError(
            f"its tensors show {repeated:,} bytes more than it holds, by strides that repeat "
            "elements\n    save the tensors before they are expanded"
        )


def _size_and_height(
    item: Any, depth: int, known: dict[int, tuple[int, int]], tensors: list[torch.Tensor]
) -> tuple[int, int]:
    """How many values are inside of one, and how deep; those of a shared list are found once.

    Adds the dense tensors among them to `tensors`.
    """
    if not isinstance(item, (dict, list, tuple)):
        if isinstance(item, torch.Tensor) and item.layout is torch.strided:
            tensors.append(item)
        return 0, 0
    if id(item) in known:
        return known[id(item)]
    size, height = len(item), 0
    if depth <= MOST_NESTED:
        for one in [*item, *item.values()] if isinstance(item, dict) else item:
            if type(one) in _PLAIN:
                continue
            inner = _size_and_height(one, depth + 1, known, tensors)
            size, height = size + inner[0], max(height, inner[1])
    if depth > MOST_NESTED or height >= MOST_NESTED:
        raise DataError(f"its lists and dicts are nested more than {MOST_NESTED} deep")
    if size > MOST_ITEMS:
        raise DataError(f"it holds more than {MOST_ITEMS:,} values in lists and dicts")
    known[id(item)] = size, height + 1
    return known[id(item)]


def _mib(size: int) -> str:
    return f"{size // 2**20} MiB"
