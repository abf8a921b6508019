"""After a check everything is as it was, whatever a step did."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from flowrun import Unknown
from flowrun_tensors.checking import check_mode
from tests import processes


def test_a_model_made_before_is_as_it_was() -> None:
    model, norm = nn.Linear(3, 1), nn.BatchNorm1d(3)
    before = dict(model.named_parameters())
    mode = check_mode(("cuda:0", "cpu"), {"cpu": ""})
    with mode:
        model(torch.randn(4, 3)).sum().backward()
        norm.to("cuda")(torch.randn(4, 3, device="cuda"))
        model.to("cuda")
    for name, parameter in model.named_parameters():
        assert parameter is before[name]
        assert parameter.grad is None
    assert norm.running_mean is not None
    assert norm.running_mean.device == torch.device("cpu")
    model(torch.randn(4, 3)).sum().backward()
    assert norm(torch.randn(4, 3)).isfinite().all()


def test_everything_of_torch_is_put_back() -> None:
    from torch._subclasses.fake_tensor import FakeTensor

    owners = (torch, torch.cuda, torch.mps, torch.accelerator, torch.autocast, FakeTensor, Unknown)
    owners = (*owners, nn.Module, torch.backends.mps, torch.utils.data.RandomSampler)
    before = [dict(vars(owner)) for owner in owners]
    with pytest.raises(RuntimeError), check_mode(("cuda:0", "cpu"), {"cpu": ""}):
        _ = torch.zeros(3, device="cuda") + torch.zeros(4)
    for owner, attributes in zip(owners, before, strict=True):
        after = {name: value for name, value in vars(owner).items() if name in attributes}
        assert after == attributes, owner
    assert torch.randn(3).sum().isfinite()
    assert not torch.cuda.is_available()


COMPILED = """
import sys
import torch
from flowrun_tensors.checking import check_mode

with check_mode(("cuda:0", "cpu"), {"cpu": ""}):
    model = torch.nn.Linear(3, 1, device="cuda")
    optimizer = torch.optim.Adam(model.parameters())
    torch.compile(model)(torch.randn(4, 3, device="cuda")).sum().backward()
    optimizer.step()
    torch.tensor([1.0, 2.0])
assert "torch._dynamo.convert_frame" not in sys.modules, "the compiler was loaded"

model, x = torch.nn.Linear(3, 1), torch.randn(4, 3)
compiled = torch.compile(lambda x: model(x).relu() * 2, backend="eager")
assert torch.equal(compiled(x), model(x).relu() * 2)
assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
before = model.weight.clone()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model(x).sum().backward()
optimizer.step()
assert not torch.equal(model.weight, before)
torch._dynamo.reset()
with check_mode(("cuda:0", "cpu"), {"cpu": ""}):
    torch.randn(4, 3, device="cuda") @ torch.randn(3, 1, device="cuda")
"""

COMPILER_NEEDED_INSIDE = """
import torch
from flowrun_tensors.checking import check_mode

with check_mode(("cuda:0", "cpu"), {"cpu": ""}):
    import torch._dynamo.convert_frame
    assert torch.cuda.is_available()
    assert torch.randn(3, device="cuda").shape == (3,)
assert not torch.cuda.is_available()
assert torch.compile(torch.sin, backend="eager")(torch.zeros(2)).sum() == 0
"""


@pytest.mark.parametrize("code", [COMPILED, COMPILER_NEEDED_INSIDE])
def test_the_compiler_works_after_a_check_as_ever(code: str) -> None:
    done = processes.run(["-c", code])
    assert done.returncode == 0, done.stderr


def test_an_optimizer_made_before_is_as_it_was() -> None:
    model = nn.Linear(3, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    with check_mode(("cpu",), {"cpu": ""}):
        model(torch.randn(4, 3)).sum().backward()
        optimizer.step()
        optimizer.param_groups[0]["lr"] = 0.2
    assert not optimizer.state
    assert optimizer.param_groups[0]["lr"] == 0.1
    model(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    assert model.weight.isfinite().all()
