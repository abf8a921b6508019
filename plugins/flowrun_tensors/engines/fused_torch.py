"""The gradient of a network by torch, the backward pass written out, nothing allocated.

The tables of a layer are `(units + 1, rows)`, the last row ones: products with a layer's matrix
`(inputs + 1, outputs)` then hold the bias on the way forward, and its gradient on the way back.
A step is compiled once into a list of operations on preallocated tensors.
"""

from __future__ import annotations

from functools import partial

from flowrun_tensors.engines.fused_activations import ACTIVATIONS, Operation
from flowrun_tensors.engines.fused_losses import BlockLoss
from flowrun_tensors.engines.fused_network import FlatNetwork
from flowrun_tensors.lazy_torch import torch

# Elements of the widest table of a block. On a processor a block's tables then stay in its caches
# (5 times faster on 200,000 rows of a network 11-64-1); a GPU wants few large products.
_ELEMENTS_ON_CPU = 2**18
_ELEMENTS_ELSEWHERE = 2**26
_FEWEST_ROWS = 256


class TorchGradient:
    """Fills a network's gradient, and `loss` `(1, 1)`, from all rows or from those it is given.

    X: `(n, d)`; y: `(n, k)`, or `(n,)` int64 of classes for `cross_entropy`. batch_size: the most
    rows of one step; None takes all each time. Rows of several blocks are not stored twice.
    """

    name = "torch"

    def __init__(
        self,
        network: FlatNetwork,
        X: torch.Tensor,
        y: torch.Tensor,
        *,
        activation: str,
        loss: str,
        batch_size: int | None,
    ) -> None:
        self.loss = torch.zeros(1, 1, dtype=X.dtype, device=X.device)
        self._network = network
        self._activation = ACTIVATIONS[activation]
        self._loss_name = loss
        self._X, self._y = X, y
        elements = _ELEMENTS_ON_CPU if X.device.type == "cpu" else _ELEMENTS_ELSEWHERE
        self._block_rows = max(elements // max(network.widths), _FEWEST_ROWS)
        self._is_laid_out = batch_size is not None or len(X) <= self._block_rows
        if batch_size is None:
            if self._is_laid_out:
                # The columns side by side: the products of the first layer are a little faster so.
                self._inputs = X.new_ones(X.shape[1] + 1, len(X)).t()
                self._inputs[:, :-1] = X
            else:  # as they lie in the data, from which they are copied at each step
                self._inputs = X.new_ones(self._block_rows, X.shape[1] + 1)
            self._targets = y
        else:
            self._inputs = X.new_ones(batch_size, X.shape[1] + 1)
            self._targets = torch.empty_like(y[:batch_size])
            self._drawn = torch.empty_like(X[:batch_size], memory_format=torch.contiguous_format)
        self._tables: dict[int, tuple[list[_Layer], BlockLoss]] = {}
        self._operations: dict[int, list[Operation]] = {}

    def compute(self, rows: torch.Tensor | None = None) -> None:
        """Do it for `rows`, int64 `(at most batch_size,)`; None if all are taken each time."""
        count = len(self._X)
        if rows is not None:
            count = len(rows)
            torch.index_select(self._X, 0, rows, out=self._drawn[:count])
            torch.index_select(self._y, 0, rows, out=self._targets[:count])
            self._inputs[:count, :-1] = self._drawn[:count]
        if count not in self._operations:
            self._operations[count] = captured(self._over_rows(count), self._X.device)
        for operation in self._operations[count]:
            operation()

    def _over_rows(self, count: int) -> list[Operation]:
        """Fill gradient and loss from the first `count` rows of the inputs and targets."""
        elements = count if self._loss_name == "cross_entropy" else count * self._network.widths[-1]
        operations = []
        for start in range(0, count, self._block_rows):
            end = min(start + self._block_rows, count)
            targets = self._targets[start:end]
            if self._is_laid_out:
                inputs = self._inputs[start:end].t()
            else:  # the data is stored once: each block is laid out in the buffer of the last
                block = self._inputs[: end - start]
                operations.append(partial(block[:, :-1].copy_, self._X[start:end]))
                inputs = block.t()
            beta = 1.0 if start else 0.0
            operations += self._over_block(inputs, targets, beta, 1 / elements)
        return operations

    def _tables_for(self, rows: int) -> tuple[list[_Layer], BlockLoss]:
        """The buffers for a block of so many rows."""
        if rows not in self._tables:
            *hidden, outputs = self._network.widths[1:]
            in_place = self._activation.in_place
            self._tables[rows] = (
                [_Layer(self._inputs.new_empty(units, rows), in_place) for units in hidden],
                BlockLoss(self._loss_name, self._inputs.new_empty(outputs, rows)),
            )
        return self._tables[rows]

    def _over_block(
        self, inputs: torch.Tensor, targets: torch.Tensor, beta: float, scale: float
    ) -> list[Operation]:
        """Scale gradient and loss by beta, and add the contribution of a block of rows.

        inputs: `(d + 1, rows)`. targets: `(rows, k)` or `(rows,)`.
        """
        layers, loss = self._tables_for(inputs.shape[1])
        weights, gradients = self._network.weights, self._network.gradients
        operations: list[Operation] = []
        hidden = inputs
        for matrix, layer in zip(weights, layers, strict=False):
            operations.append(partial(torch.mm, matrix.t(), hidden, out=layer.before))
            operations += self._activation.forward(layer.before, layer.after)
            hidden = layer.hidden
        operations += loss.operations(
            self.loss, weights[-1].t(), hidden, targets, beta=beta, scale=scale
        )
        derivative = loss.derivative
        scale *= loss.factor
        tables = [inputs, *(layer.hidden for layer in layers)]
        for index in range(len(layers), -1, -1):
            gradient = gradients[index]
            product = partial(torch.addmm, gradient, tables[index], derivative.t(), out=gradient)
            operations.append(partial(product, beta=beta, alpha=scale))
            if index:
                layer = layers[index - 1]
                back = partial(torch.mm, weights[index][:-1], derivative, out=layer.derivative)
                operations.append(back)
                operations += self._activation.backward(layer.derivative, layer.before, layer.after)
                derivative = layer.derivative
                scale *= self._activation.factor
        return operations


class _Layer:
    """The tables of a hidden layer for a block of rows.

    hidden: `(units + 1, rows)`, the last row ones. after: its first rows, the activation's output.
    before: its input. derivative: of the loss, with respect to `before` in the end.
    """

    def __init__(self, like: torch.Tensor, in_place: bool) -> None:
        units, rows = like.shape
        self.hidden = like.new_ones(units + 1, rows)
        self.after = self.hidden[:-1]
        self.before = self.after if in_place else torch.empty_like(like)
        self.derivative = torch.empty_like(like)


def captured(operations: list[Operation], device: torch.device) -> list[Operation]:
    """On a CUDA device, the operations as a graph that is launched as one; elsewhere themselves.

    They read and write the same tensors each time, and may be done a few times too often.
    """
    if device.type != "cuda":
        return operations
    beside = torch.cuda.Stream(device)
    beside.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(beside):
        for _ in range(3):  # libraries set themselves up at first calls, which cannot be captured
            for operation in operations:
                operation()
    torch.cuda.current_stream(device).wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            for operation in operations:
                operation()
    except RuntimeError:
        return operations
    return [graph.replay]
