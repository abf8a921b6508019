"""Devices that are not in this machine: to a step's code they are there.

This module stands alone, with torch and flowrun installed and nothing else: it is run for each
version of torch, of whose private parts it needs several.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from flowrun import CheckMode
from flowrun_tensors.checking import check_mode

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="the device is not absent")
CUDA = torch.device("cuda:0")


@pytest.fixture
def mode() -> Iterator[CheckMode]:
    torch.ones(1, requires_grad=True).sum().backward()  # by which autograd starts its threads
    with check_mode(("cuda:0", "cuda:1", "cpu"), {"cpu": ""}) as entered:
        yield entered


@pytest.mark.usefixtures("mode")
def test_tensors_are_made_there() -> None:
    x = torch.randn(4, 3, device="cuda")
    made: list[torch.Tensor] = [
        x, torch.zeros(3, device=CUDA), torch.tensor([1.0], device="cuda:0"), x.new_ones(3),
        torch.as_tensor([1, 2], device="cuda"), torch.zeros_like(x), torch.randperm(4, device=CUDA),
        torch.zeros(3).cuda(), torch.zeros(3).to("cuda"), torch.zeros(3).to(0),
        torch.zeros(3).to(x), torch.arange(3, device=x.device),
    ]  # fmt: skip
    assert [tensor.device for tensor in made] == [CUDA] * len(made)
    assert x.is_cuda
    assert x.get_device() == 0
    assert x.cuda(1).device == torch.device("cuda:1")
    assert x.cpu().device == torch.device("cpu")
    assert not x.cpu().is_cuda
    assert x.double().cpu().cuda().dtype == torch.float64
    assert "device='cuda:0'" in repr(x)


@pytest.mark.usefixtures("mode")
def test_a_default_device_is_followed() -> None:
    with torch.device("cuda"):
        assert torch.zeros(3).device == CUDA
        assert nn.Linear(3, 1).weight.device == CUDA
        assert torch.zeros(3, device="cpu").device == torch.device("cpu")


@pytest.mark.usefixtures("mode")
def test_operations_keep_the_device() -> None:
    x = torch.randn(100, 12, device="cuda")
    for made in (
        x @ x.T, x[[3, 2, 1]], x[torch.randperm(100)], x.std(0), torch.cat([x, x]), x > 0,
        F.softmax(x, 1), x + torch.tensor(2.0), F.dropout(x, 0.5), torch.linalg.svd(x)[0],
        torch.einsum("ij,kj->ik", x, x), x.sort().values, torch.vmap(torch.dot)(x, x),
    ):  # fmt: skip
        assert made.device == CUDA


@pytest.mark.usefixtures("mode")
def test_dtypes_that_only_a_gpu_has_kernels_for_are_accepted_there() -> None:
    x = torch.ones(3, 3, device="cuda")
    pooled = F.avg_pool3d(torch.ones(1, 4, 4, 4, device="cuda", dtype=torch.half), 2)
    for made in ((x > 0).abs(), (x > 0).trace(), x.long().histc(), pooled):
        assert made.device == CUDA


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop])
@pytest.mark.usefixtures("mode")
def test_models_are_trained_there(optimizer: Any) -> None:
    model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 1)).to("cuda")
    steps = optimizer(model.parameters(), lr=0.1)
    F.mse_loss(model(torch.randn(5, 12, device="cuda")), torch.randn(5, 1).cuda()).backward()
    steps.step()
    for parameter in model.parameters():
        assert parameter.device == CUDA
        assert parameter.grad is not None
        assert parameter.grad.device == CUDA


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.LSTM(12, 5), lambda: nn.GRU(12, 5), lambda: nn.TransformerEncoderLayer(12, 3),
        lambda: nn.LayerNorm(12), lambda: nn.BatchNorm1d(12),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("mode")
def test_layers_pass_back_there(make: Any) -> None:
    layer = make().cuda()
    made = layer(torch.randn(5, 12, device="cuda", requires_grad=True))
    made = made[0] if isinstance(made, tuple) else made
    made.sum().backward()
    assert all(parameter.grad.device == CUDA for parameter in layer.parameters())


@pytest.mark.usefixtures("mode")
def test_parameters_that_are_shared_stay_so() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    model.cuda()
    assert model[1].weight is model[0].weight


def test_tensors_of_two_devices_do_not_meet(mode: CheckMode) -> None:
    with mode.watching(), pytest.raises(RuntimeError) as found:
        torch.randn(4, device="cuda:1") + torch.randn(4)
    diagnosis = mode.diagnose(found.value)
    assert diagnosis is not None
    assert diagnosis.kind == "error"
    assert "found at least two devices, cuda:1 and cpu" in diagnosis.message
    assert diagnosis.operation == "add((4,) float32 cuda:1, (4,) float32 cpu)"
    assert "place" in (diagnosis.hint or "")


def test_memory_is_counted_by_the_real_name(mode: CheckMode) -> None:
    with mode.watching() as found:
        kept = torch.randn(100, device="cuda:1"), torch.randn(10)
    del kept
    assert found.peak == {"cuda:1": 400, "cpu": 40}


@pytest.mark.usefixtures("mode")
def test_torch_answers_as_in_the_machine_it_is_meant_for() -> None:
    assert torch.cuda.is_available()
    assert torch.cuda.device_count() == 2
    assert not torch.xpu.is_available()
    torch.cuda.manual_seed_all(3)
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    with torch.cuda.device(1):
        assert torch.zeros(3, device="cuda").device == torch.device("cuda:1")
    assert torch.cuda.current_device() == 0


def test_a_generator_draws_for_its_own_device(mode: CheckMode) -> None:
    drawn = torch.randn(3, device="cuda", generator=torch.Generator("cuda").manual_seed(7))
    assert drawn.device == CUDA
    with mode.watching(), pytest.raises(RuntimeError, match="Expected a 'cuda' device type"):
        torch.randn(3, device="cuda", generator=torch.Generator())


def test_numpy_takes_nothing_from_there(mode: CheckMode) -> None:
    with mode.watching(), pytest.raises(TypeError, match="can't convert cuda:0 device") as found:
        torch.randn(3, device="cuda").numpy()
    diagnosis = mode.diagnose(found.value)
    assert diagnosis is not None
    assert diagnosis.kind == "error"


def test_what_is_meant_for_the_cpu_sees_no_gpu() -> None:
    with check_mode(("cpu",), {"cpu": ""}):
        assert not torch.cuda.is_available()
        assert torch.zeros(3).cuda().device == CUDA


def test_afterwards_the_cpu_is_all_there_is() -> None:
    with check_mode(("cuda:0", "cpu"), {"cpu": ""}):
        torch.zeros(3, device="cuda")
    assert not torch.accelerator.is_available()
    x = torch.ones(3, requires_grad=True)
    (x * 2).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
