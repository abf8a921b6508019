"""Files of tensors: `.pt`, `.npy`, `.npz`, `.safetensors`, by a run and by a check."""

from __future__ import annotations

import functools
import io
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch._subclasses.fake_tensor import FakeTensorMode

from flowrun import DataError, NeedsDataError
from flowrun_tensors.formats.headers import numpy_header, pt_header, safetensors_header
from flowrun_tensors.formats.tensor_files import read_numpy, read_pt, read_safetensors
from tests.campaigns.fuzzing.target import Target

Reader = Callable[[Path], dict[str, Any]]


def _torch(value: object, **settings: bool) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **settings)  # type: ignore[arg-type]  # of a dict of several types
    return file.getvalue()


def _numpy(*arrays: Any) -> bytes:
    file = io.BytesIO()
    if len(arrays) == 1:
        np.save(file, arrays[0])
    else:
        np.savez(file, **{f"a{number}": array for number, array in enumerate(arrays)})
    return file.getvalue()


def _safetensors(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


_ABSURD = b'{"a":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4]}}'
_TRANSPOSED = torch.arange(6.0).reshape(2, 3).T
TORCH = [
    _torch(torch.ones(2)),
    _torch({"X": _TRANSPOSED, "n": 1, "parameter": torch.nn.Parameter(torch.ones(1))}),
    _torch({"X": torch.ones(2), 1: [torch.zeros(1, dtype=torch.int8)]},
           _use_new_zipfile_serialization=False),
    b"PK\x03\x04", b"",
]  # fmt: skip
NUMPY = [
    _numpy(np.arange(6.0).reshape(2, 3)), _numpy(np.asfortranarray(np.ones((2, 3)))),
    _numpy(np.array(["text"])), _numpy(np.array([1], ">i2"), np.ones((1, 2), "f4")), b"",
]  # fmt: skip
SAFETENSORS = [
    save({"a": torch.ones(2, 2), "b": torch.zeros(1, dtype=torch.int8)}), _safetensors(b"{}"),
    _safetensors(_ABSURD, b"0000"), _safetensors(b'{"__metadata__":{"a":"b"}}'), b"",
]  # fmt: skip
PICKLE = (
    "ctorch._utils\n_rebuild_tensor_v2\n", "ccollections\nOrderedDict\n", "cos\nsystem\n",
    "ctorch\nFloatStorage\n", "\x80\x02", "(", "t", "R", ".", "}", "q\x01", "K\x01", "Q", "PK",
)  # fmt: skip
HEADER = ("'descr': '<f8'", "'fortran_order': True", "'shape': (2, 3)", "'|O'", "\x93NUMPY", "PK")
TENSOR = (
    '"dtype":"F32"', '"shape":[2]', '"data_offsets":[0,8]', '"F4"', '"BF16"', "9223372036854775807",
    '"__metadata__":',
)  # fmt: skip


def check(data: bytes, folder: Path, *, name: str, read: Reader, header: Reader) -> None:
    """A file is read or refused by a run, and by a check, which tells the same of a file."""
    path = folder / name
    path.write_bytes(data)
    promised: dict[str, Any] | None = None
    refused: DataError | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with FakeTensorMode():
                promised = header(path)
        except DataError as error:
            refused = error
        except NeedsDataError:
            pass
        found = read(path)
    if refused is not None:
        raise AssertionError(f"a run reads what a check refuses: {refused}") from refused
    if promised is not None:
        assert list(promised) == list(found)
        for key, value in found.items():
            if isinstance(value, torch.Tensor):
                assert promised[key].shape == value.shape
                assert promised[key].dtype == value.dtype


TARGETS = [
    Target(name="torch", seeds=TORCH, tokens=PICKLE,
           check=functools.partial(check, name="t.pt", read=read_pt, header=pt_header)),
    Target(name="numpy", seeds=NUMPY, tokens=HEADER,
           check=functools.partial(check, name="t.npy", read=read_numpy, header=numpy_header)),
    Target(name="safetensors", seeds=SAFETENSORS, tokens=TENSOR,
           check=functools.partial(check, name="t.safetensors", read=read_safetensors,
                                   header=safetensors_header)),
]  # fmt: skip
