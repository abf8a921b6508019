"""Faults of numbers: a check has none, and says nothing of what only they decide."""

from __future__ import annotations

from tests.campaigns.checks.case import Case

CASES = (
    Case(
        title="a row that is not there, in a tensor of indices",
        code="""
            @step(outputs="rows")
            def my_step(X):
                return X[torch.tensor([0, 9])]  # here
        """,
        says=("index 9 is out of bounds",),
        mended=("[0, 9]", "[0, 7]"),
    ),
    Case(
        title="a class beyond the last",
        code="""
            @step(outputs="loss")
            def my_step(X):
                labels = torch.arange(8)
                return F.cross_entropy(X, labels)  # here
        """,
        says=("out of bounds",),
        mended=("torch.arange(8)", "torch.arange(8) % 3"),
    ),
    Case(
        title="a word beyond the vocabulary",
        code="""
            @step(outputs="vectors")
            def my_step():
                words = torch.tensor([4, 0, 12])
                return nn.Embedding(10, 3)(words).detach()  # here
        """,
        says=("index out of range",),
        mended=("12", "9"),
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
