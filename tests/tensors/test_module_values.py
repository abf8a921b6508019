"""torch's modules, optimizers and small types: kept whole, shown, and not changed in place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import flowrun
from tests.conftest import Flowrun
from tests.core.store.conftest import World
from tests.kept_values import CHANGING, require_unkept, write_recipe

PREAMBLE = """
import torch
from torch import nn
import torch.nn.functional as F

from flowrun import step


class Tied(nn.Module):
    def __init__(self, tied=True):
        super().__init__()
        torch.manual_seed(0)
        self.a = nn.Linear(2, 2)
        self.b = nn.Linear(2, 2)
        if tied:
            self.b.weight = self.a.weight
        else:
            self.b.weight = nn.Parameter(self.a.weight.detach().clone())
        self.layers = [self.a, self.b]
        self.register_buffer("mean", torch.zeros(2), persistent=False)
        self.act, self.norm = torch.tanh, F.relu
        self.scale = 2.0

    def forward(self, x):
        return self.norm(self.act(self.b(self.a(x)))) * self.scale


def made(kind, *arguments, **keywords):
    torch.manual_seed(0)
    return kind(*arguments, **keywords)


def changed(module, change):
    change(module)
    return module


def trained(**keywords):
    net = made(nn.Linear, 2, 1)
    optimizer = torch.optim.Adam(net.parameters(), **keywords)
    net(torch.ones(3, 2)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    return {"net": net, "optimizer": optimizer}


def generator(seed, drawn=0):
    found = torch.Generator().manual_seed(seed)
    torch.rand(drawn, generator=found)
    return found


def seen_of(value):
    if isinstance(value, dict) and "optimizer" in value:
        net, optimizer = value["net"], value["optimizer"]
        import copy
        net, optimizer = copy.deepcopy((net, optimizer))
        net(torch.ones(3, 2)).sum().backward()
        optimizer.step()
        return [repr(optimizer), net.weight.tolist(), net.bias.tolist()]
    if isinstance(value, torch.Generator):
        import copy
        return torch.rand(3, generator=value.clone_state()).tolist()
    if isinstance(value, nn.Module):
        state = {name: (tuple(one.shape), one.requires_grad, one.tolist())
                 for name, one in value.named_parameters(remove_duplicate=False)}
        same = [[one is other for other in value.parameters()] for one in value.parameters()]
        buffers = {name: one.tolist() for name, one in value.named_buffers()}
        more = {name: repr(one) for name, one in vars(value).items() if name[0] != "_"
                and not callable(one)}
        flags = [one.training for one in value.modules()]
        saved = list(value.state_dict())
        return repr([repr(value), state, same, buffers, more, flags, saved])
    return [type(value).__name__, repr(value)]
"""
# Of each kind, values that differ in one property from one another.
ALIKE = {
    "module": [
        "made(nn.Linear, 2, 2)", "made(nn.Linear, 2, 2, bias=False)", "made(nn.Bilinear, 2, 2, 2)",
        "made(nn.Linear, 2, 2).eval()", "made(nn.Linear, 2, 2).requires_grad_(False)",
        "made(nn.Linear, 2, 2).double()",
        "changed(made(nn.Linear, 2, 2), lambda m: m.bias.data.add_(1))",
    ],
    "nested": [
        "made(lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()))",
        "changed(made(lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())),"
        " lambda m: m[1].eval())",
        "changed(made(lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())),"
        " lambda m: m[1].running_mean.add_(1))",
        "made(lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(True)))",
    ],
    "of the plan": [
        "Tied()", "Tied(False)", "changed(Tied(), lambda m: setattr(m, 'scale', 3.0))",
        "changed(Tied(), lambda m: m.layers.pop())", "changed(Tied(), lambda m: m.mean.add_(1))",
        "changed(Tied(), lambda m: setattr(m, 'norm', F.gelu))",
    ],
    "others": [
        "made(nn.LSTM, 2, 3)", "made(nn.LSTM, 2, 3, batch_first=True)",
        "made(nn.TransformerEncoderLayer, 4, 2)", "made(nn.MultiheadAttention, 4, 2)",
        "made(nn.Embedding, 3, 2, sparse=True)", "nn.ModuleDict({'a': nn.ReLU()})",
        "nn.ParameterList([torch.ones(2)])", "nn.Identity()",
        "changed(nn.Identity(), lambda m: setattr(m, 'b', nn.Buffer(torch.ones(1))))",
        "changed(nn.Identity(),"
        " lambda m: setattr(m, 'b', nn.Buffer(torch.ones(1), persistent=False)))",
    ],
    "optimizer": ["trained(lr=0.1)", "trained(lr=0.2)", "trained(lr=0.1, amsgrad=True)"],
    "small": [
        "torch.float32", "torch.float64", "torch.device('cpu')", "torch.device('cuda', 1)",
        "torch.Size([2, 3])", "torch.Size([3, 2])", "[2, 3]", "torch.strided", "torch.sparse_coo",
        "torch.channels_last", "generator(0)", "generator(1)", "generator(0, 3)",
    ],
    "state": ["Tied().state_dict()", "trained(lr=0.1)['optimizer'].state_dict()"],
}  # fmt: skip
CODES = [code for codes in ALIKE.values() for code in codes]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_each_property_is_in_the_digest_and_comes_back(world: World, flowrun: Flowrun) -> None:
    write_recipe(world.folder, PREAMBLE, CODES)
    first, _ = world.run()
    digests: dict[str, Any] = first.record["steps"][0]["digests"]
    start = 0
    for kind, codes in ALIKE.items():
        names = range(start, start + len(codes))
        start += len(codes)
        assert None not in [digests[f"t{number}"] for number in names], kind
        assert len({digests[f"t{number}"] for number in names}) == len(codes), kind
    again, called = world.run(set={"vars.n": 2})
    assert set(called) == {"look"}
    for number, code in enumerate(CODES):
        assert again.values[f"seen{number}"] == first.values[f"seen{number}"], code
    done = flowrun("r.yaml", "--set", "vars.n=3", fresh=True)
    assert done.returncode == 0, done.stderr
    assert Path(os.environ["CALLS"]).read_text().split().count("make") == 0


CNN = """
import torch
from torch import nn
from flowrun import step


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 2)

    def forward(self, images):
        return self.head(self.features(images).mean((2, 3)))


@step(outputs="net", random=True)
def train(*, steps: int = 20) -> nn.Module:
    print("TRAINING")
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    images, labels = torch.randn(16, 1, 8, 8), torch.randint(2, (16,))
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return net.eval()
"""
APPLYING = """
import torch
from flowrun import step


@step(outputs="score")
def score(net, *, rows: int = 4) -> float:
    with torch.no_grad():
        return float(net(torch.ones(rows, 1, 8, 8)).sum())
"""


def write_cnn(folder: Path) -> None:
    (folder / "training.py").write_text(CNN)
    (folder / "applying.py").write_text(APPLYING)
    (folder / "r.yaml").write_text(
        "recipe: r\nplugins: [./training.py, ./applying.py]\n"
        "steps:\n  - train: {}\n    cache: true\n  - score\n"
    )


def test_a_network_is_not_trained_again_in_another_process(world: World, flowrun: Flowrun) -> None:
    write_cnn(world.folder)
    first = flowrun("r.yaml", fresh=True)
    assert "TRAINING" in first.stdout, first.stderr
    again = flowrun("r.yaml", "--set", "score.rows=5", fresh=True)
    assert again.returncode == 0, again.stderr
    assert "TRAINING" not in again.stdout
    assert "net Net  kept" in again.stdout
    alone = flowrun("r.yaml", "--set", "score.rows=5", "--fresh", fresh=True)
    line = next(one for one in alone.stdout.splitlines() if "score " in one)
    assert " ".join(line.split()[:3]) in " ".join(again.stdout.split())


def test_a_changed_forward_is_a_changed_network(world: World, flowrun: Flowrun) -> None:
    write_cnn(world.folder)
    first = flowrun("r.yaml")
    path = world.folder / "training.py"
    path.write_text(path.read_text().replace(".mean((2, 3)))", ".mean((2, 3))) * 2"))
    second = flowrun("r.yaml")
    assert "TRAINING" in second.stdout
    assert [one for one in first.stdout.split() if "score" in one] == [
        one for one in second.stdout.split() if "score" in one
    ]
    scores = [float(text.partition("  score ")[2].split("score ")[1].split()[0])
              for text in (first.stdout, second.stdout)]  # fmt: skip
    assert scores[0] != scores[1]


def test_modules_are_shown_expected_and_kept_as_golden_values(
    world: World, flowrun: Flowrun
) -> None:
    write_recipe(world.folder, PREAMBLE, ["Tied()", "trained(lr=0.1)", "torch.float32"])
    recipe = world.folder / "r.yaml"
    expect = '"expect": {"t0": "golden", "t0.mean": {"equals": [0, 0]}, "t0.a.weight": "golden",'
    expect += ' "t1": "golden", "t2": {"equals": "torch.float32"}}'
    recipe.write_text(f"{recipe.read_text()[:-1]}, {expect}}}")
    updated = flowrun("test", "--update-golden", "r.yaml")
    assert updated.returncode == 0, updated.stdout
    assert flowrun("test", "r.yaml").returncode == 0
    assert "t0 Tied, t1 {net Linear, optimizer Adam}, t2 torch.float32" in flowrun("r.yaml").stdout
    steps = world.folder / "steps.py"
    steps.write_text(steps.read_text().replace("torch.zeros(2)", "torch.ones(2)"))
    assert "t0" in flowrun("test", "r.yaml").stdout


UNKEPT = {
    "hooks": ("changed(nn.Linear(1, 1), lambda m: m.register_forward_hook(print))",
              "it has hooks (`_forward_hooks`)"),
    "a hook inside": ("nn.Sequential(changed(nn.Linear(1, 1), lambda m:"
                      " m.register_forward_hook(print)))", "its `_modules.0`: it has hooks"),
    "a lambda": ("changed(nn.Linear(1, 1), lambda m: setattr(m, 'act', lambda x: x))",
                 "its `act`: the function"),
    "views": ("changed(nn.Linear(2, 2), lambda m: setattr(m, 'half', m.weight.data[0]))",
              "its `half`: it shares memory with another part"),
    "a graph": ("changed(nn.Linear(2, 2), lambda m: setattr(m, 'out', m(torch.ones(2))))",
                "its `out`: it is part of an autograd graph"),
    "an optimizer alone": ("trained()['optimizer']", "Adam would come back apart"),
    "an optimizer before": ("dict(reversed(trained().items()))", "would come back apart"),
    "a parametrization": ("nn.utils.parametrizations.orthogonal(nn.Linear(2, 2))", "ParametrizedL"),
    "a script": ("torch.jit.script(nn.Linear(2, 2))", "cannot be kept"),
    "an uninitialized one": ("nn.LazyLinear(2)", "cannot be kept"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("what", UNKEPT)
def test_what_is_not_kept_is_said_with_the_reason(world: World, what: str) -> None:
    code, reason = UNKEPT[what]
    preamble = PREAMBLE.replace("def seen_of(value):", "def seen_of(value):\n    return 1\n", 1)
    write_recipe(world.folder, preamble, [code])
    require_unkept(world, reason)


@pytest.mark.parametrize(
    ("value", "change"),
    [
        ("Tied()", "value.a.weight.data.mul_(2)"),
        ("Tied()", "value.eval()"),
        ("Tied()", "value.scale = 1.0"),
        ("[nn.BatchNorm1d(2)]", "value[0](torch.randn(4, 2))"),
        ("Tied()", "value(torch.ones(2)).sum().backward()"),
        ("trained()", "value['optimizer'].param_groups[0]['lr'] = 1.0"),
        ("trained()['optimizer']", "value.param_groups[0]['lr'] = 1.0"),
        ("generator(0)", "torch.rand(1, generator=value)"),
    ],
)
def test_a_step_that_changes_it_fails(world: World, value: str, change: str) -> None:
    text = CHANGING.replace("VALUE", value).replace("CHANGE", change)
    (world.folder / "steps.py").write_text(PREAMBLE + text)
    world.recipe("[make_value, change]")
    with pytest.raises(flowrun.StepError, match="has changed its input `value` in place"):
        world.run()
