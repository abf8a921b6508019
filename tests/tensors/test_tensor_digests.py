"""What a step can tell of a tensor: it is in the digest, and comes back from the store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import flowrun
from tests.kept_values import write_recipe

# Pairs of which the two differ in one property; each names the store's own torch.
PAIRS = {
    "dtype": ("torch.zeros(2)", "torch.zeros(2, dtype=torch.int32)"),
    "shape": ("torch.zeros(2, 3)", "torch.zeros(3, 2)"),
    "scalar": ("torch.tensor(1.0)", "torch.tensor([1.0])"),
    "sign of zero": ("torch.tensor([0.0])", "torch.tensor([-0.0])"),
    "nan": ("bits(0x7FC00000)", "bits(0x7FC00001)"),
    "complex": ("torch.zeros(2, dtype=torch.complex64)", "torch.zeros(2, dtype=torch.complex128)"),
    "float8": (
        "torch.ones(3).to(torch.float8_e5m2)",
        "torch.ones(3).to(torch.float8_e8m0fnu)",
    ),
    "requires_grad": ("torch.ones(2)", "torch.ones(2, requires_grad=True)"),
    "grad": ("torch.ones(2, requires_grad=True)", "with_grad(torch.ones(2, requires_grad=True))"),
    "number in grad": (
        "with_grad(torch.ones(2, requires_grad=True), 2.0)",
        "with_grad(torch.ones(2, requires_grad=True), 3.0)",
    ),
    "Parameter": ("torch.ones(2, requires_grad=True)", "torch.nn.Parameter(torch.ones(2))"),
    "frozen Parameter": (
        "torch.nn.Parameter(torch.ones(2))",
        "torch.nn.Parameter(torch.ones(2), requires_grad=False)",
    ),
    "grad of a Parameter": (
        "torch.nn.Parameter(torch.ones(2))",
        "with_grad(torch.nn.Parameter(torch.ones(2)))",
    ),
    "strides": ("torch.ones(2, 3)", "torch.ones(3, 2).T"),
    "strides of one column": ("torch.ones(4, 1)", "torch.ones(4, 3)[:, -1:]"),
    "strides of one element": ("torch.ones(1, 1)", "torch.ones(4, 3)[:1, :1]"),
    "strides of nothing": ("torch.empty(0, 3)", "torch.empty(3, 0).T"),
    "channels last": (
        "torch.ones(2, 3, 4, 4)",
        "torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last)",
    ),
    "expanded": ("torch.ones(4, 3)", "torch.ones(3).expand(4, 3)"),
    "overlapping": ("torch.ones(3, 3)", "torch.ones(5).unfold(0, 3, 1)"),
    "every second": ("torch.ones(3)", "torch.ones(7)[1::2]"),
    "alignment": ("torch.ones(3)", "torch.ones(4)[1:]"),
    "inference": ("torch.ones(2)", "inferred()"),
    "inference, strides": ("torch.ones(3, 2).T", "inferred(3, 2).T"),
    "conj": ("torch.ones(2, 3, dtype=torch.complex64)", "complexes().conj()"),
    "conj of complex128": ("complexes().to(torch.complex128)", "complexes().cdouble().conj()"),
    "neg": ("torch.ones(2, 3)", "complexes().conj().imag"),
    "sparse": ("torch.eye(2)", "torch.eye(2).to_sparse()"),
    "coalesced": ("torch.eye(2).to_sparse()", "uncoalesced()"),
    "shape of a sparse one": ("sparse(2)", "sparse(3)"),
    "number in a sparse one": ("torch.eye(2).to_sparse()", "torch.eye(2).to_sparse() * 2"),
    "dense columns": ("torch.eye(2).to_sparse()", "torch.eye(2).to_sparse(1)"),
    "gradient of a sparse one": (
        "torch.eye(2).to_sparse()",
        "torch.eye(2).to_sparse().requires_grad_()",
    ),
    "sparse grad": ("torch.eye(2, requires_grad=True)", "with_sparse_grad()"),
    "rows": ("torch.eye(2).to_sparse_csr()", "torch.eye(2).to_sparse_csc()"),
    "indices": ("torch.eye(2).to_sparse_csr()", "short_indices()"),
    "blocks": ("torch.eye(4).to_sparse_bsr((2, 2))", "torch.eye(4).to_sparse_bsr((1, 1))"),
    "rows of blocks": ("torch.eye(4).to_sparse_bsc((2, 2))", "torch.eye(4).to_sparse_bsr((2, 2))"),
    "scale": ("quantized(0.1)", "quantized(0.2)"),
    "zero": ("quantized(0.1)", "quantized(0.1, 1)"),
    "quantized by channel": ("by_channel(0)", "by_channel(1)"),
    "conj and neg": ("complexes().T", "torch._neg_view(complexes().T.conj())"),
}
# What no file can hold: it has no digest, so that it is never kept.
WITHOUT = {
    "graph": "torch.ones(2, requires_grad=True) * 2",
    "attribute": "with_attribute(torch.ones(2))",
    "attribute of a Parameter": "with_attribute(torch.nn.Parameter(torch.ones(2)))",
    "hook": "with_hook(torch.ones(2, requires_grad=True))",
    "hook of a Parameter": "with_hook(torch.nn.Parameter(torch.ones(2)))",
    "subclass": "torch.ones(2).as_subclass(Own)",
    "subclass of Parameter": "torch.nn.UninitializedParameter()",
    "nested": "torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])",
    "graph of a sparse one": "torch.eye(2, requires_grad=True).to_sparse()",
    "quantized in halves": "torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint4x2)",
    "array of objects": "torch.ones(2).numpy().astype(object)",
}
STEPS = """
import warnings
import torch
from flowrun import step

warnings.simplefilter("ignore")

class Own(torch.Tensor):
    pass

def bits(number):
    return torch.tensor([number], dtype=torch.int32).view(torch.float32)

def with_grad(tensor, number=1.0):
    tensor.grad = torch.full_like(tensor, number).detach()
    return tensor

def with_sparse_grad():
    tensor = torch.eye(2, requires_grad=True)
    tensor.grad = torch.eye(2).to_sparse()
    return tensor

def sparse(rows):
    return torch.sparse_coo_tensor([[0], [1]], [1.0], (rows, 2))

def uncoalesced():
    return torch.sparse_coo_tensor([[0, 1], [0, 1]], [1.0, 1.0], (2, 2))

def short_indices():
    rows = torch.eye(2).to_sparse_csr()
    parts = rows.crow_indices().int(), rows.col_indices().int(), rows.values()
    return torch.sparse_csr_tensor(*parts, (2, 2))

def quantized(scale, zero=0):
    return torch.quantize_per_tensor(torch.ones(2), scale, zero, torch.quint8)

def by_channel(axis):
    scales, zeros = torch.tensor([0.1, 0.2]), torch.zeros(2, dtype=torch.int64)
    return torch.quantize_per_channel(torch.ones(2, 2), scales, zeros, axis, torch.qint8)

def with_attribute(tensor):
    tensor.unit = "mg"
    return tensor

def with_hook(tensor):
    tensor.register_hook(lambda grad: grad * 2)
    return tensor

def inferred(*shape):
    with torch.inference_mode():
        return torch.ones(shape or 2)

def complexes():
    return torch.view_as_complex(torch.arange(12.0).view(2, 3, 2))

def seen_of(t):
    if t.layout is not torch.strided or t.is_quantized:
        indices = str(t.crow_indices().dtype) if t.layout is torch.sparse_csr else ""
        is_coalesced = t.is_coalesced() if t.layout is torch.sparse_coo else None
        return [type(t).__name__, repr(t), indices, is_coalesced, t.requires_grad]
    values = t.detach().resolve_conj().resolve_neg()
    if values.dtype.itemsize == 1:
        values = values.view(torch.uint8)
    grad = None if t.grad is None else seen_of(t.grad)
    return [type(t).__name__, str(t.dtype), list(t.shape), list(t.stride()), repr(values.tolist()),
            t.requires_grad, grad, t.is_inference(), t.is_conj(), t.is_neg(), str(t.layout),
            t.data_ptr() % 64 if t.numel() else 0, t.is_leaf, str(t.device)]
"""
AGAIN = """
import json, flowrun
found = flowrun.run("r.yaml", set={"vars.n": 2})
print(json.dumps([found.values[name] for name in found.values if name.startswith("seen")]))
"""


def digests(result: flowrun.Result) -> list[Any]:
    """The digests of the first step's outputs, in order."""
    found: dict[str, Any] = result.record["steps"][0]["digests"]
    return [found.get(f"t{number}") for number in range(len(found))]


def test_of_two_tensors_that_a_step_can_tell_apart_the_digests_differ(tmp_path: Path) -> None:
    codes = [code for pair in PAIRS.values() for code in pair]
    result = flowrun.run(write_recipe(tmp_path, STEPS, codes))
    found = digests(result)
    assert None not in found
    alike = [
        name for number, name in enumerate(PAIRS) if found[2 * number] == found[2 * number + 1]
    ]
    assert alike == []
    seen = [result.values[f"seen{number}"] for number in range(len(codes))]
    for first, second, name in zip(seen[::2], seen[1::2], PAIRS, strict=True):
        assert first != second or name == "nan"


def test_a_kept_tensor_comes_back_in_another_process_with_all_its_properties(
    tmp_path: Path,
) -> None:
    codes = [code for pair in PAIRS.values() for code in pair]
    result = flowrun.run(write_recipe(tmp_path, STEPS, codes))
    seen = [result.values[f"seen{number}"] for number in range(len(codes))]
    calls = Path(os.environ["CALLS"])
    calls.write_text("")
    done = subprocess.run(
        [sys.executable, "-c", AGAIN],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == json.loads(json.dumps(seen))
    assert set(calls.read_text().split()) == {"look"}
    assert "damaged" not in done.stderr


@pytest.mark.parametrize("kind", WITHOUT)
def test_a_value_that_no_file_can_hold_has_no_digest(tmp_path: Path, kind: str) -> None:
    path = write_recipe(tmp_path, STEPS, [WITHOUT[kind]], is_looked_at=False)
    result = flowrun.run(path)
    assert digests(result) in ([], [None])


FROZEN = """
import torch
from flowrun import step

@step(outputs="params")
def init(*, freeze: bool = False, own: bool = False):
    W = torch.zeros(3, 1, requires_grad=not freeze)
    return {"W": torch.nn.Parameter(W.detach(), requires_grad=not freeze) if own else W}

@step(outputs="params", random=True)
def train(params):
    W = params["W"]
    if W.requires_grad:
        W = W - 0.1 * torch.autograd.grad(((torch.ones(4, 3) @ W - 1) ** 2).sum(), W)[0]
    return {"W": W.detach().clone()}
"""


@pytest.mark.parametrize("own", [False, True])
def test_a_training_of_what_is_no_longer_frozen_is_not_kept(tmp_path: Path, own: bool) -> None:
    (tmp_path / "steps.py").write_text(FROZEN)
    recipe = tmp_path / "r.yaml"
    recipe.write_text("recipe: r\nplugins: [./steps.py]\nsteps: [init, train]\n")
    settings = {"init.own": own}
    frozen = flowrun.run(recipe, set={**settings, "init.freeze": True})
    assert frozen.values["params"]["W"].abs().sum() == 0
    free = flowrun.run(recipe, set=settings)
    assert float(free.values["params"]["W"][0, 0]) == pytest.approx(0.8)


BACKWARD = """
import torch
from flowrun import step

@step(outputs="x")
def leaf():
    return torch.ones(2, requires_grad=True)

@step(outputs="slope")
def slope(x, *, n: float = 1.0):
    (n * x).sum().backward()
    return x.grad.clone()

@step(outputs="seen")
def seen(x, *, n: int = 1):
    return x.grad is None

@step(outputs="x")
def kept(x):
    x.sum().backward()
    return x
"""


def test_a_gradient_that_one_step_computes_is_not_left_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(BACKWARD)
    recipe = tmp_path / "r.yaml"
    again = "{slope: {n: 3.0}, id: again, out: {slope: more}}"
    recipe.write_text(f"recipe: r\nplugins: [./steps.py]\nsteps: [leaf, slope, {again}, seen]\n")
    values = flowrun.run(recipe).values
    assert values["slope"].tolist() == [1, 1]
    assert values["more"].tolist() == [3, 3]
    assert values["seen"]
    assert flowrun.run(recipe, set={"seen.n": 2}).values["seen"]


def test_a_step_that_returns_an_input_with_another_gradient_fails(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(BACKWARD)
    recipe = tmp_path / "r.yaml"
    recipe.write_text("recipe: r\nplugins: [./steps.py]\nsteps: [leaf, kept]\n")
    with pytest.raises(flowrun.StepError, match="its input `x`, whose gradient it has changed"):
        flowrun.run(recipe)


SPARSE = """
import torch
from flowrun import step


def large(number):
    return torch.sparse_coo_tensor([[3], [5]], [number], (10**9, 10**4), dtype=torch.float64)


@step(outputs="x")
def leaf():
    x = large(1.0).requires_grad_()
    x.grad = large(2.0)
    return x


@step(outputs="y")
def read(x):
    return x.grad.coalesce().values()


@step(outputs="x")
def changed(x):
    x.grad = large(3.0)
    return x
"""


def test_sparse_gradients_are_compared_without_making_them_dense(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(SPARSE)
    recipe = tmp_path / "r.yaml"
    recipe.write_text("recipe: r\nplugins: [./steps.py]\nsteps: [leaf, read]\n")
    assert flowrun.run(recipe).values["y"].tolist() == [2.0]
    recipe.write_text("recipe: r\nplugins: [./steps.py]\nsteps: [leaf, changed]\n")
    with pytest.raises(flowrun.StepError, match="its input `x`, whose gradient it has changed"):
        flowrun.run(recipe)


@pytest.mark.parametrize("mode", ["no_grad", "inference_mode"])
def test_modes_of_the_caller_do_not_decide_a_result(tmp_path: Path, mode: str) -> None:
    import torch

    (tmp_path / "steps.py").write_text(BACKWARD)
    recipe = tmp_path / "r.yaml"
    recipe.write_text("recipe: r\nplugins: [./steps.py]\nsteps: [leaf, slope]\n")
    with getattr(torch, mode)():
        found = flowrun.run(recipe)
        assert torch.is_grad_enabled() is False
    plain = flowrun.run(recipe, fresh=True)
    assert found.record["steps"][1]["digests"] == plain.record["steps"][1]["digests"]
