"""Draw the simulated stand-ins for the two wine quality files.

The stand-ins let examples and tests run where the real files are not available. They are drawn from
a Gaussian copula: every row is a vector of twelve standard normal numbers with a given
correlation matrix, and each of the twelve is then bent to the distribution of its own column
(Cario and Nelson, "Modeling and generating random vectors with arbitrary marginal distributions
and correlation matrix", 1997). The correlation comes from the matrix's Cholesky factor L: if u
holds independent normals, then L u has the correlation matrix L L'.

All figures stand in moments.json; nothing here reads the real data.

    python data/make_standins.py            rewrite the two files beside this script
    python data/make_standins.py --check    exit 1 if they are not what would be drawn
"""

import argparse
import json
import math
import random
import sys
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from statistics import NormalDist
from typing import TypedDict

HERE = Path(__file__).resolve().parent
NORMAL = NormalDist()

Matrix = Sequence[Sequence[float]]
Marginal = Callable[[float], float]
"""Bends a standard normal number to the distribution of one column."""


class Column(TypedDict):
    """One measured column: its decimals, the share of readings with one more, its quantiles."""

    decimals: int
    finer: float
    quantiles: list[float]


class Wine(TypedDict):
    """The figures that one stand-in is drawn from, as moments.json holds them."""

    standin: str
    seed: int
    rows: int
    probabilities: list[float]
    columns: dict[str, Column]
    scores: dict[str, int]
    correlations: list[list[float]]


def load_moments() -> dict[str, Wine]:
    """Return the figures of both wines, by name."""
    moments: dict[str, Wine] = json.loads((HERE / "moments.json").read_text(encoding="utf-8"))
    return moments


def cholesky(matrix: Matrix) -> list[list[float]]:
    """Return the rows of the lower triangular L with L L' = matrix, each up to its diagonal."""
    factor: list[list[float]] = []
    for i, wanted in enumerate(matrix):
        row: list[float] = []
        for j in range(i):
            rest = wanted[j] - dot(row, factor[j][:j])
            row.append(rest / factor[j][j])
        row.append(math.sqrt(wanted[i] - dot(row, row)))
        factor.append(row)
    return factor


def dot(left: Sequence[float], right: Sequence[float]) -> float:
    """Return the inner product, rounded once, so that every Python gives the same bits."""
    return math.fsum(a * b for a, b in zip(left, right, strict=True))


def orthonormal(columns: Matrix) -> list[list[float]]:
    """Return columns of mean zero and variance one, uncorrelated to the last digit.

    This Gram-Schmidt process takes out of the draw what chance put into its correlations, so
    that a file of some thousand rows shows those of moments.json.
    """
    size = len(columns[0])
    done = [[1.0] * size]
    for column in columns:
        rest = list(column)
        for earlier in done:
            part = dot(rest, earlier) / size
            rest = [x - part * y for x, y in zip(rest, earlier, strict=True)]
        length = math.sqrt(dot(rest, rest) / size)
        done.append([x / length for x in rest])
    return done[1:]


def normal_scores(column: Sequence[float]) -> list[float]:
    """Return the column with its k-th smallest number replaced by the (k - 1/2)/n normal quantile.

    So the marginals are met exactly, and every score comes up as often as it should.
    """
    size = len(column)
    scores = [0.0] * size
    for rank, row in enumerate(sorted(range(size), key=column.__getitem__)):
        scores[row] = NORMAL.inv_cdf((rank + 0.5) / size)
    return scores


def measured(quantiles: Sequence[float], probabilities: Sequence[float], rows: int) -> Marginal:
    """Return the marginal that runs in straight lines from quantile to quantile.

    The lines are straight over the normal scores, not over the probabilities, so that the tails
    thin out as those of a normal do. The smallest and largest of n readings stand for the
    probabilities 1/2n and 1 - 1/2n; nothing goes beyond them.
    """
    edge = 0.5 / rows
    knots = [NORMAL.inv_cdf(min(max(p, edge), 1 - edge)) for p in probabilities]

    def bend(z: float) -> float:
        right = bisect_right(knots, z)
        if right == 0:
            return quantiles[0]
        if right == len(knots):
            return quantiles[-1]
        part = (z - knots[right - 1]) / (knots[right] - knots[right - 1])
        return quantiles[right - 1] + part * (quantiles[right] - quantiles[right - 1])

    return bend


def graded(scores: dict[str, int]) -> Marginal:
    """Return the marginal that cuts the normal line into scores of the given frequencies."""
    values = [float(score) for score in scores]
    *below, total = accumulate(scores.values())
    cuts = [NORMAL.inv_cdf(count / total) for count in below]
    return lambda z: values[bisect_right(cuts, z)]


def marginals(wine: Wine) -> list[Marginal]:
    """Return the twelve marginals of a wine, that of the score last."""
    columns = wine["columns"].values()
    bends = [measured(c["quantiles"], wine["probabilities"], wine["rows"]) for c in columns]
    return [*bends, graded(wine["scores"])]


def written(value: float, decimals: int) -> str:
    """Return the number as the laboratory writes it: rounded, and without trailing zeros."""
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def correlated(wine: Wine, generator: random.Random) -> list[list[float]]:
    """Draw twelve columns of normal scores with the correlations of the wine."""
    factor = cholesky(wine["correlations"])
    noise = [[NORMAL.inv_cdf(generator.random()) for _ in range(wine["rows"])] for _ in factor]
    rows = list(zip(*orthonormal(noise), strict=True))
    return [normal_scores([dot(part, row[: len(part)]) for row in rows]) for part in factor]


def draw(wine: Wine) -> str:
    """Return the content of one stand-in."""
    generator = random.Random(wine["seed"])
    normals = correlated(wine, generator)
    *readings, scores = (
        [bend(z) for z in column] for bend, column in zip(marginals(wine), normals, strict=True)
    )
    texts = [
        [written(r, column["decimals"] + (generator.random() < column["finer"])) for r in reading]
        for reading, column in zip(readings, wine["columns"].values(), strict=True)
    ]
    texts.append([written(score, 0) for score in scores])

    header = ";".join(f'"{name}"' for name in [*wine["columns"], "quality"])
    lines = [";".join(cells) for cells in zip(*texts, strict=True)]
    return "\n".join([header, *lines]) + "\n"


def main() -> int:
    """Rewrite or check the two files; return the exit status."""
    parser = argparse.ArgumentParser(description="Draw the stand-ins of the wine quality data.")
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    check_only = parser.parse_args().check

    status = 0
    for wine in load_moments().values():
        path = HERE / wine["standin"]
        content = draw(wine).encode()
        if not check_only:
            path.write_bytes(content)
        elif not path.is_file() or path.read_bytes() != content:
            print(f"{path.name} is not what make_standins.py draws; run it again", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
