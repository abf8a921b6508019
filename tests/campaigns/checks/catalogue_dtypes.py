"""Dtypes in custom steps that torch refuses, or widens without a word."""

from __future__ import annotations

from tests.campaigns.checks.case import Case

CASES = (
    Case(
        title="whole numbers are halved in place",
        recipe="""
            steps:
              - random: {counts: {randint: [8, 3], low: 0, high: 9}}
              - my_step  # here
        """,
        code="""
            @step(outputs="halves")
            def my_step(counts):
                halves = counts.clone()
                halves /= 2  # here
                return halves
        """,
        says=("can't be cast to the desired output type", "div_((8, 3) int64"),
        mended=("counts.clone()", "counts.float()"),
    ),
    Case(
        title="true and false are subtracted",
        code="""
            @step(outputs="changes")
            def my_step(X):
                is_large = X > 0
                return is_large[1:] - is_large[:-1]  # here
        """,
        says=("Subtraction, the `-` operator", "bool"),
        mended=("X > 0", "(X > 0).int()"),
    ),
    Case(
        title="floats as an index",
        code="""
            @step(outputs="sorted")
            def my_step(X):
                order = X[:, 0].argsort() / 1
                return X[order]  # here
        """,
        says=("tensors used as indices must be long, int, byte or bool tensors",),
        mended=(".argsort() / 1", ".argsort()"),
    ),
    Case(
        title="whole numbers are added up into floats",
        code="""
            @step(outputs="counts")
            def my_step(X):
                ones = torch.ones(8, dtype=torch.int64)
                return torch.zeros(3).scatter_add_(0, X.argmax(dim=1), ones)  # here
        """,
        says=("Expected self.dtype to be equal to src.dtype",),
        mended=("ones(8, dtype=torch.int64)", "ones(8)"),
    ),
    Case(
        title="noise of NumPy makes a table float64",
        code="""
            @step(outputs="noisy")
            def my_step(X):
                noise = np.random.default_rng(0).normal(size=X.shape)
                return X + torch.from_numpy(noise)  # here
        """,
        kind="warning",
        says=("float64",),
        mended=("torch.from_numpy(noise)", "torch.from_numpy(noise).to(X.dtype)"),
        really="goes wrong",
        shows="noisy",
        devices=("cpu",),
    ),
    Case(
        title="a column of float64 is joined to a table",
        code="""
            @step(outputs="table")
            def my_step(X):
                time = torch.linspace(0, 1, len(X), dtype=torch.float64)
                return torch.cat([X, time[:, None]], dim=1)  # here
        """,
        kind="warning",
        says=("float64",),
        mended=("dtype=torch.float64", "dtype=X.dtype"),
        really="goes wrong",
        shows="table",
    ),
)
