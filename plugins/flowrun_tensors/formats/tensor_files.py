"""Tensors from `.pt`, `.safetensors` and `.npy` files, memory-mapped."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from flowrun import DataError
from flowrun_tensors.lazy import torch


def read_pt(path: Path) -> dict[str, Any]:
    """A file of torch.save: one tensor (as `data`), or a dict of values.

    Read with `weights_only=True`, so that a file cannot run code, and memory-mapped where its form
    allows. Raises DataError where it holds anything else.
    """
    try:
        try:
            value = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except (RuntimeError, ValueError):  # an old-style file, which cannot be mapped
            value = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:
        reason = str(error).partition("\n")[0]
        if "weights only" in reason.lower():  # torch goes on to advise reading it unsafely
            reason = "it holds Python objects, which may run code when they are read"
        raise DataError(
            f"{path} cannot be read as tensors: {reason}\n"
            "    only plain tensors are loaded (weights_only=True); save tensors, not objects"
        ) from error
    return _named(value, path)


def read_safetensors(path: Path) -> dict[str, Any]:
    """Every tensor of a safetensors file by name; a single one as `data` too."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return _named({name: file.get_tensor(name) for name in file.keys()}, path)  # noqa: SIM118
    except SafetensorError as error:
        raise DataError(f"{path} is not a whole safetensors file: {error}") from error


def read_numpy(path: Path) -> dict[str, Any]:
    """The array of a `.npy` file as `data`, or those of a `.npz` file by name.

    A `.npy` file is memory-mapped: the tensor has the file's memory, and what is written to it
    stays in this process (copy-on-write).
    """
    import numpy

    try:
        loaded = numpy.load(path, mmap_mode="c", allow_pickle=False)
        if path.suffix.lower() == ".npy":
            return {"data": torch.from_numpy(loaded)}
        with loaded:
            return _named({name: torch.from_numpy(loaded[name]) for name in loaded.files}, path)
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as arrays of numbers: {error}") from error


def write_numpy(path: Path, named: dict[str, Any]) -> None:
    """One tensor as a `.npy` file, or several by name as `.npz`."""
    import numpy

    arrays = {name: tensor.numpy(force=True) for name, tensor in _tensors(path, named).items()}
    with path.open("wb") as file:
        if len(arrays) == 1:
            numpy.save(file, next(iter(arrays.values())), allow_pickle=False)
        else:
            numpy.savez(file, **arrays)


def write_pt(path: Path, named: dict[str, Any]) -> None:
    """One tensor alone, or several in a dict by name, as torch.save writes them."""
    tensors = {name: tensor.detach().clone() for name, tensor in _tensors(path, named).items()}
    torch.save(next(iter(tensors.values())) if len(tensors) == 1 else tensors, path)


def write_safetensors(path: Path, named: dict[str, Any]) -> None:
    """Tensors by name."""
    from safetensors.torch import save_file

    tensors = _tensors(path, named)
    save_file(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, path
    )


def _tensors(path: Path, named: dict[str, Any]) -> dict[str, torch.Tensor]:
    for name, value in named.items():
        if not isinstance(value, torch.Tensor):
            raise DataError(
                f"`{name}` is a {type(value).__name__}, and a file of this kind holds tensors "
                "alone; save to a folder to keep everything"
            )
    return named


def _named(value: Any, path: Path) -> dict[str, Any]:
    if isinstance(value, torch.Tensor):
        return {"data": value}
    if not isinstance(value, dict):
        raise DataError(f"{path} holds a {type(value).__name__}, not a tensor or a dict of tensors")
    named = {str(name): item for name, item in value.items()}
    return {"data": next(iter(named.values())), **named} if len(named) == 1 else named
