"""The content of tensor files from their headers: names, shapes and dtypes.

Each function returns the same as `read_...` of its format, and raises the same errors, as far as
the header shows. They are for a check, inside of torch's FakeTensorMode: nothing takes memory.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from flowrun import NeedsDataError
from flowrun_tensors.formats.limits import SAFETENSORS_DTYPES
from flowrun_tensors.formats.shapes import without_data
from flowrun_tensors.formats.tensor_files import (
    arrays_by_name,
    by_name,
    not_tensors,
    safetensors_by_name,
)
from flowrun_tensors.lazy_torch import torch

_ZIP = b"PK\x03\x04"  # with which a file of torch.save begins since torch 1.6


def pt_header(path: Path) -> dict[str, Any]:
    """The result of `read_pt`, with tensors without data and everything else as it is."""
    try:
        value = _loaded_without_data(path)
    except FileNotFoundError:
        raise
    except Exception as error:
        if _is_of_fakes(error):
            message = f"the content of {path.name} is not known without its data"
            raise NeedsDataError(f"{message} ({str(error).partition('.')[0]})") from error
        raise not_tensors(path, error) from error
    return without_data(by_name(value, path))  # type: ignore[no-any-return]


def _loaded_without_data(path: Path) -> Any:
    """The result of torch.load, which reads no data in FakeTensorMode."""
    with path.open("rb") as file:
        is_zip = file.read(len(_ZIP)) == _ZIP
        file.seek(0)
        value = torch.load(file, map_location="cpu", weights_only=True)
        if not is_zip:  # in an old-style file, the data of each storage follows, after its size
            missing = file.tell() + _storage_bytes(value) - path.stat().st_size
            if missing > 0:
                raise EOFError(f"{missing} bytes are missing at its end")
    return value


def _storage_bytes(value: Any) -> int:
    """The bytes that the storages of the tensors in a value take in an old-style file."""
    storages: dict[int, int] = {}

    def look(item: Any) -> None:
        if isinstance(item, torch.Tensor) and item.layout is torch.strided:
            storage = item.untyped_storage()
            storages[storage._cdata] = storage.nbytes() + 8
        elif isinstance(item, (dict, list, tuple)):
            for inner in item.values() if isinstance(item, dict) else item:
                look(inner)

    look(value)
    return sum(storages.values())


def _is_of_fakes(error: Exception) -> bool:
    """Whether the mode raised it, in which a tensor has no data, and not torch.load itself."""
    frame = error.__traceback__
    while frame is not None:
        if "_subclasses" in Path(frame.tb_frame.f_code.co_filename).parts:
            return True
        frame = frame.tb_next
    return False


def safetensors_header(path: Path) -> dict[str, Any]:
    """The result of `read_safetensors`, with tensors without data."""
    return safetensors_by_name(path, tensors_without_data)


def tensors_without_data(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, from its header; raises SafetensorError."""
    from safetensors import SafetensorError, safe_open

    tensors = {}
    with safe_open(path, framework="np") as file:  # which makes no tensors of its own
        for name in file.keys():  # noqa: SIM118
            entry = file.get_slice(name)
            kind, shape = entry.get_dtype(), entry.get_shape()
            dtype = getattr(torch, SAFETENSORS_DTYPES.get(kind, ""), None)
            if dtype is None:
                raise SafetensorError(f"Dtype not understood: {kind}")
            if kind == "F4":  # of which torch has two in one element
                shape = [*shape[:-1], shape[-1] // 2]
            tensors[name] = torch.empty(shape, dtype=dtype, device="cpu")
    return tensors


def numpy_header(path: Path) -> dict[str, Any]:
    """The result of `read_numpy`, with tensors without data; only headers are unpacked."""
    return arrays_by_name(
        path,
        lambda array: _like_array(array.shape, array.flags.fnc, array.dtype),
        _member_without_data,
    )


def _member_without_data(archive: Any, name: str) -> torch.Tensor:
    """An array of an archive, from its header. Raises ValueError and TypeError as NumPy does."""
    from numpy.lib import format as array_format

    member = name if name in archive.zip.namelist() else f"{name}.npy"
    with archive.zip.open(member) as file:
        if file.read(len(array_format.MAGIC_PREFIX)) != array_format.MAGIC_PREFIX:
            raise TypeError("expected np.ndarray (got bytes)")
        file.seek(0)
        version = array_format.read_magic(file)
        if version == (1, 0):
            shape, is_fortran, dtype = array_format.read_array_header_1_0(file)
        else:
            shape, is_fortran, dtype = array_format.read_array_header_2_0(file)
        if dtype.hasobject:
            raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
        needed = math.prod(shape) * dtype.itemsize
        found = archive.zip.getinfo(member).file_size - file.tell()
        if found < needed:
            raise ValueError(f"EOF: reading array data, expected {needed} bytes got {found}")
    return _like_array(shape, is_fortran, dtype)


def _like_array(shape: tuple[int, ...], is_fortran: bool, dtype: Any) -> torch.Tensor:
    """A tensor such as torch.from_numpy makes; raises its TypeError if torch lacks the dtype.

    is_fortran: whether the first axis, not the last, is the one along which elements are adjacent.
    """
    import numpy

    kind = torch.from_numpy(numpy.empty(0, dtype)).dtype
    if is_fortran:
        backwards = torch.empty(shape[::-1], dtype=kind, device="cpu")
        return backwards.permute(tuple(reversed(range(len(shape)))))
    return torch.empty(shape, dtype=kind, device="cpu")
