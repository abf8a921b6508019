"""Indices that are written in the code, and are out of range."""

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
        title="a row that is not there is written",
        code="""
            @step(outputs="rows")
            def my_step(X):
                rows = X.clone()
                rows[torch.tensor([0, 8])] = 0.0  # here
                return rows
        """,
        says=("index 8 is out of bounds",),
        mended=("[0, 8]", "[0, 7]"),
    ),
    Case(
        title="indices made when the file is imported",
        code="""
            LAST = torch.tensor([7, 8])


            @step(outputs="rows")
            def my_step(X):
                return X[LAST]  # here
        """,
        says=("index 8 is out of bounds",),
        mended=("[7, 8]", "[6, 7]"),
    ),
    Case(
        title="columns are gathered by an index beyond the last",
        code="""
            @step(outputs="chosen")
            def my_step(X):
                return X.gather(1, torch.tensor([[0], [3]]))  # here
        """,
        says=("index 3 is out of bounds for dimension 1 with size 3",),
        mended=("[3]", "[2]"),
    ),
    Case(
        title="columns are selected beyond the last",
        code="""
            @step(outputs="chosen")
            def my_step(X):
                columns = torch.arange(1, 5)
                return X.index_select(1, columns)  # here
        """,
        says=("out of DATA bounds",),
        mended=("arange(1, 5)", "arange(1, 3)"),
    ),
    Case(
        title="one row of counts too few",
        code="""
            @step(outputs="counts")
            def my_step(X):
                classes = torch.arange(8) % 4
                return torch.zeros(3, 3).index_add_(0, classes, X)  # here
        """,
        says=("index 3 is out of bounds for dimension 0 with size 3",),
        mended=("% 4", "% 3"),
    ),
    Case(
        title="a mask that is written out leaves other rows than the product takes",
        code="""
            @step(outputs="product")
            def my_step(X):
                kept = torch.tensor([True, False, True])
                return X @ X[:3][kept]  # here
        """,
        says=("matmul((8, 3)", "(2, 3)"),
        mended=("[True, False, True]", "[True, True, True]"),
    ),
)
