"""Tensors from `.pt`, `.safetensors` and `.npy` files, memory-mapped."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flowrun import DataError
from flowrun_tensors.formats.limits import require_held
from flowrun_tensors.lazy_torch import torch


def read_pt(path: Path) -> dict[str, Any]:
    """A file of torch.save: one tensor (as `data`), or a dict of values.

    Read with `weights_only=True`, so that a file cannot run code, and memory-mapped if its form
    allows. Raises DataError if it has anything else.
    """
    try:
        try:
            value = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except (RuntimeError, ValueError):  # an old-style file, which cannot be mapped
            value = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise not_tensors(path, error) from error
    return by_name(value, path)


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

    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def safetensors_by_name(
    path: Path, tensors_of: Callable[[Path], dict[str, torch.Tensor]]
) -> dict[str, Any]:
    """The values of a safetensors file, by `tensors_of`; raises DataError if it is incomplete."""
    from safetensors import SafetensorError

    try:
        return by_name(tensors_of(path), path)
    except SafetensorError as error:
        raise DataError(f"{path} is not a whole safetensors file: {error}") from error


def read_numpy(path: Path) -> dict[str, Any]:
    """The array of a `.npy` file as `data`, or those of a `.npz` file by name.

    Its content decides which of them it is. A `.npy` file is memory-mapped: the tensor uses the
    file's memory, and changes of it stay in this process (copy-on-write).
    """
    return arrays_by_name(
        path, torch.from_numpy, lambda archive, name: torch.from_numpy(archive[name])
    )


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
        loaded = numpy.load(path, mmap_mode="c", allow_pickle=False)
        if isinstance(loaded, numpy.ndarray):
            return {"data": tensor_of(loaded)}
        with loaded:
            return by_name({name: member_of(loaded, name) for name in loaded.files}, path)
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as arrays of numbers: {error}") from error


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
        texts = [str(name) for name in value]
        twice = next(name for name in texts if texts.count(name) > 1)
        raise DataError(f"{path} holds two values that are named `{twice}`, of different types")
    return {"data": next(iter(named.values())), **named} if len(named) == 1 else named
