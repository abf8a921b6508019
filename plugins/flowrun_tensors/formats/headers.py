"""The content of tensor files from their headers: names, shapes and dtypes.

Each function returns the same as `read_...` of its format, and raises the same errors, as far as
the header shows. They are for a check, inside of torch's FakeTensorMode: nothing takes memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flowrun import NeedsDataError
from flowrun_tensors.formats.array_headers import member_header, require_numbers
from flowrun_tensors.formats.bounds import PickledFile, require_bounded, require_names
from flowrun_tensors.formats.limits import SAFETENSORS_DTYPES
from flowrun_tensors.formats.shapes import without_data
from flowrun_tensors.formats.tensor_files import (
    arrays_by_name,
    by_name,
    loaded_pt,
    require_safetensors_header,
    safetensors_by_name,
    storage_bytes,
)
from flowrun_tensors.lazy_torch import torch


def pt_header(path: Path) -> dict[str, Any]:
    """The result of `read_pt`, with tensors without data and everything else as it is."""
    value = loaded_pt(path, _loaded_without_data)
    return without_data(by_name(value, path))  # type: ignore[no-any-return]


def _loaded_without_data(path: Path, is_zip: bool) -> Any:
    """The result of torch.load, which reads no data in FakeTensorMode."""
    with path.open("rb") if is_zip else PickledFile(path) as file:
        try:
            value = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:
            if not _is_of_fakes(error):
                raise
            message = f"the content of {path.name} is not known without its data"
            raise NeedsDataError(f"{message} ({str(error).partition('.')[0]})") from error
        if not is_zip:  # in an old-style file, the data of each storage follows, after its size
            require_bounded(value)  # or to look at it might never end
            missing = file.tell() + storage_bytes(value, each=8) - path.stat().st_size
            if missing > 0:
                raise EOFError(f"{missing} bytes are missing at its end")
    return value


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
    require_safetensors_header(path)
    with safe_open(path, framework="np") as file:  # which makes no tensors of its own
        names = file.keys()
        require_names(len(names))
        for name in names:
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
    """An array of an archive, from its header. Raises ValueError as NumPy does, and DataError."""
    return _like_array(*member_header(archive, name), name)


def _like_array(
    shape: tuple[int, ...], is_fortran: bool, dtype: Any, name: str = "data"
) -> torch.Tensor:
    """A tensor such as torch.from_numpy makes; raises DataError if torch lacks the dtype.

    is_fortran: whether the first axis, not the last, is the one along which elements are adjacent.
    """
    import numpy

    require_numbers(dtype, name)
    kind = torch.from_numpy(numpy.empty(0, dtype.newbyteorder("="))).dtype
    if is_fortran:
        backwards = torch.empty(shape[::-1], dtype=kind, device="cpu")
        return backwards.permute(tuple(reversed(range(len(shape)))))
    return torch.empty(shape, dtype=kind, device="cpu")
