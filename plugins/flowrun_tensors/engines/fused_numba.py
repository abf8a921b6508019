"""The gradient of a network by the kernel that numba compiles, on one thread of a processor."""

from __future__ import annotations

from importlib.util import find_spec

from flowrun_tensors.engines.fused_network import FlatNetwork
from flowrun_tensors.lazy_torch import torch

ACTIVATIONS = ("relu", "maximum", "tanh", "sigmoid")  # the kernel's constants, in order
LOSSES = ("mse", "mae", "huber")

_BYTES = 384 * 1024  # of a block's tables, which are to stay in a processor's second cache
_MOST_BYTES = 64 * 1024**2  # of data that is laid out in a copy
_LANES = 16  # numbers that one vector instruction takes at most
_MOST_LANES = 64 * _LANES


def why_not(X: torch.Tensor, loss: str, batch_size: int | None = None) -> str | None:
    """Why the kernel cannot do this; None if it can."""
    if batch_size is None and X.numel() * X.element_size() > _MOST_BYTES:
        return "numba's kernel lays the data out in a copy, and the data is large"
    if X.device.type != "cpu":
        return f"numba's kernel runs on the processor, and the data is on {X.device}"
    if X.dtype not in (torch.float32, torch.float64):
        return f"numba's kernel takes float32 and float64, and the data is {X.dtype}"
    if loss not in LOSSES:
        return f"numba's kernel has the losses {', '.join(LOSSES)}, and not {loss}"
    if find_spec("numba") is None:
        return "numba is not installed (pip install 'flowrun-recipes[fast]')"
    return None


class NumbaGradient:
    """Fills a network's gradient, and `loss` `(1, 1)`, as `TorchGradient` does.

    Sums over rows are made in blocks and the blocks added in float64. Raises ImportError if
    numba cannot be loaded, and RuntimeError if it cannot compile, or finds no folder to cache
    compiled code.
    """

    name = "numba"

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
        from numba.core.errors import NumbaError

        from flowrun_tensors.engines import fused_kernels

        self.loss = torch.zeros(1, 1, dtype=X.dtype)
        self._loss = self.loss.numpy()
        self._kernels = fused_kernels
        self._X, self._y = X.detach().numpy(), y.detach().numpy()
        self._count = len(X) if batch_size is None else batch_size
        widths = network.widths
        units = sum(widths[1:]) + len(widths) - 1
        most = _BYTES // ((units + widths[0]) * X.element_size())
        rows = _rows_of_block(self._count, most)
        blocks = -(-self._count // rows)
        self._inputs = X.new_zeros(blocks, widths[0] + 1, rows)
        self._inputs[:, -1] = 1
        self._targets = X.new_zeros(blocks, widths[-1], rows)
        after = X.new_ones(units, rows)
        before = torch.empty_like(after) if activation == "maximum" else after
        sums = torch.empty(len(network.values), dtype=torch.float64)
        self._before_count = (
            network.values.numpy(),
            torch.tensor(widths).numpy(),
            self._inputs.numpy(),
            self._targets.numpy(),
        )
        self._after_count = (
            ACTIVATIONS.index(activation),
            LOSSES.index(loss),
            before.numpy(),
            after.numpy(),
            X.new_empty(4, rows).numpy(),
            sums.numpy(),
            network.gradient.numpy(),
        )
        every = torch.arange(self._count)
        if batch_size is None:
            self._lay_out(every)
        try:
            # Compile now, while another kernel can still be chosen; nothing is updated.
            self.compute(None if batch_size is None else every)
        except NumbaError as error:
            first_line = str(error).partition("\n")[0]
            raise RuntimeError(f"it cannot compile the kernel: {first_line}") from error

    def compute(self, rows: torch.Tensor | None = None) -> None:
        """Do it for `rows`, int64 `(at most batch_size,)`; None if all are taken each time."""
        count = self._count
        if rows is not None:
            count = len(rows)
            self._lay_out(rows)
        self._loss[0, 0] = self._kernels.gradient(*self._before_count, count, *self._after_count)

    def _lay_out(self, rows: torch.Tensor) -> None:
        blocks = self._inputs.numpy(), self._targets.numpy()
        self._kernels.lay_out(self._X, self._y, rows.numpy(), *blocks)


def _rows_of_block(count: int, most: int) -> int:
    """Rows of one block: about as many in each, an odd number of times the lanes of a vector.

    Were it even, up to a power of two, the tables' rows would begin at the same place of the cache.
    """
    most = min(max(most, 4 * _LANES), _MOST_LANES)
    blocks = -(-count // most)
    vectors = -(-count // (blocks * _LANES))
    return (vectors + (vectors + 1) % 2) * _LANES
