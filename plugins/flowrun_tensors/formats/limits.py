"""What a file of tensors can hold, the same for a run that writes it and for a check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from flowrun import DataError
from flowrun_tensors.lazy_torch import torch

Form = Literal["safetensors", "NumPy"]  # a file of torch.save holds every tensor

# https://github.com/huggingface/safetensors: the format's names of types, and torch's
SAFETENSORS_DTYPES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "F16": "float16",
    "BF16": "bfloat16", "U32": "uint32", "I32": "int32", "F32": "float32", "U64": "uint64",
    "I64": "int64", "F64": "float64", "C64": "complex64", "F8_E4M3": "float8_e4m3fn",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2": "float8_e5m2", "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu", "F4": "float4_e2m1fn_x2",
}  # fmt: skip
_DTYPES: dict[Form, frozenset[str]] = {
    "NumPy": frozenset(
        "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64 complex64 "
        "complex128".split()
    ),
    "safetensors": frozenset(SAFETENSORS_DTYPES.values()),
}
_SUFFIXES: dict[Form, str] = {"NumPy": ".npy", "safetensors": ".safetensors"}
_LACKS: dict[Form, str] = {
    "NumPy": "which NumPy does not have", "safetensors": "which a safetensors file cannot hold",
}  # fmt: skip
HEADER = "__metadata__"  # the key of a safetensors file that is no tensor


def require_held(form: Form, tensors: Mapping[str, torch.Tensor]) -> None:
    """Raise DataError for a tensor, or a name, that a file of this form cannot hold."""
    for name, tensor in tensors.items():
        kind = str(tensor.dtype).removeprefix("torch.")
        if tensor.layout is not torch.strided:
            layout = str(tensor.layout).removeprefix("torch.")
            what = f"is {layout}, and a {form} file holds dense tensors alone"
            raise DataError(f"`{name}` {what}\n    save to a .pt file, or make it dense first")
        if kind not in _DTYPES[form]:
            others = [_SUFFIXES[other] for other in _DTYPES if kind in _DTYPES[other]]
            suffixes = " or ".join([*others, ".pt"])
            raise DataError(
                f"`{name}` is {kind}, {_LACKS[form]}\n"
                f"    save to a {suffixes} file, or cast it first"
            )
        if form == "safetensors" and name == HEADER:
            raise DataError(
                f"`{name}` is no name for a tensor in a safetensors file\n"
                "    give it another name, or save to a .pt file"
            )
