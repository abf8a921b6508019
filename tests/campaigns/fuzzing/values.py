"""Values on disk: folders of `save`, values and records of a store."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import torch
from safetensors.torch import save
from torch._subclasses.fake_tensor import FakeTensorMode

from flowrun.api import new_registry
from flowrun.store.plan_classes import PlanClasses
from flowrun.store.step_records import OutputRecord, StepRecord, decoded_record
from flowrun.store.structures import DamagedValueError
from flowrun.store.value_files import read_value
from flowrun.values.codecs import Codecs
from flowrun_tensors.saving import folder_header, read_folder
from tests.campaigns.fuzzing.target import Target

BETWEEN = b"\n%%%\n"  # the JSON and the tensors that it names
SAVED, STORED = "tensors-0123456789abcdef.safetensors", f"{'0' * 32}-{'0' * 16}.safetensors"
TENSORS = save({"a": torch.ones(2), "value.0": torch.zeros(1, 2)})
SAVED_SEEDS = [
    {"tensors": SAVED, "values": {"a": {"tensor": "a"}, "n": 1, "t": "text", "x": None}},
    {"tensors": SAVED, "values": {"d": {"dict": {"k": {"list": [1.5, {"tensor": "a"}]}}}}},
    {"tensors": "../x", "values": {}},
]
STORED_SEEDS = [
    {"digest": "0" * 64, "files": {}, "value": {"list": [1, "a", None, True, {"int": "ff"}]}},
    {"digest": "0" * 64, "files": {"torch.Tensor": STORED},
     "value": {"tuple": [{"torch.Tensor": {"leaf": "value.0"}}]}},
    {"digest": "0" * 64, "files": {}, "value": {"dict": [["k", {"nan": "7ff8000000000001"}]]}},
    {"digest": "0" * 64, "files": {},
     "value": {"torch.nn.parameter.Parameter": {"packed": {"list": []}}}},
    {"digest": "0" * 64, "files": {}, "value": {"list": [
        {"as": [1, {"instance": {"class": ["sched", "Event", "sched.Event "], "state": {
            "items": {"tuple": [1, 2, 3, None, {"tuple": []}, {"dict": []}]},
            "attributes": {"dict": []}}}}]},
        {"again": 1}, {"weakref": 1},
    ]}},
    {"digest": "0" * 64, "files": {}, "value": {"list": [
        {"instance": {"class": ["http", "HTTPStatus", "http.HTTPStatus "],
                      "state": {"member": "OK", "value": 200}}},
        {"definition": ["torch.nn.functional", "relu", "torch.nn.functional.relu "]},
        {"instance": {"class": ["torch.nn.modules.activation", "ReLU",
                                "torch.nn.modules.activation.ReLU "],
                      "state": {"slots": {"dict": []},
                                "attributes": {"dict": [["training", True]]}}}},
    ]}},
]  # fmt: skip
RECORD = StepRecord(
    key="0" * 64, base="0" * 64, step="tensor", parts={"step": "tensor", "code": {"m": "0"}},
    states={"env:A": "x"}, run="20261129-000000-aaaaaa", made=1.5, messages=[("said", True)],
    outputs={"a": OutputRecord("0" * 64, {"type": "int", "value": 1}, plain=[{"list": [1]}])},
    files={"out": None}, peak_bytes=10,
)  # fmt: skip
RECORD_SEEDS = [
    msgspec.msgpack.encode(RECORD),
    json.dumps(msgspec.to_builtins(RECORD)).encode(),
    b"{}",
    b"\x80",
]
NAMES = (
    '"instance":',
    '"class":',
    '"state":',
    '"as":',
    '"again":',
    '"definition":',
    '"tensors":',
    '"values":',
    '"digest":',
    '"files":',
    '"value":',
    '"leaf":',
    '"packed":',
)
TOKENS = (
    *NAMES, '"list":', '"tuple":', '"dict":', '"int":', '"nan":', '"bytes":', '"torch.Tensor":',
    '"a"', "[", "]", "{", "}", "null", "NaN", "-Infinity", "1e999", '"\\ud800"', "../", "%%%",
)  # fmt: skip
_REGISTRY = new_registry()
_CODECS = Codecs(_REGISTRY.codecs, "float32", PlanClasses(_REGISTRY, None))


def _seeds(documents: list[dict[str, object]]) -> list[bytes]:
    return [json.dumps(document).encode() + BETWEEN + TENSORS for document in documents]


def check_saved(data: bytes, folder: Path) -> None:
    """A folder is read, and its header tells the same names, shapes and dtypes."""
    index, _, tensors = data.partition(BETWEEN)
    (folder / "values.json").write_bytes(index)
    (folder / SAVED).write_bytes(tensors)
    values = read_folder(folder)
    with FakeTensorMode():
        header = folder_header(folder)
    assert list(values) == list(header)
    for name, value in values.items():
        if isinstance(value, torch.Tensor):
            assert (value.shape, value.dtype) == (header[name].shape, header[name].dtype)


def check_stored(data: bytes, folder: Path) -> None:
    """A kept value is read, or is damaged: its digest is part of it."""
    document, _, tensors = data.partition(BETWEEN)
    name = "0" * 32
    (folder / f"{name}.json").write_bytes(document)
    (folder / STORED).write_bytes(tensors)
    read_value(folder, name, None, _CODECS, None)


def check_record(data: bytes, _: Path) -> None:
    """A step's record is read or is none, and one that is read is written as it was."""
    record = decoded_record(data)
    if record is not None:
        encoded = msgspec.msgpack.encode(record)
        again = decoded_record(encoded)
        assert again is not None
        assert msgspec.msgpack.encode(again) == encoded  # of nan, equality does not hold


TARGETS = [
    Target(name="saved", check=check_saved, seeds=_seeds(SAVED_SEEDS), tokens=TOKENS),
    Target(name="stored", check=check_stored, seeds=_seeds(STORED_SEEDS), tokens=TOKENS,
           errors=(DamagedValueError,)),
    Target(name="record", check=check_record, seeds=RECORD_SEEDS, tokens=TOKENS, errors=()),
]  # fmt: skip
