"""Tables, splits and rows that are not as the recipe takes them."""

from __future__ import annotations

from tests.campaigns.checks.case import Case
from tests.campaigns.checks.tables import csv, npy, safetensors

WINE = {"wine.csv": csv()}

CASES = (
    Case(
        title="more training rows than the table has",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 1000}  # here
        """,
        files=WINE,
        says=("train: 1000 asks for 1000 of 12 rows", "at most 11"),
        mended=("1000", "8"),
    ),
    Case(
        title="every row is for training",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - shuffle
              - split: {train: 12}  # here
        """,
        files=WINE,
        says=("asks for 12 of 12 rows",),
        mended=("12", "11"),
    ),
    Case(
        title="a fraction of training rows that leaves none",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 0.99}  # here
        """,
        files=WINE,
        says=("train: 0.99 asks for 12 of 12 rows",),
        mended=("0.99", "0.9"),
    ),
    Case(
        title="a fraction of training rows that takes none",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 0.01}  # here
        """,
        files=WINE,
        says=("train: 0.01 asks for 0 of 12 rows",),
        mended=("0.01", "0.1"),
    ),
    Case(
        title="one training row to normalize by",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 0.1}
              - normalize  # here
        """,
        files=WINE,
        says=("one training row has no standard deviation",),
        mended=("0.1", "0.5"),
    ),
    Case(
        title="a target column that is not there",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8, targets: scores}  # here
        """,
        files=WINE,
        says=("no column `scores`", "did you mean `score`?"),
        mended=("scores", "score"),
    ),
    Case(
        title="a target by name in a table without names",
        recipe="""
            steps:
              - load: {source: wine.npy}
              - split: {train: 8, targets: score}  # here
        """,
        files={"wine.npy": npy((12, 3), "float32")},
        says=("have no names",),
        mended=("targets: score", "targets: 1"),
    ),
    Case(
        title="a target by name after a column was dropped",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - compute: {data: "data[:, 1:]"}
              - split: {train: 8, targets: score}  # here
        """,
        files=WINE,
        says=("there are 3 column names for 2 columns",),
        mended=("targets: score", "targets: 1"),
    ),
    Case(
        title="as many targets as columns",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8, targets: 3}  # here
        """,
        files=WINE,
        says=("targets: 3 leaves no feature", "3 columns"),
        mended=("targets: 3", "targets: 2"),
    ),
    Case(
        title="a series is split like a table",
        recipe="""
            steps:
              - load: {source: series.npy}
              - split: {train: 8}  # here
        """,
        files={"series.npy": npy((12,), "float32")},
        says=("split takes a table", "(12,)"),
        mended=(
            "- split: {train: 8}",
            '- compute: {data: "data.reshape(6, 2)"}\n  - split: {train: 4}',
        ),
    ),
    Case(
        title="images are split like a table",
        recipe="""
            steps:
              - load: {source: images.npy}
              - split: {train: 8}  # here
        """,
        files={"images.npy": npy((12, 4, 4), "float32")},
        says=("split takes a table", "(12, 4, 4)"),
        mended=("- split", '- compute: {data: "data.reshape(12, 16)"}\n  - split'),
    ),
    Case(
        title="whole numbers are normalized",
        recipe="""
            steps:
              - load: {source: counts.npy}
              - split: {train: 8}
              - normalize  # here
        """,
        files={"counts.npy": npy((12, 3), "int64")},
        says=("X_train is torch.int64", "cannot be normalized"),
        mended=("- split", "- cast: {data: float32}\n  - split"),
    ),
    Case(
        title="whole numbers go into a network as they were loaded",
        recipe="""
            steps:
              - load: {source: counts.npy}
              - split: {train: 8}
              - init_params: {layers: [1]}  # here
              - gd_train: {steps: 5, lr: 1e-3}
        """,
        files={"counts.npy": npy((12, 3), "int64")},
        says=("X_train is torch.int64", "cast: {X_train: float32"),
        mended=("- split", "- cast: {data: float32}\n  - split"),
    ),
    Case(
        title="a column is dropped between the first parameters and the training",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [1]}
              - compute: {X_train: "X_train[:, 1:]"}
              - gd_train: {steps: 5}  # here
        """,
        files=WINE,
        says=("the network takes 2 columns", "(8, 1)"),
        mended=("1:", "0:"),
    ),
    Case(
        title="validation rows of another table, which is wider",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - load: {source: wide.csv}
              - split: {train: 8}
                out: {X_train: X_other, y_train: y_other}
              - normalize  # here
        """,
        files={**WINE, "wide.csv": csv(12, ("alcohol", "pH", "sugar", "score"))},
        says=("sub((4, 3) float32", "(2,) float32"),
        mended=("source: wide.csv", "source: wine.csv"),
    ),
    Case(
        title="parameters of another width from a file",
        recipe="""
            steps:
              - load: {source: trained.safetensors, values: [W1, b1]}
              - load: {source: wine.csv}
              - my_step
              - predict  # here
        """,
        code="""
            @step(outputs="params")
            def my_step(W1, b1):
                return {"W1": W1, "b1": b1}
        """,
        files={**WINE, "trained.safetensors": safetensors(W1=(11, 1), b1=(1,))},
        says=("the network takes 11 columns", "(12, 3)"),
        mended=('"W1": W1', '"W1": W1[:3]'),
    ),
    Case(
        title="a name that is not in the file",
        recipe="""
            steps:
              - load: {source: trained.safetensors, values: [W1, B1]}  # here
        """,
        files={"trained.safetensors": safetensors(W1=(3, 1), b1=(1,))},
        says=("holds no `B1`", "it holds: W1, b1"),
        mended=("B1", "b1"),
    ),
    Case(
        title="a name that was never saved is loaded from the folder",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [1]}
              - save: {to: out, values: [params]}
              - load: {source: out, values: [params, mean]}  # here
        """,
        files=WINE,
        says=("holds no `mean`", "it holds: params"),
        mended=("[params, mean]", "[params]"),
    ),
    Case(
        title="what was saved as a file is loaded under another name",
        recipe="""
            steps:
              - random: {W: {randn: [3, 1]}, b: {zeros: 1}}
              - save: {to: weights.safetensors, values: [W, b]}
              - load: {source: weights.safetensors, values: [W1, b]}  # here
        """,
        says=("holds no `W1`", "it holds: W, b"),
        mended=("[W1, b]", "[W, b]"),
    ),
    Case(
        title="a table that is not beside the recipe",
        recipe="""
            steps:
              - load: {source: wines.csv}  # here
              - split: {train: 8}
        """,
        files=WINE,
        says=("there is no file", "did you mean `wine.csv`?"),
        mended=("wines.csv", "wine.csv"),
    ),
    Case(
        title="a delimiter for a file that is no text",
        recipe="""
            steps:
              - load: {source: wine.npy, delimiter: ";"}  # here
        """,
        files={"wine.npy": npy((12, 3), "float32")},
        says=("`delimiter` means nothing",),
        mended=(', delimiter: ";"', ""),
    ),
)
