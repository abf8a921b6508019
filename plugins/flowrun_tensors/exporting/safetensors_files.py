"""What an exported script has in place of safetensors, so that it needs torch alone.

A template, as `prelude` is. The format is small: eight bytes that tell the length of a JSON header,
the header, padded with spaces, and the tensors' bytes (https://github.com/huggingface/safetensors).
`save` gives the very bytes that the library gives; a test holds the two against each other.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
from collections.abc import Mapping
from typing import Any, Self

import torch

# The format's names of types, in the order in which it lays tensors out, the last first.
DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I32": torch.int32,
    "F32": torch.float32,
    "F64": torch.float64,
    "I64": torch.int64,
}


def save(tensors: Mapping[str, torch.Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """Contiguous tensors on the CPU, by name, as the content of a safetensors file."""
    names = {dtype: name for name, dtype in DTYPES.items()}
    order = list(DTYPES.values())
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    pieces, end = [], 0
    for name, tensor in sorted(
        tensors.items(), key=lambda item: (-order.index(item[1].dtype), item[0])
    ):
        pieces.append(ctypes.string_at(tensor.data_ptr(), tensor.nbytes))
        start, end = end, end + tensor.nbytes
        header[name] = {
            "dtype": names[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(pieces)


def save_file(
    tensors: Mapping[str, torch.Tensor],
    filename: str | os.PathLike[str],
    metadata: dict[str, str] | None = None,
) -> None:
    """Tensors, by name, as a safetensors file."""
    with open(filename, "wb") as file:  # noqa: PTH123 - as the library takes it, a text or a path
        file.write(save(tensors, metadata))


class SafetensorError(Exception):
    """A file that is no safetensors file."""


class safe_open:  # noqa: N801 - the library's name
    """The tensors of a safetensors file."""

    def __init__(
        self, filename: str | os.PathLike[str], framework: str, device: str = "cpu"
    ) -> None:
        with open(filename, "rb") as file:  # noqa: PTH123
            content = file.read()
        try:
            (length,) = struct.unpack_from("<Q", content)
            header = json.loads(content[8 : 8 + length])
        except (struct.error, ValueError) as error:
            raise SafetensorError(f"Error while deserializing header: {error}") from error
        self._metadata = header.pop("__metadata__", None)
        self._header = header
        self._data = bytearray(content[8 + length :])
        self._device = device

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._data = bytearray()

    def keys(self) -> list[str]:
        """The names of the tensors."""
        return sorted(self._header)

    def metadata(self) -> dict[str, str] | None:
        """What else the file says."""
        return self._metadata

    def get_tensor(self, name: str) -> torch.Tensor:
        """A tensor by its name."""
        entry = self._header[name]
        start, end = entry["data_offsets"]
        dtype = DTYPES[entry["dtype"]]
        if start == end:
            return torch.empty(entry["shape"], dtype=dtype, device=self._device)
        flat = torch.frombuffer(self._data[start:end], dtype=dtype)
        return flat.reshape(entry["shape"]).to(self._device)
