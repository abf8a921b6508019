"""Tensors from `.pt`, `.safetensors` and `.npy` files, memory-mapped."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from flowrun import DataError, NeedsDataError, on_one_line
from flowrun_tensors.formats.array_headers import (
    member_header,
    no_array,
    require_array_header,
    require_numbers,
)
from flowrun_tensors.formats.bounds import (
    MOST_HEADER,
    MOST_PICKLED,
    PickledFile,
    opened_archive,
    require_bounded,
    require_names,
    too_much_pickled,
)
from flowrun_tensors.formats.limits import require_held
from flowrun_tensors.lazy_torch import torch

_ZIP = b"PK\x03\x04"  # with which a file of torch.save begins since torch 1.6
_SPARSE = tuple(  # the names of scipy.sparse.save_npz
    {"format", "shape", "data", *more} for more in (["indices"], ["row", "col"], ["offsets"])
)
_ALIGNMENT = ".storage_alignment"  # a member, since torch 2.7
_LONGEST_ALIGNMENT = 10  # digits
_OBJECTS = "it holds Python objects, which may run code when they are read\n"
_OBJECTS += "    save an array of numbers: numpy.array(values, dtype='float64')"


def read_pt(path: Path) -> dict[str, Any]:
    """A file of torch.save: one tensor (as `data`), or a dict of values.

    Read with `weights_only=True`, so that a file cannot run code, and memory-mapped if its form
    allows. Raises DataError if it has anything else.
    """
    return by_name(loaded_pt(path), path)


def loaded_pt(path: Path, load: Callable[[Path, bool], Any] | None = None) -> Any:
    """The value in a file of torch.save; raises DataError.

    load: reads it in place of torch.load; called with the path, and whether it is a zip file.
    """
    try:
        with path.open("rb") as file:
            is_zip = file.read(len(_ZIP)) == _ZIP
        held = _held_by_archive(path) if is_zip else None
        value = (load or _torch_loaded)(path, is_zip)
        require_bounded(value)
        needed = storage_bytes(value)
        if held is not None and held < needed:
            raise EOFError(f"its tensors need {needed:,} bytes, and it has {held:,}")
    except (FileNotFoundError, NeedsDataError):
        raise
    except DataError as error:
        raise DataError(f"{path} cannot be read as tensors: {error}") from error
    except Exception as error:
        raise not_tensors(path, error) from error
    return value


def _require_alignment(file: BinaryIO, member: zipfile.ZipInfo) -> None:
    """Raise DataError for an alignment of storages by which torch would divide by zero."""
    text = zipfile.ZipFile(file).read(member) if member.file_size < _LONGEST_ALIGNMENT else b""
    if not (text.isdigit() and int(text)):
        raise DataError(f"its {_ALIGNMENT} is no number of bytes")


def _held_by_archive(path: Path) -> int:
    """The bytes of the storages in a zip file of torch.save. Raises DataError, BadZipFile."""
    with opened_archive(path) as (file, members):
        for member in members:
            if member.filename.rpartition("/")[2] == _ALIGNMENT:
                _require_alignment(file, member)
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise DataError("its members are compressed, which torch.save never does")
    if sum(one.file_size for one in members if not _is_storage(one)) > MOST_PICKLED:
        raise too_much_pickled()
    return sum(member.file_size for member in filter(_is_storage, members))


def _is_storage(member: zipfile.ZipInfo) -> bool:
    return "/data/" in member.filename


def _torch_loaded(path: Path, is_zip: bool) -> Any:
    if is_zip:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    with PickledFile(path) as file:  # an old-style file, which cannot be mapped
        return torch.load(file, map_location="cpu", weights_only=True)


def storage_bytes(value: Any, *, each: int = 0) -> int:
    """The bytes of the storages of the tensors in a value, and so many more for each storage."""
    storages: dict[int, int] = {}
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, torch.Tensor) and item.layout is torch.strided:
            storage = item.untyped_storage()
            storages[storage._cdata] = storage.nbytes() + each
        elif isinstance(item, (dict, list, tuple)):
            waiting.extend(item.values() if isinstance(item, dict) else item)
    return sum(storages.values())


def not_tensors(path: Path, error: Exception) -> DataError:
    """The error of a file of which torch.load says `error`."""
    reason = str(error).partition("\n")[0]
    if "weights only" in reason.lower():  # torch goes on to advise reading it unsafely
        reason = "it holds Python objects, which may run code when they are read"
    return DataError(
        f"{path} cannot be read as tensors: {reason}\n"
        "    only plain tensors are loaded (weights_only=True); save tensors, not objects"
    )


def read_safetensors(path: Path) -> dict[str, Any]:
    """Every tensor of a safetensors file by name; a single one as `data` too."""
    return safetensors_by_name(path, tensors_in)


def tensors_in(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file; raises SafetensorError."""
    from safetensors import safe_open

    require_safetensors_header(path)
    with safe_open(path, framework="pt") as file:
        names = file.keys()
        require_names(len(names))
        return {name: file.get_tensor(name) for name in names}


def require_safetensors_header(path: Path) -> None:
    """Raise DataError for a header that is too large to be read quickly."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
    if MOST_HEADER < size <= path.stat().st_size:  # a larger one is not whole
        raise DataError(f"its header has {size:,} bytes, and {MOST_HEADER:,} is the most")


def safetensors_by_name(
    path: Path, tensors_of: Callable[[Path], dict[str, torch.Tensor]]
) -> dict[str, Any]:
    """The values of a safetensors file, by `tensors_of`; raises DataError if it is incomplete."""
    try:
        return by_name(tensors_of(path), path)
    except (FileNotFoundError, NeedsDataError):
        raise
    except DataError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except Exception as error:  # SafetensorError, and what torch says of a tensor it cannot make
        raise DataError(f"{path} is not a whole safetensors file: {error}") from error


def read_numpy(path: Path) -> dict[str, Any]:
    """The array of a `.npy` file as `data`, or those of a `.npz` file by name.

    Its content decides which of them it is. A `.npy` file is memory-mapped: the tensor uses the
    file's memory, and changes of it stay in this process (copy-on-write).
    """
    return arrays_by_name(
        path,
        lambda array: torch.from_numpy(native(array)),
        _array_of_member,
    )


def _array_of_member(archive: Any, name: str) -> torch.Tensor:
    """An array of an archive, unpacked if its header is right. Raises ValueError and DataError."""
    member_header(archive, name)
    return torch.from_numpy(native(archive[name], name))


def native(array: Any, name: str = "data") -> Any:
    """An array of numbers as torch takes it: in this machine's byte order, as a copy if need be.

    Raises DataError if torch has no such numbers, or it has none.
    """
    import numpy

    if not isinstance(array, numpy.ndarray):
        raise no_array(name)
    require_numbers(array.dtype, name)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def arrays_by_name(
    path: Path,
    tensor_of: Callable[[Any], torch.Tensor],
    member_of: Callable[[Any, str], torch.Tensor],
) -> dict[str, Any]:
    """A lone array through `tensor_of`, or each member of an archive through `member_of`, by name.

    Raises DataError if the file has no arrays of numbers.
    """
    import numpy

    try:
        if not require_array_header(path):
            with opened_archive(path) as (file, _):
                return _archive_by_name(file, path, member_of)
        array = numpy.load(path, mmap_mode="c", allow_pickle=False)
        return {"data": tensor_of(array)}
    except (FileNotFoundError, NeedsDataError):
        raise
    except DataError as error:
        raise DataError(f"{path} cannot be read as arrays of numbers: {error}") from error
    except Exception as error:  # of NumPy, zipfile and its decompressors
        reason = _OBJECTS if "Python objects" in str(error) or "pickle" in str(error) else error
        raise DataError(f"{path} cannot be read as arrays of numbers: {reason}") from error


def _archive_by_name(
    file: BinaryIO, path: Path, member_of: Callable[[Any, str], torch.Tensor]
) -> dict[str, Any]:
    """The arrays of an open archive by name."""
    import numpy

    with numpy.load(file, allow_pickle=False) as loaded:
        if any(names <= set(loaded.files) for names in _SPARSE):
            raise DataError(
                "it is a sparse matrix of scipy\n"
                "    save it as an array: numpy.save('table.npy', matrix.toarray())"
            )
        return by_name({name: member_of(loaded, name) for name in loaded.files}, path)


def write_numpy(path: Path, named: dict[str, Any]) -> None:
    """One tensor as a `.npy` file, or several by name as `.npz`."""
    import numpy

    tensors = _tensors(path, named)
    require_held("NumPy", tensors)
    arrays = {name: tensor.numpy(force=True) for name, tensor in tensors.items()}
    if len(arrays) == 1:
        with path.open("wb") as file:
            numpy.save(file, next(iter(arrays.values())), allow_pickle=False)
        return
    with zipfile.ZipFile(path, "w") as archive:  # numpy.savez takes no array named `file`
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                numpy.lib.format.write_array(member, array, allow_pickle=False)


def write_pt(path: Path, named: dict[str, Any]) -> None:
    """One tensor alone, or several in a dict by name, as torch.save writes them."""
    tensors = {name: tensor.detach().clone() for name, tensor in _tensors(path, named).items()}
    torch.save(next(iter(tensors.values())) if len(tensors) == 1 else tensors, path)


def write_safetensors(path: Path, named: dict[str, Any]) -> None:
    """Tensors by name."""
    from safetensors.torch import save_file

    tensors = _tensors(path, named)
    require_held("safetensors", tensors)
    save_file(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, path
    )


def _tensors(path: Path, named: dict[str, Any]) -> dict[str, torch.Tensor]:
    for name, value in named.items():
        if not isinstance(value, torch.Tensor):
            raise no_tensor(name, type(value).__name__)
    return named


def no_tensor(name: str, kind: str) -> DataError:
    """The error of a value that is no tensor."""
    return DataError(
        f"`{name}` is a {kind}, and a file of this kind holds tensors alone; save to a folder to "
        "keep everything"
    )


def by_name(value: Any, path: Path) -> dict[str, Any]:
    """The values of a file by name: a lone tensor is `data`; raises DataError.

    Two keys of one text, such as 1 and "1", are an error: only one of them could be taken.
    """
    if isinstance(value, torch.Tensor):
        return {"data": value}
    if not isinstance(value, dict):
        raise DataError(f"{path} holds a {type(value).__name__}, not a tensor or a dict of tensors")
    named = {str(name): item for name, item in value.items()}
    if len(named) < len(value):
        texts = Counter(str(name) for name in value)
        twice = next(on_one_line(name) for name, count in texts.items() if count > 1)
        raise DataError(f"{path} holds two values that are named `{twice}`, of different types")
    return named
