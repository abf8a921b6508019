"""Inputs that a reader once did not bear: found by the fuzzer, or by a look at what it reads."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from tests.campaigns.fuzzing.runs import BETWEEN, EVENT, RECORD, RUN, TENSOR
from tests.campaigns.fuzzing.targets import TARGETS
from tests.campaigns.fuzzing.tensors import TORCH, _safetensors
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]


def _record(**step: Any) -> bytes:
    """A record whose step has other entries."""
    document = RECORD.as_dict()
    document["steps"][0] |= step
    return msgspec.json.encode(document)


def _nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"type": "int", "value": 1}
    for _ in range(levels):
        value = {"type": "dict", "items": {"a": value}}
    return value


def _npy(shape: str) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def _npz(member: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", member)
    return file.getvalue()


def _flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


def _aligned(alignment: bytes) -> bytes:
    """A file of torch.save with two storages and another alignment of these."""
    saved, file = io.BytesIO(), io.BytesIO()
    torch.save({"a": torch.ones(3), "b": torch.ones(2)}, saved)
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, alignment if name.endswith("alignment") else old.read(name))
    return file.getvalue()


def _with_pickle(content: bytes) -> bytes:
    """A file of torch.save with another pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(TORCH[1])) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name.endswith("data.pkl") else old.read(name))
    return file.getvalue()


ARCHIVE = _npz(_npy("(1,)") + b"\0" * 8)
DEEP_EVENT = msgspec.json.encode({**EVENT, "outputs": {"a": _nested(400)}})
FINDINGS = {
    "an array of no element along an axis of 1e20": ("numpy", _npy("(0, 99999999999999999999)")),
    "a header that is never closed": (
        "numpy", b"\x93NUMPY\x01\x00" + struct.pack("<H", 5_000) + b"[" * 5_000,
    ),
    "an array of 1e12 elements in an archive": ("numpy", _npz(_npy("(1000000000000,)"))),
    **{f"an archive with the byte {place} flipped": ("numpy", _flipped(ARCHIVE, place))
       for place in range(0, len(ARCHIVE), 7)},
    "a dict that holds itself": ("torch", _with_pickle(b"\x80\x02}q\0X\1\0\0\0ah\0s.")),
    "a list that holds itself": ("torch", _with_pickle(b"\x80\x02]q\0h\0a.")),
    "storages aligned to multiples of nothing": ("torch", _aligned(b"0")),
    "storages aligned to no number": ("torch", _aligned(b"x")),
    "sizes whose product overflows": ("safetensors", _safetensors(
        b'{"a":{"dtype":"F32","shape":[9223372036854775808,0],"data_offsets":[0,0]}}'
    )),
    "a step looked at a thing of no known kind": ("run", _record(looked_at={"odd:thing": "x"})),
    "the first elements of a value without a shape": (
        "run", _record(outputs={"a": {"type": "tensor", "begin": [1]}}),
    ),
    "an output that is nested deeply": ("run", _record(outputs={"a": _nested(400)})),
    "a list that is nested deeply": (
        "run", _record(outputs={"a": {**TENSOR, "value": "@"}}).replace(
            b'"@"', b"[" * 700 + b"1" + b"]" * 700
        ),
    ),
    "a control character in a setting": ("setting", b'train.lr="\x03'),
    "a setting with a bracket behind separators of ASCII": (
        "setting", b"i`\x1f~\x1f+=\x1f+\x0b~0\xc2\xdd!=[\r\r",
    ),
    "an attribute after letters of two bytes": ("expression", "n(ж+ш).g".encode()),
    "an attribute of letters that Python takes for others": ("expression", "n(ш).ﬃﬃ".encode()),
    "a mistake in an expression of two lines": (
        "plan", b'recipe: r\nsteps:\n  - compute: {v: r\n(sb"2}\n',
    ),
    "a mistake in an expression with escapes": (
        "plan", b'recipe: r\nsteps:\n  - compute: {v: "\\x72 (sb\\x22"}\n',
    ),
    "an event with an output that is nested deeply": (
        "run", RECORD.as_json().replace(b'"ok"', b'"killed"') + BETWEEN + DEEP_EVENT,
    ),
}  # fmt: skip


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_finding_is_none_any_more(finding: str, tmp_path: Path) -> None:
    name, data = FINDINGS[finding]
    TARGETS[name].try_input(data, tmp_path)


def test_a_record_that_is_nested_deeply_is_refused_in_one_line(
    flowrun: Flowrun, write: Write
) -> None:
    write(f".flowrun/runs/{RUN}/run.json", _record(outputs={"a": _nested(400)}).decode())
    done = flowrun("show", RUN)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: the record of the run {RUN} is unreadable: ")
    assert line.endswith("a value is nested deeper than 100 levels")
