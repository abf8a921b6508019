"""A value of each type, of about ten megabytes where the type can have so many."""

from __future__ import annotations

import collections
import datetime
import decimal
from collections.abc import Callable
from typing import Any

_ROWS = 300_000


def _numbers() -> Any:
    import numpy as np

    return np.arange(4.0 * _ROWS).reshape(_ROWS, 4)


def _columns() -> dict[str, Any]:
    numbers = _numbers()
    texts = [f"row {number}" for number in range(_ROWS)]
    return {"a": numbers[:, 0], "b": numbers[:, 1], "text": texts}


def _tensor() -> Any:
    import torch

    return torch.from_numpy(_numbers())


def _sparse() -> Any:
    import torch

    return torch.eye(_ROWS // 2, 1000).to_sparse()


def _network() -> Any:
    import torch

    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 64, 3), torch.nn.BatchNorm2d(64), torch.nn.ReLU(),
        torch.nn.Linear(1500, 1500),
    )  # fmt: skip


def _trained() -> Any:
    import torch

    network = torch.nn.Linear(1000, 800)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 1000)).sum().backward()
    optimizer.step()
    return {"net": network, "optimizer": optimizer}


def _pandas() -> Any:
    import pandas as pd

    return pd.DataFrame(_columns())


def _polars() -> Any:
    import polars as pl

    return pl.DataFrame(_columns())


def _arrow() -> Any:
    import pyarrow as pa

    return pa.table(_columns())


def _scipy() -> Any:
    import scipy.sparse

    return scipy.sparse.random_array((_ROWS, 100), density=0.03, rng=0).tocsr()


EXAMPLES: dict[str, Callable[[], Any]] = {
    "list of 100,000 numbers": lambda: [float(number) for number in range(100_000)],
    "dict of 100,000 texts": lambda: {str(number): f"text {number}" for number in range(100_000)},
    "`OrderedDict` of 100,000 numbers": lambda: collections.OrderedDict(
        (str(number), number) for number in range(100_000)
    ),
    "`set` of 100,000 numbers": lambda: set(range(100_000)),
    "10,000 dates": lambda: [datetime.date(2020, 1, 1)] * 10_000,
    "10,000 `Decimal`": lambda: [decimal.Decimal(number) for number in range(10_000)],
    "`bytes`, 1 MB": lambda: bytes(1_000_000),
    "`numpy.ndarray`, 9.6 MB": _numbers,
    "`torch.Tensor`, 9.6 MB": _tensor,
    "sparse tensor, 1,000 elements": _sparse,
    "`torch.nn.Sequential`, 9 MB": _network,
    "module and Adam, 9.6 MB": _trained,
    "`pandas.DataFrame`, 3 columns of 300,000": _pandas,
    "`polars.DataFrame`, the same": _polars,
    "`pyarrow.Table`, the same": _arrow,
    "`scipy.sparse.csr_array`, 900,000 elements": _scipy,
}
