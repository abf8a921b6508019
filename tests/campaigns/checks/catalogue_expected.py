"""What is expected of a result and can never be, whatever the numbers will be."""

from __future__ import annotations

from tests.campaigns.checks.case import Case
from tests.campaigns.checks.tables import csv

WINE = {"wine.csv": csv()}
TRAINING = """
    steps:
      - load: {{source: wine.csv}}
      - split: {{train: 8}}
      - init_params: {{layers: [4, 1]}}
      - gd_train: {{steps: 5, lr: 1e-4}}
      - evaluate
    expect:
      {expected}
"""


def _expecting(expected: str) -> str:
    return TRAINING.format(expected=expected)


CASES = (
    Case(
        title="another shape of the weights is expected",
        recipe=_expecting("params.W1: {shape: [3, 4]}  # here"),
        files=WINE,
        says=("`params.W1` cannot be met", "its shape is [2, 4], not [3, 4]"),
        mended=("[3, 4]", "[2, 4]"),
        really="is unmet",
    ),
    Case(
        title="a layer is expected that is not there",
        recipe=_expecting("params.W3: {shape: [4, 1]}  # here"),
        files=WINE,
        says=("`params.W3` cannot be met", "W3"),
        mended=("W3", "W2"),
        really="is unmet",
    ),
    Case(
        title="a metric is expected that is not computed",
        recipe=_expecting("metrics.accuracy: {above: 0.5}  # here"),
        files=WINE,
        says=("`metrics.accuracy` cannot be met", "accuracy"),
        mended=("metrics.accuracy: {above: 0.5}", "metrics.mae: {above: 0}"),
        really="is unmet",
    ),
    Case(
        title="the loss after more steps than are taken is expected",
        recipe=_expecting("losses[5]: {above: 0}  # here"),
        files=WINE,
        says=("`losses[5]` cannot be met", "5"),
        mended=("losses[5]", "losses[4]"),
        really="is unmet",
    ),
    Case(
        title="all losses are expected to be below a number",
        recipe=_expecting("losses: {below: 1e9}  # here"),
        files=WINE,
        says=("`losses` cannot be met", "`below` is of a number", "[5]"),
        mended=("losses: {", "losses[-1]: {"),
        really="is unmet",
    ),
    Case(
        title="another dtype is expected",
        recipe=_expecting("X_train: {dtype: float64}  # here"),
        files=WINE,
        says=("`X_train` cannot be met", "its dtype is float32, not float64"),
        mended=("float64", "float32"),
        really="is unmet",
    ),
    Case(
        title="predictions are expected on the GPU and are made on the CPU",
        recipe="""
            device: cpu
            steps:
              - random: {y_hat: {randn: [8, 1]}}
            expect:
              y_hat: {device: cuda}  # here
        """,
        says=("`y_hat` cannot be met", "its device is cpu, not cuda"),
        mended=("device: cuda", "device: cpu"),
        really="is unmet",
        devices=(None,),
    ),
    Case(
        title="an expression reaches for what no value has",
        recipe="""
            steps:
              - random: {X: {randn: [8, 3]}}
              - compute: {rows: X.length}  # here
        """,
        says=("length",),
        mended=("X.length", "X.numel()"),
        really="is refused",
    ),
    Case(
        title="rows of unlike length are written down",
        recipe="""
            steps:
              - tensor:
                  m: [[1, 2, 3], [4, 5]]  # here
        """,
        says=("the rows of `m` are not of one length",),
        mended=("[4, 5]", "[4, 5, 6]"),
        really="is refused",
    ),
)
