"""The parameters of a network in one vector, so that an optimiser updates them in a few calls."""

from __future__ import annotations

from collections.abc import Mapping

from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.models import layer_count


class FlatNetwork:
    """Copies of `W1, b1, W2, b2, ...`, one after the other, and a place for their gradient.

    A layer's bias stands behind its weights, so that both are one matrix `(inputs + 1, outputs)`
    and the bias is a weight of an input that is always one.

    values, gradient: `(parameters,)`. widths: inputs of the network, then outputs of each layer.
    weights, gradients: views of the layers' matrices.
    """

    def __init__(self, params: Mapping[str, torch.Tensor]) -> None:
        layers = range(1, layer_count(dict(params)) + 1)
        ordered = [params[f"{kind}{layer}"].detach() for layer in layers for kind in "Wb"]
        self.values = torch.cat([value.reshape(-1) for value in ordered])
        self.gradient = torch.zeros_like(self.values)
        self.widths = [len(params["W1"]), *(params[f"W{layer}"].shape[1] for layer in layers)]
        self.weights = self._matrices(self.values)
        self.gradients = self._matrices(self.gradient)
        self._names = list(params)

    def named(self) -> dict[str, torch.Tensor]:
        """Views of the parameters by name, `Wk` `(inputs, outputs)` and `bk` `(outputs,)`."""
        views = {}
        for name in self._names:
            matrix = self.weights[int(name[1:]) - 1]
            views[name] = matrix[:-1] if name.startswith("W") else matrix[-1]
        return views

    def _matrices(self, flat: torch.Tensor) -> list[torch.Tensor]:
        shapes = [
            (inputs + 1, outputs)
            for inputs, outputs in zip(self.widths, self.widths[1:], strict=False)
        ]
        parts = torch.split(flat, [rows * columns for rows, columns in shapes])
        return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
