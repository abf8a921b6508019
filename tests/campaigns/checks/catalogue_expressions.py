"""Expressions, gradients and small tensors that do not fit each other."""

from __future__ import annotations

from tests.campaigns.checks.case import Case

CASES = (
    Case(
        title="a sum of tensors of different lengths",
        recipe="""
            steps:
              - tensor: {a: [1.5, 2, 3], b: [1.5, 2, 3, 4]}
              - compute: {c: a + b}  # here
        """,
        says=("add((3,) float32", "(4,) float32"),
        mended=(", 4]", "]"),
    ),
    Case(
        title="a matrix times itself without a transpose",
        recipe="""
            steps:
              - random: {X: {randn: [8, 3]}}
              - compute: {gram: X @ X}  # here
        """,
        says=("matmul((8, 3) float32", ", (8, 3) float32"),
        mended=("X @ X", "X.T @ X"),
    ),
    Case(
        title="a product with targets of other rows",
        recipe="""
            steps:
              - random: {X: {randn: [8, 3]}, y: {randn: [6, 1]}}
              - compute: {moments: X.T @ y}  # here
        """,
        says=("matmul((3, 8) float32", "(6, 1) float32"),
        mended=("[6, 1]", "[8, 1]"),
    ),
    Case(
        title="the mean over an axis that is not there",
        recipe="""
            steps:
              - random: {X: {randn: [8, 3]}}
              - compute: {means: X.mean(2)}  # here
        """,
        says=("Dimension out of range", "but got 2"),
        mended=("mean(2)", "mean(1)"),
    ),
    Case(
        title="the ninth of eight rows",
        recipe="""
            steps:
              - random: {X: {randn: [8, 3]}}
              - compute: {last: "X[8]"}  # here
        """,
        says=("index 8 is out of bounds for dimension 0 with size 8",),
        mended=("X[8]", "X[7]"),
    ),
    Case(
        title="the fourth of three columns",
        recipe="""
            steps:
              - random: {X: {randn: [8, 3]}}
              - compute: {target: "X[:, 3]"}  # here
        """,
        says=("index 3 is out of bounds for dimension 1 with size 3",),
        mended=("X[:, 3]", "X[:, 2]"),
    ),
    Case(
        title="three indices into a table",
        recipe="""
            steps:
              - random: {X: {randn: [8, 3]}}
              - compute: {first: "X[0, 0, 0]"}  # here
        """,
        says=("too many indices for tensor of dimension 2",),
        mended=("X[0, 0, 0]", "X[0, 0]"),
    ),
    Case(
        title="decimals are added to whole numbers in place",
        recipe="""
            steps:
              - tensor: {a: [1, 2, 3], b: [1.2, 3.6, 2.4]}
              - compute: {a: a += b}  # here
        """,
        says=(
            "result type Float can't be cast to the desired output type Long",
            "cast: {a: float32}",
        ),
        mended=("a: a += b", "a: a + b"),
    ),
    Case(
        title="a row is added to in place by a whole table",
        recipe="""
            steps:
              - random: {total: {zeros: 3}, X: {randn: [8, 3]}}
              - compute: {total: total += X}  # here
        """,
        says=("output with shape", "add_((3,) float32", "(8, 3) float32"),
        mended=("total += X", "total += X.sum(0)"),
    ),
    Case(
        title="predictions of two dimensions less targets of one",
        recipe="""
            steps:
              - random: {y_hat: {randn: [8, 1]}, y: {randn: 8}}
              - compute: {mse: ((y_hat - y) ** 2).mean()}  # here
        """,
        kind="warning",
        says=("(8, 1)", "(8,)", "(8, 8)"),
        mended=("(y_hat - y)", "(y_hat.squeeze(1) - y)"),
        really="goes wrong",
        shows="mse",
    ),
    Case(
        title="the gradient of a vector",
        recipe="""
            steps:
              - tensor: {x: [1.5, 2, 3]}
              - grad: {of: x ** 2, by: [x]}  # here
        """,
        says=("has the shape (3,)", "take its `.mean()` or `.sum()`"),
        mended=("x ** 2", "(x ** 2).sum()"),
    ),
    Case(
        title="the gradient by whole numbers",
        recipe="""
            steps:
              - tensor: {x: [1, 2, 3]}
              - grad: {of: (x ** 2).sum(), by: [x]}  # here
        """,
        says=("`x` is torch.int64: only floating tensors have derivatives",),
        mended=("[1, 2, 3]", "[1.0, 2, 3]"),
    ),
    Case(
        title="the gradient by what the expression does not hold",
        recipe="""
            steps:
              - tensor: {x: [1.5, 2], w: [0.5, 1]}
              - grad: {of: (x ** 2).sum(), by: [w]}  # here
        """,
        says=("does not depend on the tensors of `by`",),
        mended=("x ** 2", "w * x ** 2"),
    ),
    Case(
        title="whole numbers are to be made optimal",
        recipe="""
            steps:
              - tensor: {x: [3, 5]}
              - minimize: {of: (x ** 2).sum(), by: x, steps: 3}  # here
        """,
        says=("`x` is torch.int64", "cast it"),
        mended=("[3, 5]", "[3.0, 5]"),
    ),
    Case(
        title="a vector is to be made small",
        recipe="""
            steps:
              - tensor: {x: [3.0, 5.0]}
              - minimize: {of: x ** 2, by: x, steps: 3}  # here
        """,
        says=("has the shape (2,)", "only a scalar has a gradient"),
        mended=("x ** 2", "(x ** 2).sum()"),
    ),
    Case(
        title="the update itself is tracked",
        recipe="""
            steps:
              - tensor: {x: [3.0, 5.0]}
              - minimize: {of: (x ** 2).sum(), by: x, steps: 3, no_grad: false}  # here
        """,
        says=("a leaf Variable that requires grad is being used in an in-place operation",),
        mended=("no_grad: false", "no_grad: true"),
    ),
    Case(
        title="the mean of whole numbers",
        recipe="""
            steps:
              - tensor: {a: [1, 2, 4]}
              - compute: {mean: a.mean()}  # here
        """,
        says=("Input dtype must be either a floating point or complex dtype",),
        mended=("a.mean()", "a.to(float32).mean()"),
    ),
    Case(
        title="the standard deviation of whole numbers",
        recipe="""
            steps:
              - tensor: {a: [[1, 2], [4, 8]]}
              - compute: {std: a.std(0)}  # here
        """,
        says=("std and var only support floating point and complex dtypes",),
        mended=("a.std(0)", "a.to(float32).std(0)"),
    ),
    Case(
        title="a mask made before a row was dropped",
        recipe="""
            steps:
              - random: {X: {randn: [8, 3]}}
              - compute: {good: "X[1:, 0] > 0"}
              - compute: {X: "X[good]"}  # here
        """,
        says=("The shape of the mask [7] at index 0", "[8, 3]"),
        mended=("X[1:, 0] > 0", "X[:, 0] > 0"),
    ),
    Case(
        title="elements that do not fill the new shape",
        recipe="""
            steps:
              - random: {image: {randn: [8, 3]}}
              - compute: {image: "image.reshape(5, 5)"}  # here
        """,
        says=("shape '[5, 5]' is invalid for input of size 24",),
        mended=("(5, 5)", "(6, 4)"),
    ),
    Case(
        title="one number of a whole vector",
        recipe="""
            steps:
              - random: {a: {randn: 3}}
              - compute: {first: a.item()}  # here
        """,
        says=("a Tensor with 3 elements cannot be converted to Scalar",),
        mended=("a.item()", "a.sum().item()"),
    ),
    Case(
        title="columns of unlike height are joined",
        recipe="""
            steps:
              - random: {a: {randn: [8, 1]}, b: {randn: [7, 1]}}
              - compute: {table: "cat([a, b], 1)"}  # here
        """,
        says=("Sizes of tensors must match except in dimension 1", "(8, 1)", "(7, 1)"),
        mended=("randn: [7, 1]", "randn: [8, 1]"),
    ),
    Case(
        title="rows of unlike length are stacked",
        recipe="""
            steps:
              - random: {a: {randn: 3}, b: {randn: 4}}
              - compute: {table: "stack([a, b])"}  # here
        """,
        says=("stack expects each tensor to be equal size", "(3,)", "(4,)"),
        mended=("randn: 4", "randn: 3"),
    ),
    Case(
        title="whole numbers times weights",
        recipe="""
            steps:
              - random: {counts: {randint: [8, 3], low: 0, high: 9}, W: {randn: [3, 1]}}
              - compute: {scores: counts @ W}  # here
        """,
        says=("expected m1 and m2 to have the same dtype",),
        mended=("counts @ W", "counts.to(float32) @ W"),
    ),
    Case(
        title="the dot product of matrices",
        recipe="""
            steps:
              - random: {a: {randn: [3, 1]}, b: {randn: [3, 1]}}
              - compute: {c: a.dot(b)}  # here
        """,
        says=("1D tensors expected, but got 2D and 2D tensors",),
        mended=("a.dot(b)", "a.squeeze(1).dot(b.squeeze(1))"),
    ),
    Case(
        title="NumPy subtracts what does not fit",
        recipe="""
            steps:
              - random: {X: {randn: [8, 3]}}
              - numpy: {centred: X - X.mean(1)}  # here
        """,
        says=("(8,3)", "(8,)"),
        mended=("X.mean(1)", "X.mean(0)"),
        devices=("cpu",),
    ),
    Case(
        title="noise of float64 on a table of float32",
        recipe="""
            steps:
              - random: {X: {randn: [8, 3]}}
              - random: {noise: {randn: [8, 3]}}
                dtype: float64
              - compute: {X: X + noise}  # here
        """,
        kind="warning",
        says=("float64",),
        mended=("float64", "float32"),
        really="goes wrong",
        shows="X",
    ),
)
