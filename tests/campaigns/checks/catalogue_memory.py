"""Tensors larger than a device's memory, or than any tensor may be."""

from __future__ import annotations

from tests.campaigns.checks.case import Case

CASES = (
    Case(
        title="a table that does not fit into the device's memory",
        recipe="""
            steps:
              - random: {X: {randn: [1000, 1000]}}  # here
        """,
        says=("needs more memory than there is", "3.8 MiB", "at most 2.0 MiB"),
        mended=("[1000, 1000]", "[100, 100]"),
        really="is too large",
        memory=2 * 2**20,
    ),
    Case(
        title="all pairs of rows do not fit into the device's memory",
        recipe="""
            steps:
              - random: {X: {randn: [2000, 3]}}
              - my_step  # here
        """,
        code="""
            @step(outputs="nearest")
            def my_step(X):
                differences = X[:, None, :] - X[None, :, :]
                return differences.square().sum(2).topk(2, largest=False).indices[:, 1]
        """,
        says=("the step `my_step` needs more memory than there is", "at most 32.0 MiB"),
        mended=("[2000, 3]", "[200, 3]"),
        really="is too large",
        memory=32 * 2**20,
    ),
    Case(
        title="more elements than a tensor may have",
        recipe="""
            steps:
              - random: {X: {zeros: [200000, 200000]}}  # here
        """,
        says=("`X` would have 40,000,000,000 elements",),
        mended=("[200000, 200000]", "[200, 200]"),
    ),
    Case(
        title="all products of two long vectors",
        recipe="""
            steps:
              - random: {a: {zeros: 40000}}
              - compute: {table: "outer(a, a)"}  # here
        """,
        says=("(40000, 40000)", "more than 2**30 elements"),
        mended=("zeros: 40000", "zeros: 400"),
    ),
    Case(
        title="a diagonal far beside the first",
        recipe="""
            steps:
              - random: {a: {zeros: 5}}
              - compute: {table: "diag(a, diagonal=50000)"}  # here
        """,
        says=("(50005, 50005)", "more than 2**30 elements"),
        mended=("50000", "50"),
    ),
    Case(
        title="bounds for every row of every other",
        recipe="""
            steps:
              - random: {a: {zeros: 40000}}
              - compute: {table: "a.clamp(min=a[:, None])"}  # here
        """,
        says=("(40000, 40000)", "more than 2**30 elements"),
        mended=("zeros: 40000", "zeros: 400"),
    ),
    Case(
        title="products of batches",
        recipe="""
            steps:
              - random: {a: {zeros: [2000, 1, 1]}, b: {zeros: [1, 1000000]}}
              - compute: {table: "a @ b"}  # here
        """,
        says=("(2000, 1, 1000000)", "more than 2**30 elements"),
        mended=("[2000, 1, 1]", "[20, 1, 1]"),
    ),
)
