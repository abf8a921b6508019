"""The steps of a training, wired so that their shapes and dtypes do not meet."""

from __future__ import annotations

from tests.campaigns.checks.case import Case
from tests.campaigns.checks.tables import csv, npy

WINE = {"wine.csv": csv()}

CASES = (
    Case(
        title="layers that end in two outputs for one target",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [4, 2]}  # here
              - gd_train
        """,
        files=WINE,
        says=("gives 2 predictions", "1 targets", "end `layers` with 1"),
        mended=("[4, 2]", "[4, 1]"),
    ),
    Case(
        title="two targets for one output",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8, targets: 2}
              - init_params: {layers: [1]}  # here
              - gd_train: {steps: 5}
              - evaluate
        """,
        files=WINE,
        says=("gives 1 predictions", "end `layers` with 2"),
        mended=("targets: 2", "targets: 1"),
    ),
    Case(
        title="rows and targets swapped at the training",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [1]}
              - gd_train: {steps: 5}  # here
                in: {X_train: y_train, y_train: X_train}
              - evaluate
        """,
        files=WINE,
        says=("the network takes 2 columns", "(8, 1)"),
        mended=("{X_train: y_train, y_train: X_train}", "{X_train: X_train}"),
    ),
    Case(
        title="the first parameters are drawn for the targets",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [1]}
                in: {X_train: y_train}
              - gd_train: {steps: 5}  # here
        """,
        files=WINE,
        says=("the network takes 1 columns", "(8, 2)"),
        mended=("in: {X_train: y_train}", "in: {X_train: X_train}"),
    ),
    Case(
        title="validated against the targets of the training",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [1]}
              - gd_train: {steps: 5}
              - evaluate:  # here
                in: {y_val: y_train}
        """,
        files=WINE,
        says=("the predictions have the shape (4, 1)", "(8, 1)"),
        mended=("y_val: y_train", "y_val: y_val"),
    ),
    Case(
        title="validated on the table that still holds the target",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [1]}
              - gd_train: {steps: 5}
              - evaluate: {metrics: [mae]}  # here
                in: {X_val: data, y_val: y_val}
        """,
        files=WINE,
        says=("the network takes 2 columns", "(12, 3)"),
        mended=("X_val: data", "X_val: X_val"),
    ),
    Case(
        title="predicting from rows that still hold the target",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [4, 1]}
              - predict  # here
        """,
        files=WINE,
        says=("takes 2 columns", "(12, 3)", "without the target"),
        mended=("- predict", "- predict:\n    in: {data: X_val}"),
    ),
    Case(
        title="the mean of another table is taken off",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - normalize
              - init_params: {layers: [1]}
              - compute: {mean: data.mean(0)}
              - predict:  # here
                in: {data: X_val}
        """,
        files=WINE,
        says=("sub((4, 2) float32", "(3,) float32"),
        mended=("data.mean(0)", "X_train.mean(0)"),
    ),
    Case(
        title="targets of one dimension at the training",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - compute: {y_train: "y_train[:, 0]"}
              - init_params: {layers: [1]}
              - gd_train: {steps: 5}  # here
        """,
        files=WINE,
        says=("y_train has the shape (8,)", "(8, 1)", "unsqueeze(1)"),
        mended=("y_train[:, 0]", "y_train[:, :1]"),
    ),
    Case(
        title="targets of one dimension at the validation",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [1]}
              - gd_train: {steps: 5}
              - compute: {y_val: y_val.squeeze()}
              - evaluate  # here
        """,
        files=WINE,
        says=("the predictions have the shape (4, 1)", "(4,)"),
        mended=("y_val.squeeze()", "y_val.squeeze(0)"),
    ),
    Case(
        title="a batch larger than the data",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [1]}
              - gd_train: {steps: 5, batch_size: 64}  # here
        """,
        files=WINE,
        says=("batch_size is 64", "8 rows"),
        mended=("64", "4"),
    ),
    Case(
        title="the rows are cast to whole numbers before the training",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [1]}
              - cast: {X_train: int64}
              - gd_train: {steps: 5}  # here
        """,
        files=WINE,
        says=("the parameters are torch.float32", "the data is torch.int64"),
        mended=("int64", "float32"),
    ),
    Case(
        title="losses are kept as whole numbers, like the targets",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - cast: {y_train: int64}
              - init_params: {layers: [1]}
              - gd_train: {steps: 5}  # here
        """,
        files=WINE,
        says=("int64",),
        mended=("int64", "float32"),
    ),
    Case(
        title="first parameters of float64 for rows of float32",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [1]}
                dtype: float64
              - gd_train: {steps: 5}  # here
        """,
        files=WINE,
        says=("the parameters are torch.float64", "the data is torch.float32"),
        mended=("float64", "float32"),
    ),
    Case(
        title="trained in float64 and validated in float32",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [1]}
              - gd_train: {steps: 5}
                dtype: float64
              - evaluate  # here
        """,
        files=WINE,
        says=("the parameters are torch.float64", "the data is torch.float32"),
        mended=("dtype: float64", "dtype: float32"),
    ),
    Case(
        title="normalized in float64 beside targets of float32",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - normalize: {}
                dtype: float64
              - init_params: {layers: [1]}
              - gd_train: {steps: 5}  # here
        """,
        files=WINE,
        says=("float64",),
        mended=("float64", "float32"),
    ),
    Case(
        title="rows of a NumPy file in float64 beside targets of float32",
        recipe="""
            steps:
              - load: {source: rows.npy, values: [X_train]}
              - load: {source: scores.npy, values: [y_train]}
              - init_params: {layers: [1]}
              - gd_train: {steps: 5}  # here
        """,
        files={"rows.npy": npy((8, 3), "float64"), "scores.npy": npy((8, 1), "float32")},
        says=("float64",),
        mended=("- init_params", "- cast: {X_train: float32}\n  - init_params"),
    ),
    Case(
        title="names of columns are cast like numbers",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - cast: {data: float64, columns: float64}  # here
        """,
        files=WINE,
        says=("`columns` is a list, and has no dtype",),
        mended=(", columns: float64", ""),
    ),
)
