"""A plugin with modules as a stranger writes it, and the same training by hand in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import flowrun

CNN = '''
"""A small CNN."""
import torch
from flowrun import hookimpl
from flowrun_tensors import Model
from torch import nn


class Net(nn.Module):
    def __init__(self, channels, width, outputs, p):
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1)
        self.bn = nn.BatchNorm2d(width)
        self.drop = nn.Dropout(p)
        self.fc = nn.Linear(width * 16, outputs)

    def forward(self, x):
        x = torch.relu(self.bn(self.conv(x)))
        x = torch.max_pool2d(x, 2)
        return self.fc(self.drop(x.flatten(1)))


def my_cnn(features, outputs, *, width=4, p=0.2):
    return Net(features[0], width, outputs, p)


class Letters(nn.Module):
    def __init__(self, outputs, letters, hidden):
        super().__init__()
        self.embedding = nn.Embedding(letters, hidden)
        self.rnn = nn.GRU(hidden, hidden, batch_first=True)
        self.out = nn.Linear(hidden, outputs)

    def forward(self, tokens):
        states, _ = self.rnn(self.embedding(tokens))
        return self.out(states[:, -1])


def letters(features, outputs, *, hidden=6):
    return Letters(outputs, 27, hidden)


@hookimpl
def flowrun_tensors_models():
    return [Model.of_module("my_cnn", my_cnn), Model.of_module("letters", letters)]
'''

NAMES: dict[str, Any] = {}
exec(compile(CNN, "cnn.py", "exec"), NAMES)

IMAGES = [
    {"random": {"X_train": {"randn": [150, 1, 8, 8]}, "X_val": {"randn": [40, 1, 8, 8]},
                "a": {"randn": [150, 1]}, "b": {"randn": [40, 1]}}},
    {"compute": {"y_train": "a > 0", "y_val": "b > 0"}},
    {"cast": {"y_train": "int64", "y_val": "int64"}},
]  # fmt: skip


def recipe(training: dict[str, Any], *more: object, **settings: Any) -> dict[str, Any]:
    """A CNN on random images; its plugin is `cnn.py` beside the recipe."""
    first = {"init_params": {"model": "my_cnn", "settings": settings, "outputs": 2},
             "out": {"params": "first"}}  # fmt: skip
    train = {"gd_train": {"loss": "cross_entropy", **training}, "in": {"params": "first"}}
    return {"recipe": "images", "seed": 3, "plugins": ["./cnn.py"],
            "steps": [*IMAGES, first, train, *more]}  # fmt: skip


def seed_of(made: Any, step: str) -> int:
    """The seed from which a step of a recipe draws."""
    return next(one.seed for one in flowrun.plan(made).steps if one.step.name == step)


def trained_by_hand(
    made: Any,
    values: Any,
    net: torch.nn.Module,
    optimizer_of: Callable[..., torch.optim.Optimizer],
    *,
    epochs: int,
    batch_size: int,
    scheduler_of: Callable[..., Any] | None = None,
    clip_norm: float | None = None,
    patience: int | None = None,
) -> tuple[dict[str, torch.Tensor], list[float]]:
    """The state of a network, and losses by batch: what one types, with the draws of the recipe."""
    X, y = values["X_train"], values["y_train"]
    X_val, y_val = values["X_val"], values["y_val"].flatten()
    y = y.flatten() if y.dtype is torch.int64 else y
    cross_entropy = torch.nn.functional.cross_entropy
    optimizer = optimizer_of(net.parameters())
    scheduler = None if scheduler_of is None else scheduler_of(optimizer)
    losses, least, waited, best = [], float("inf"), 0, None
    torch.manual_seed(seed_of(made, "gd_train"))
    for _ in range(epochs):
        net.train()
        for rows in torch.randperm(len(X)).split(batch_size):

            def closure(rows: torch.Tensor = rows) -> torch.Tensor:
                optimizer.zero_grad()
                loss = cross_entropy(net(X[rows]), y[rows])
                loss.backward()
                if clip_norm is not None:
                    torch.nn.utils.clip_grad_norm_(net.parameters(), clip_norm)
                return loss

            losses.append(float(optimizer.step(closure).detach()))  # type: ignore[arg-type]
        if scheduler is not None:
            scheduler.step()
        if patience is None:
            continue
        net.eval()
        with torch.no_grad():
            loss = float(cross_entropy(net(X_val), y_val))
        if loss < least:
            least, waited = loss, 0
            best = {name: value.clone() for name, value in net.state_dict().items()}
        else:
            waited += 1
            if waited >= patience:
                break
    return best or net.state_dict(), losses


def drawn_by_hand(made: Any, make: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    """A network drawn from the seed of the recipe's `init_params`."""
    torch.manual_seed(seed_of(made, "init_params"))
    return make()


def require_equal(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    """Assert that parameters and buffers have the same names, dtypes and bits."""
    assert list(found) == list(expected)
    for name, value in found.items():
        assert value.dtype == expected[name].dtype, name
        assert torch.equal(value, expected[name]), name
