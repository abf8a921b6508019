"""`python -m benchmarks.training.data CASE FOLDER`: write what a case is trained on, for everyone.

`X.npy` `(n, 11)`, `y.npy` `(n, 1)` and `params.npz`, all float32. Runs where NumPy is installed.
The 1000 rows are the simulated stand-in of the red wines, shuffled and normalized as the recipe
does it; larger tables are random.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np

from benchmarks.training.cases import CASES, COLUMNS, WINE_ROWS, Case

WINE = Path(__file__).resolve().parents[2] / "data" / "wine-red-standin.csv"
SEED = 0


def table(case: Case, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Measurements `(n, 11)` with mean 0 and deviation 1, and targets `(n, 1)`."""
    if case.rows == WINE_ROWS:
        wine = np.loadtxt(WINE, delimiter=";", skiprows=1)
        chosen = random.permutation(wine)[: case.rows]
        measured = chosen[:, :COLUMNS]
        X = (measured - measured.mean(0)) / measured.std(0, ddof=1)
        return X.astype(np.float32), chosen[:, COLUMNS:].astype(np.float32)
    X = random.standard_normal((case.rows, COLUMNS), dtype=np.float32)
    weights = random.standard_normal((COLUMNS, 1), dtype=np.float32)
    noise = random.standard_normal((case.rows, 1), dtype=np.float32)
    return X, X @ weights + np.float32(5.6) + np.float32(0.6) * noise


def first_parameters(case: Case, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Drawn from the normal distribution, as `init_params` draws them."""
    widths = [COLUMNS, *([case.hidden] if case.hidden else []), 1]
    params = {}
    for layer, (inputs, outputs) in enumerate(itertools.pairwise(widths), start=1):
        for name, shape in ((f"W{layer}", (inputs, outputs)), (f"b{layer}", (outputs,))):
            drawn = random.standard_normal(shape, dtype=np.float32)
            params[name] = drawn * np.float32(case.scale)
    return params


def main(name: str, folder: str) -> None:
    """Write the files."""
    random = np.random.default_rng(SEED)
    X, y = table(CASES[name], random)
    np.save(Path(folder) / "X.npy", X)
    np.save(Path(folder) / "y.npy", y)
    np.savez(Path(folder) / "params.npz", **first_parameters(CASES[name], random))


if __name__ == "__main__":
    main(*sys.argv[1:])
