"""The model as torch.nn has it, for the contenders that train such modules."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from benchmarks.training.problem import Problem


def network(problem: Problem) -> nn.Module:
    """One linear layer, or two with relu between them."""
    columns, outputs = problem.params["W1"].shape
    if not problem.is_network:
        return nn.Linear(columns, outputs)
    targets = problem.params["W2"].shape[1]
    return nn.Sequential(nn.Linear(columns, outputs), nn.ReLU(), nn.Linear(outputs, targets))


def set_parameters(module: nn.Module, params: Mapping[str, torch.Tensor]) -> None:
    """Put the first parameters into the module; torch.nn keeps weights transposed."""
    with torch.no_grad():
        for own, first in zip(module.parameters(), params.values(), strict=True):
            own.copy_(first.T if first.ndim == 2 else first)
            own.grad = None


def parameters_of(module: nn.Module) -> dict[str, torch.Tensor]:
    """The parameters under the names, and in the layout, of the problem."""
    names = (f"{letter}{layer}" for layer in (1, 2) for letter in "Wb")
    own = [value.detach() for value in module.parameters()]
    return {
        name: value.T if value.ndim == 2 else value for name, value in zip(names, own, strict=False)
    }
