"""What a format cannot hold is refused, in a run as in a check, with the formats that can."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import flowrun
from flowrun import StepError

DTYPES = [
    one
    for name in (
        "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 float64 "
        "complex32 complex64 complex128 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz "
        "float8_e8m0fnu"
    ).split()
    if (one := getattr(torch, name, None)) is not None
]
TENSORS: dict[str, Callable[[], torch.Tensor]] = {
    **{str(one): lambda one=one: torch.ones(3, 2).to(one) for one in DTYPES},
    "sparse": lambda: torch.eye(3).to_sparse(),
    "sparse rows": lambda: torch.eye(3).to_sparse_csr(),
    "quantized": lambda: torch.quantize_per_tensor(torch.ones(3), 0.5, 0, torch.qint8),
    "conjugated": lambda: torch.tensor([1 + 2j, 3 - 4j]).conj(),
}


def saving(to: str) -> dict[str, object]:
    return {"recipe": "r", "steps": [{"save": {"to": to, "values": ["x"]}}]}


def refusal(tensor: torch.Tensor, to: str) -> str | None:
    """What a run says that cannot save a tensor; None if it is saved."""
    try:
        flowrun.run(saving(to), given={"x": tensor}, record=False)
    except StepError as error:
        return error.message
    return None


def bits(tensor: torch.Tensor) -> bytes:
    plain = tensor.resolve_conj().contiguous().reshape(-1)
    return bytes(plain.view(torch.uint8).tolist())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("to", ["out", "t.npy", "t.npz", "t.safetensors", "t.pt"])
@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_comes_back_as_it_was_or_the_message_says_which_files_hold_it(
    name: str, to: str
) -> None:
    tensor = TENSORS[name]()
    message = refusal(tensor, to)
    if message is not None:
        assert not Path(to).exists()
        hint = re.search(r"save to a (.*) file, or (cast it|make it dense) first", message)
        assert hint is not None, message
        suffixes = hint[1].split(" or ")
        assert ".pt" in suffixes
        assert not [suffix for suffix in suffixes if refusal(tensor, f"other{suffix}") is not None]
        if not name.startswith(("sparse", "quantized")):  # which a check does not follow
            assert hint[0] in str(flowrun.check(saving(to), given={"x": tensor}).errors[0])
        return
    load = {"load": {"source": to, "values": ["x"]}}
    found = flowrun.run({"recipe": "r", "steps": [load]}, record=False).values["x"]
    assert (found.dtype, found.shape, found.layout) == (tensor.dtype, tensor.shape, tensor.layout)
    if not name.startswith(("sparse", "quantized")):
        assert bits(found) == bits(tensor)


def test_a_golden_value_may_be_of_a_dtype_that_safetensors_lacks(
    write: Callable[[str, str], Path],
) -> None:
    write(
        "steps.py",
        "import torch\nfrom flowrun import step\n\n"
        "@step(outputs='z')\ndef make(*, last: int = 1):\n"
        "    return torch.tensor([1, 1j, last], dtype=torch.complex128)\n",
    )
    path = write("r.yaml", "recipe: r\nplugins: [./steps.py]\nsteps: [make]\nexpect: {z: golden}\n")
    from flowrun.testing.recipes.golden_update import update_golden

    update_golden(flowrun.plan(path), "z", flowrun.run(path).values["z"], "cpu")
    assert flowrun.run(path).ok
    assert not flowrun.run(path, set={"make.last": 2}).ok
