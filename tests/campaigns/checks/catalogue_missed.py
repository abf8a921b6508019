"""Faults of numbers: a check has none, and says nothing of what only they decide."""

from __future__ import annotations

from tests.campaigns.checks.case import Case

CASES = (
    Case(
        title="rows that are not there, of as many as the data tells",
        code="""
            @step(outputs="rows")
            def my_step(X):
                return X[(X[:, 0] > 0).long() + 7]  # here
        """,
        says=("index 8 is out of bounds",),
        mended=("+ 7", "+ 6"),
    ),
    Case(
        title="rows that are not there, after a change in place",
        code="""
            @step(outputs="rows")
            def my_step(X):
                rows = torch.tensor([0, 1])
                rows += 7
                return X[rows]  # here
        """,
        says=("index 8 is out of bounds",),
        mended=("+= 7", "+= 6"),
    ),
    Case(
        title="a matrix that has no inverse",
        code="""
            @step(outputs="inverse")
            def my_step(X):
                return torch.linalg.inv(torch.zeros(3, 3) + X.sum() * 0)  # here
        """,
        says=("singular",),
        mended=("torch.zeros(3, 3)", "torch.eye(3)"),
    ),
    Case(
        title="a learning rate by which the loss diverges",
        recipe="""
            steps:
              - random: {data: {randn: [40, 3]}}
              - split: {train: 30}
              - init_params: {layers: [1]}
              - gd_train: {lr: 1000}  # here
        """,
        says=("stopped being finite",),
        mended=("1000", "0.01"),
    ),
)
