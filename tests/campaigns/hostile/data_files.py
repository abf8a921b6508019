"""Bytes of data files that lie about themselves, made without the libraries that write them."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

_NUMPY = b"\x93NUMPY"
ENCRYPTED = 0x1


def pickled_int(number: int) -> bytes:
    """Opcodes that give a whole number."""
    content = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    if len(content) < 256:
        return b"\x8a" + bytes([len(content)]) + content
    return b"\x8b" + struct.pack("<i", len(content)) + content


def pickled_text(text: str) -> bytes:
    """Opcodes that give a text."""
    content = text.encode()
    return b"X" + struct.pack("<I", len(content)) + content


def _pickled_ints(numbers: Sequence[int]) -> bytes:
    return b"(" + b"".join(map(pickled_int, numbers)) + b"t"


def pickled_tensor(
    size: Sequence[int],
    stride: Sequence[int],
    *,
    elements: int = 1,
    key: str = "0",
    offset: int = 0,
) -> bytes:
    """Opcodes that give a tensor of float32, in a storage that has so many elements, it says."""
    storage = pickled_text("storage") + b"ctorch\nFloatStorage\n" + pickled_text("0")
    storage = b"(" + storage + pickled_text("cpu") + pickled_int(elements) + b"tQ"
    place = pickled_int(offset) + _pickled_ints(size) + _pickled_ints(stride) + b"\x89"
    hooks = b"ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + place + hooks + b"tR"


def pickled_dict(name: str, value: bytes) -> bytes:
    """Opcodes that give a dict with one value."""
    return b"}" + pickled_text(name) + value + b"s"


def pt_file(
    value: bytes,
    storage: bytes = bytes(4),
    *,
    pack: int = zipfile.ZIP_STORED,
    more: int = 0,
    flags: int = 0,
) -> bytes:
    """A file of torch.save with the value that the opcodes give. more: members beside it."""
    members = {
        "archive/data.pkl": b"\x80\x02" + value + b".",
        "archive/byteorder": b"little",
        "archive/data/0": storage,
        "archive/version": b"3\n",
        **{f"archive/data/{number}": b"" for number in range(1, more + 1)},
    }
    return zip_file(members, pack=pack, flags=flags)


def old_pt_file(value: bytes, elements: int, data: bytes = bytes(4)) -> bytes:
    """An old-style file of torch.save: pickles, and behind them the size and data of storages."""
    parts = [pickled_int(0x1950A86A20F9469CFC6C), pickled_int(1001), b"}", value]
    parts.append(b"](" + pickled_text("0") + b"e")
    pickles = b"".join(b"\x80\x02" + part + b"." for part in parts)
    return pickles + struct.pack("<q", elements) + data


def old_pickled_tensor(elements: int) -> bytes:
    """Opcodes that give a tensor in an old-style file."""
    return pickled_tensor([elements], [1], elements=elements).replace(b"tQ", b"NtQ", 1)


def zip_file(
    members: dict[str, bytes], *, pack: int = zipfile.ZIP_STORED, flags: int = 0, mode: int = 0
) -> bytes:
    """A zip file. flags: set in each member, in the directory alone. mode: that of its files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", pack) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type, info.external_attr = pack, mode << 16
            archive.writestr(info, content)
        for info in archive.infolist():
            info.flag_bits |= flags
    return made.getvalue()


def directory_altered(archive: bytes, at: int, content: bytes) -> bytes:
    """A zip file with bytes in the first entry of its directory replaced."""
    place = archive.index(b"PK\x01\x02") + at
    return archive[:place] + content + archive[place + len(content) :]


def npy_file(
    shape: str = "(1,)",
    data: bytes = bytes(8),
    *,
    dtype: str = "'<f8'",
    order: str = "False",
    version: int = 1,
) -> bytes:
    """A `.npy` file with this header."""
    header = f"{{'descr': {dtype}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return npy_begin(len(header), version) + header + data


def npy_begin(length: int, version: int = 1) -> bytes:
    """The beginning of a `.npy` file whose header has so many bytes."""
    size = struct.pack("<H" if version == 1 else "<I", length)
    return _NUMPY + bytes([version, 0]) + size


def safetensors_file(
    header: object, data: bytes = bytes(8), *, claimed: int | None = None
) -> bytes:
    """A safetensors file. header: JSON, or its text. claimed: the size it says it has."""
    text = header.encode() if isinstance(header, str) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if claimed is None else claimed) + text + data


def entry(
    begin: int = 0, end: int = 8, shape: Sequence[int] = (1,), dtype: str = "F64"
) -> dict[str, object]:
    """What the header of a safetensors file says of one tensor."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def write_sparse(path: Path, begin: bytes, size: int, end: bytes = b"") -> None:
    """Write a file of so many bytes, zeros but for its beginning and end, that takes no room."""
    with path.open("wb") as file:
        file.write(begin)
        file.truncate(size)
        file.seek(size - len(end))
        file.write(end)
