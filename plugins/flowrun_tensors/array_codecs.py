"""How NumPy's arrays and scalars are summarised, digested and stored. Naming them imports nothing.

An array is read back with the strides that it was written with, since NumPy's kernels choose their
order of adding by them; its address, and the rest of the memory of which it is a view, are no part
of its value.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowrun import Codec, Summary, shortened

if TYPE_CHECKING:
    import numpy as np

_KINDS = "biufcSUVmM"  # of dtypes whose elements are bytes of one length
_TRAITS = "traits.json"  # a member of the file beside the arrays
_WIDEST = 60  # columns of a value in a difference
_MOST_MEMORY = 16  # times its own bytes that the memory of a view may span, to be stored
_WORDS = {"S": "bytes", "U": "text", "M": "date", "m": "duration"}
_SCALARS = (
    "bool bool_ int8 int16 int32 int64 intc longlong uint8 uint16 uint32 uint64 uintc ulonglong "
    "float16 float32 float64 longdouble complex64 complex128 clongdouble datetime64 timedelta64 "
    "str_ bytes_"
).split()


def array_summary(array: np.ndarray) -> Summary:
    """Shape, dtype and bytes of an array."""
    return Summary("array", array.shape, array.dtype.name, bytes=array.nbytes)


def array_plain(array: np.ndarray) -> Any:
    """The array as a number or nested lists; elements that JSON lacks as texts."""
    if array.dtype.kind == "V":  # of several fields, each with its type
        return [_listed(row) for row in array.tolist()] if array.ndim else _listed(array.item())
    is_known = array.dtype.kind in "biufUOT" and array.dtype.char != "g"  # that of longdouble
    return (array if is_known else array.astype(str)).tolist()


def _listed(row: Any) -> Any:
    """A row of fields, or rows of rows, as lists."""
    if isinstance(row, (tuple, list)):
        return [_listed(part) for part in row]
    return row if isinstance(row, (bool, int, float, str)) else str(row)


def array_begin(array: np.ndarray, count: int) -> list[Any] | None:
    """The elements in order, or the first of the first row if there are more than so many."""
    if array.dtype.kind in "OV":
        return None
    row = array
    while row.ndim > 1 and row.size > count:
        row = row[0]
    return list(array_plain(row.reshape(-1)[:count]))


def array_difference(
    array: np.ndarray, wanted: Any, rtol: float | None, atol: float | None
) -> str | None:
    """How an array differs from nested lists or another array; numbers as those of tensors."""
    import numpy as np

    from flowrun_tensors.codecs import tensor_difference
    from flowrun_tensors.lazy_torch import torch

    is_array = isinstance(wanted, np.ndarray)
    if array.size and array.dtype.kind in ("biufc" if is_array else "biuf"):
        try:
            tensor = torch.from_numpy(array.copy())
            other = torch.from_numpy(wanted.copy()) if is_array else wanted
            return tensor_difference(tensor, other, rtol, atol)
        except (TypeError, ValueError):  # of a dtype, or an order of bytes, that torch lacks
            pass
    found = array_plain(array)
    other = array_plain(wanted) if is_array else wanted
    return None if found == other else f"{short(found)} is not {short(other)}"


def short(value: Any) -> str:
    """A value in a difference, cut to fit in a line."""
    return shortened(repr(value), _WIDEST)


def array_digest(array: np.ndarray) -> bytes:
    """BLAKE3 of dtype, shape, bytes in row-major order, and traits if the array has any.

    Raises ValueError for an array that no file holds whole: of objects, or of a dtype with a layout
    of its own.
    """
    import numpy as np
    from blake3 import blake3

    _require_storable(array)
    hasher = blake3(f"{array.dtype!r} {array.shape} {_traits(array)}:".encode())
    hasher.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return hasher.digest()


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Arrays by name as an `.npz` file, and their traits as JSON beside them.

    Raises ValueError for an array that has no digest.
    """
    import zipfile

    import numpy as np

    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for index, array in enumerate(arrays.values()):
            _require_storable(array)
            with file.open(f"{index}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
        named = {name: [list(one.shape), _traits(one)] for name, one in arrays.items()}
        file.writestr(_TRAITS, json.dumps(named))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of such a file. Raises ValueError, or what `zipfile` raises, for another file."""
    import zipfile

    import numpy as np

    with zipfile.ZipFile(path) as file:
        if any(one.compress_type != zipfile.ZIP_STORED for one in file.infolist()):
            raise ValueError("a member is compressed, as no array is that was kept")
        found = {}
        for index, (name, (shape, traits)) in enumerate(json.loads(file.read(_TRAITS)).items()):
            with file.open(f"{index}.npy") as member:
                array = np.lib.format.read_array(member, allow_pickle=False)
            found[name] = _with_traits(array.reshape(shape), traits)
    return found


def _require_storable(array: np.ndarray) -> None:

    if array.dtype.kind not in _KINDS:
        raise ValueError(f"an array of dtype {array.dtype!r} has no form on disk")
    if array.dtype.hasobject or not _is_described(array.dtype):
        raise ValueError(f"an array of dtype {array.dtype!r} has no form on disk")
    if _memory(array) > _MOST_MEMORY * max(array.nbytes, 64):
        raise ValueError("an array of few elements that are far from each other in memory")


def _is_described(dtype: np.dtype[Any]) -> bool:
    """Whether the form on disk of a dtype says all of it: no padding, no metadata, not `longlong`.

    Of two dtypes of one size and kind, such as that one, NumPy writes the same.
    """
    import numpy as np

    if dtype.metadata is not None or dtype.isalignedstruct:
        return False
    if dtype.subdtype is not None:
        return _is_described(dtype.subdtype[0])
    if dtype.fields is not None:
        parts = [field[0] for field in dtype.fields.values()]
        return sum(one.itemsize for one in parts) == dtype.itemsize and all(
            map(_is_described, parts)
        )
    return np.dtype(dtype.str).char == dtype.char


def _traits(array: np.ndarray) -> dict[str, Any]:
    """What differs from an array that NumPy has just made: its strides, and being read-only."""
    traits: dict[str, Any] = {}
    if not array.flags.c_contiguous:
        traits["strides"] = list(array.strides)
    if not array.flags.writeable:
        traits["writeable"] = False
    return traits


def _memory(array: np.ndarray) -> int:
    """The bytes from the first element in memory to the last."""
    steps = zip(array.shape, array.strides, strict=True)
    return int(sum(abs(stride) * max(size - 1, 0) for size, stride in steps)) + array.itemsize


def _with_traits(array: np.ndarray, traits: dict[str, Any]) -> np.ndarray:
    import numpy as np

    strides = traits.get("strides")
    if strides is not None:
        steps = list(zip(array.shape, strides, strict=True))
        before = sum(-stride * max(size - 1, 0) for size, stride in steps if stride < 0)
        span = before + sum(stride * max(size - 1, 0) for size, stride in steps if stride > 0)
        if span > _MOST_MEMORY * max(array.nbytes, 64):
            raise ValueError(f"strides {strides} of an array of shape {array.shape}")
        buffer = np.zeros(span + array.itemsize, np.uint8)
        target: np.ndarray = np.ndarray(array.shape, array.dtype, buffer, before, strides)
        target[...] = array
        array = target
    if not traits.get("writeable", True):
        array.flags.writeable = False
    return array


def _scalar_parts(scalar: np.generic) -> list[Any]:

    parts = [scalar.dtype.str, scalar.tobytes()]
    if not _is_described(scalar.dtype) or _made_scalar(parts).tobytes() != parts[1]:
        raise ValueError(f"this {type(scalar).__name__} has no form on disk")  # as NULs at its end
    return parts


def _made_scalar(parts: list[Any]) -> Any:
    import numpy as np

    dtype, content = parts
    is_empty = np.dtype(dtype).itemsize == 0  # the text ""
    return np.dtype(dtype).type() if is_empty else np.frombuffer(content, dtype)[0]


def _scalar_summary(scalar: np.generic) -> Summary:
    kind = _WORDS.get(scalar.dtype.kind, "number")
    return Summary(kind, (), scalar.dtype.name, bytes=scalar.nbytes)


def _scalar_plain(scalar: Any) -> Any:
    found = scalar.item()  # of a `longdouble` itself
    return found if type(found) in (bool, int, float, str) else str(scalar)


ARRAY_CODECS = (
    Codec(
        "numpy.ndarray",
        array_summary,
        array_plain,
        array_difference,
        array_begin,
        digest=array_digest,
        write=write_arrays,
        read=read_arrays,
        suffix=".npz",
        mutable=True,
    ),
    *(
        Codec(
            f"numpy.{name}",
            _scalar_summary,
            _scalar_plain,
            pack=_scalar_parts,
            unpack=_made_scalar,
        )
        for name in _SCALARS
    ),
)
