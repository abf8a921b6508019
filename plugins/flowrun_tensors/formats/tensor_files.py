"""Tensors from `.pt`, `.safetensors` and `.npy` files, memory-mapped."""

from __future__ import annotations

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


def read_npy(path: Path) -> dict[str, Any]:
    """The array of a `.npy` file as a tensor over the same memory (copy-on-write)."""
    try:
        import numpy
    except ImportError:
        raise DataError(
            f"{path} needs NumPy, which is not installed: pip install 'flowrun[numpy]'"
        ) from None
    try:
        array = numpy.load(path, mmap_mode="c", allow_pickle=False)
        return {"data": torch.from_numpy(array)}
    except (ValueError, TypeError, EOFError) as error:
        raise DataError(f"{path} cannot be read as an array of numbers: {error}") from error


def _named(value: Any, path: Path) -> dict[str, Any]:
    if isinstance(value, torch.Tensor):
        return {"data": value}
    if not isinstance(value, dict):
        raise DataError(f"{path} holds a {type(value).__name__}, not a tensor or a dict of tensors")
    named = {str(name): item for name, item in value.items()}
    return {"data": next(iter(named.values())), **named} if len(named) == 1 else named
