"""Small files of data, made as the people of the catalogue have them."""

from __future__ import annotations

import io

import numpy
import torch
from safetensors.torch import save

_COLUMNS = ("alcohol", "pH", "score")


def csv(rows: int = 12, columns: tuple[str, ...] = _COLUMNS) -> bytes:
    """A table with a line of names, of cells that differ from row to row."""
    cells = [[(3 * row + 5 * column) % 7 for column in range(len(columns))] for row in range(rows)]
    return "\n".join(",".join(map(str, line)) for line in [columns, *cells]).encode() + b"\n"


def npy(shape: tuple[int, ...], dtype: str) -> bytes:
    """An array as numpy.save writes it."""
    file = io.BytesIO()
    numpy.save(file, _counted(shape).astype(dtype))
    return file.getvalue()


def safetensors(**shapes: tuple[int, ...]) -> bytes:
    """float32 tensors by name."""
    counted = {name: _counted(shape).astype("float32") for name, shape in shapes.items()}
    return save({name: torch.from_numpy(array) for name, array in counted.items()})


def _counted(shape: tuple[int, ...]) -> numpy.ndarray:
    return numpy.arange(numpy.prod(shape)).reshape(shape) % 7
