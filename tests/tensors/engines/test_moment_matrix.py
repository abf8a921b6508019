"""The moment matrix: exact, in one pass, in little memory, however the table lies."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from flowrun_tensors.engines.moment_matrix import moment_matrix, squared_error
from flowrun_tensors.engines.spectral import spectral
from tests.tensors.engines.linear_descents import problem


def test_it_holds_the_products_of_all_columns_and_ones() -> None:
    X = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    y = torch.tensor([[7.0], [8.0], [9.0]])
    assert moment_matrix(X, y).tolist() == [
        [35.0, 44.0, 9.0, 76.0],
        [44.0, 56.0, 12.0, 100.0],
        [9.0, 12.0, 3.0, 24.0],
        [76.0, 100.0, 24.0, 194.0],
    ]


def test_it_is_exact_to_the_last_digits_of_float64() -> None:
    generator = torch.Generator().manual_seed(0)
    table = 100 + torch.randn(5000, 3, generator=generator)
    numbers = [[Fraction(value) for value in row] for row in table.tolist()]
    rows = [[first, second, Fraction(1), target] for first, second, target in numbers]
    found = moment_matrix(table[:, :2], table[:, 2:])
    for i in range(4):
        for j in range(4):
            exact = sum(row[i] * row[j] for row in rows)
            assert abs(Fraction(found[i, j]) / exact - 1) < 1e-14


@pytest.mark.parametrize("rows", [1, 7, 64, 999, 1000, 5000])
def test_blocks_of_any_size_give_the_same(rows: int) -> None:
    X, y, _ = problem(0, 1000, 6, 2, "mean 1e5")
    whole = X.T.numpy() @ X.numpy()
    assert np.allclose(moment_matrix(X, y, rows=rows)[:6, :6], whole, rtol=1e-12, atol=0)
    theta = np.ones((7, 2))
    expected = squared_error(X, y, theta)
    assert squared_error(X, y, theta, rows=rows) == pytest.approx(expected, rel=1e-12)


LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "columns of a table": lambda table: table,
    "every second row": lambda table: table.repeat_interleave(2, 0)[::2],
    "column after column": lambda table: table.T.contiguous().T,
    "float32": lambda table: table.float(),
    "float16": lambda table: table.half(),
    "bfloat16": lambda table: table.bfloat16(),
    "part of a graph": lambda table: table.clone().requires_grad_(),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_neither_layout_nor_dtype_matters(
    layout: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    generator = torch.Generator().manual_seed(0)
    # Whole numbers that each of the dtypes holds.
    table = torch.randint(-50, 50, (700, 5), generator=generator).double()
    found = layout(table)
    expected = moment_matrix(table[:, :4].clone(), table[:, 4:].clone())
    assert np.array_equal(moment_matrix(found[:, :4], found[:, 4:]), expected)


def test_a_default_device_and_dtype_of_the_run_do_not_matter() -> None:
    X, y, params = problem(0, 30, 2, 1)
    expected = spectral(X, y, params, lr=0.1, steps=10)
    torch.set_default_device("meta")
    torch.set_default_dtype(torch.float16)
    try:
        found = spectral(X, y, params, lr=0.1, steps=10)
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)
    assert found.losses.equal(expected.losses)
    assert found.params["W1"].equal(expected.params["W1"])


LIMITED = """
import resource, sys
import numpy, torch
from flowrun_tensors.engines.spectral import spectral

table = torch.from_numpy(numpy.memmap(sys.argv[1], numpy.float32, "r+", shape=(4_000_000, 12)))
params = {"W1": torch.zeros(11, 1), "b1": torch.zeros(1)}
spectral(table[:100, :11], table[:100, 11:], params, lr=0.01, steps=10)  # loads what it needs
status = open("/proc/self/status").read()
used = 1024 * int(status.partition("VmData:")[2].split()[0])
resource.setrlimit(resource.RLIMIT_DATA, (used + 32 * 2**20,) * 2)
try:
    table.double()
except RuntimeError:
    print("whole: no room")
found = spectral(table[:, :11], table[:, 11:], params, lr=0.01, steps=10)
print(f"{float(found.losses[0]):.6g}")
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux how much is used")
def test_a_memory_mapped_table_is_never_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "table.f32"
    table = np.memmap(path, np.float32, "w+", shape=(4_000_000, 12))
    table[::1000, 11] = 5.0  # zeros elsewhere take no room on the disk
    table.flush()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["whole: no room", "0.025"], done.stderr
