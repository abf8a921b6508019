"""Activations and their derivatives, as operations on tensors that are there already."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from flowrun_tensors.lazy_torch import torch

Operation = Callable[[], object]


class Activation(NamedTuple):
    """One activation, by operations that allocate nothing.

    forward(before, after): fill `after` with the activation of `before`. backward(derivative,
    before, after): multiply `derivative`, with respect to the activation's output, by the
    activation's own over `factor`, so that it is with respect to its input; overwrites `before`.
    in_place: `before` and `after` are one tensor.
    """

    forward: Callable[[torch.Tensor, torch.Tensor], list[Operation]]
    backward: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], list[Operation]]
    factor: float = 1.0
    in_place: bool = True


def _relu(_: torch.Tensor, after: torch.Tensor) -> list[Operation]:
    return [after.relu_]


def _relu_backward(
    derivative: torch.Tensor, _: torch.Tensor, after: torch.Tensor
) -> list[Operation]:
    multiply = torch.ops.aten.threshold_backward.grad_input
    return [partial(multiply, derivative, after, 0, grad_input=derivative)]


def _maximum(before: torch.Tensor, after: torch.Tensor) -> list[Operation]:
    return [partial(torch.clamp_min, before, 0, out=after)]


def _maximum_backward(
    derivative: torch.Tensor, before: torch.Tensor, _: torch.Tensor
) -> list[Operation]:
    """Twice the derivative of `torch.maximum(x, 0)` in autograd, whose value at zero is 1/2."""
    return [before.sign_, partial(derivative.addcmul_, derivative, before)]


def _tanh(_: torch.Tensor, after: torch.Tensor) -> list[Operation]:
    # Not 2 sigmoid(2 x) - 1, which is faster: it has no digits left of a small x.
    return [after.tanh_]


def _tanh_backward(
    derivative: torch.Tensor, _: torch.Tensor, after: torch.Tensor
) -> list[Operation]:
    multiply = torch.ops.aten.tanh_backward.grad_input
    return [partial(multiply, derivative, after, grad_input=derivative)]


def _sigmoid(_: torch.Tensor, after: torch.Tensor) -> list[Operation]:
    return [after.sigmoid_]


def _sigmoid_backward(
    derivative: torch.Tensor, _: torch.Tensor, after: torch.Tensor
) -> list[Operation]:
    multiply = torch.ops.aten.sigmoid_backward.grad_input
    return [partial(multiply, derivative, after, grad_input=derivative)]


ACTIVATIONS = {
    "relu": Activation(_relu, _relu_backward),
    "maximum": Activation(_maximum, _maximum_backward, factor=0.5, in_place=False),
    "tanh": Activation(_tanh, _tanh_backward),
    "sigmoid": Activation(_sigmoid, _sigmoid_backward),
}
