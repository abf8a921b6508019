"""Custom steps that give other than they promise, or misuse what they take."""

from __future__ import annotations

from tests.campaigns.checks.case import Case
from tests.campaigns.checks.tables import csv, npy

CASES = (
    Case(
        title="three values are returned for two outputs",
        code="""
            @step(outputs=("X_train", "X_val"))
            def my_step(X, y):
                return X[:6], X[6:], y
        """,
        says=("returned 3 values", "it should return 2: X_train, X_val"),
        mended=("X[6:], y", "X[6:]"),
    ),
    Case(
        title="one value is returned for two outputs",
        code="""
            @step(outputs=("mean", "std"))
            def my_step(X):
                return X.mean(0)
        """,
        says=("returned 1 value", "it should return 2: mean, std"),
        mended=("return X.mean(0)", "return X.mean(0), X.std(0)"),
    ),
    Case(
        title="a return is forgotten",
        code="""
            @step(outputs="X")
            def my_step(X):
                X = (X - X.mean(0)) / X.std(0)
        """,
        says=("returned None", "is a `return` missing?"),
        mended=("X = (X - X", "return (X - X"),
    ),
    Case(
        title="a dict is returned for a tuple",
        code="""
            @step(outputs=("mean", "std"))
            def my_step(X):
                return {"mean": X.mean(0), "std": X.std(0)}
        """,
        says=("returned 1 value", "it should return 2: mean, std"),
        mended=('{"mean": X.mean(0), "std": X.std(0)}', "X.mean(0), X.std(0)"),
    ),
    Case(
        title="a dict with other names than were promised",
        recipe="""
            steps:
              - random: {X: {randn: [8, 3]}}
              - my_step: {names: [mean, std]}  # here
        """,
        code="""
            @step(outputs=lambda options: options.names)
            def my_step(X, *, names: tuple[str, ...]):
                return {"means": X.mean(0), "std": X.std(0)}
        """,
        says=("returned the keys means, std", "a dict with mean, std"),
        mended=('"means"', '"mean"'),
    ),
    Case(
        title="the input is centred in place",
        code="""
            @step(outputs="centred")
            def my_step(X):
                X -= X.mean(0)
                return X
        """,
        says=("changed its input `X` in place", "X = X.clone()"),
        mended=("X -= X.mean(0)", "X = X - X.mean(0)"),
    ),
    Case(
        title="a missing cell of the input is filled in place",
        code="""
            @step(outputs="filled")
            def my_step(X):
                X[0, 0] = 0.0
                return X * 2
        """,
        says=("changed its input `X` in place", "X = X.clone()"),
        mended=("X[0, 0] = 0.0", "X = X.clone()"),
    ),
    Case(
        title="a key of the parameters that is not there",
        recipe="""
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [1]}
              - my_step  # here
        """,
        code="""
            @step(outputs="y_hat")
            def my_step(X_val, params):
                return X_val @ params["w"] + params["b1"]  # here
        """,
        files={"wine.csv": csv()},
        says=("KeyError", "'w'"),
        mended=('params["w"]', 'params["W1"]'),
    ),
    Case(
        title="a function of torch that is not there",
        code="""
            @step(outputs="p")
            def my_step(X):
                return torch.sofmax(X, dim=1)  # here
        """,
        says=("module 'torch' has no attribute 'sofmax'",),
        mended=("sofmax", "softmax"),
    ),
    Case(
        title="a method that a tensor does not have",
        code="""
            @step(outputs="X")
            def my_step(X):
                return X.astype(torch.float32)  # here
        """,
        says=("'Tensor' object has no attribute 'astype'",),
        mended=("astype", "to"),
    ),
    Case(
        title="a name that was never given a value",
        code="""
            @step(outputs="error")
            def my_step(X, y):
                y_hat = X.sum(1, keepdim=True)
                return (y_pred - y).abs().mean()  # here
        """,
        says=("name 'y_pred' is not defined",),
        mended=("y_pred - y", "y_hat - y"),
    ),
    Case(
        title="a module that is not installed",
        code="""
            @step(outputs="X")
            def my_step(X):
                from sklearn_of_another_machine.preprocessing import scale  # here
                return scale(X)
        """,
        says=("No module named 'sklearn_of_another_machine'",),
        mended=(
            "from sklearn_of_another_machine.preprocessing import scale",
            "scale = torch.sigmoid",
        ),
    ),
    Case(
        title="names of columns are taken from a table without",
        recipe="""
            steps:
              - load: {source: wine.npy}
              - my_step  # here
        """,
        code="""
            @step(outputs="widths")
            def my_step(data, columns):
                return torch.tensor([float(len(name)) for name in columns])  # here
        """,
        files={"wine.npy": npy((12, 3), "float32")},
        says=("'NoneType' object is not iterable",),
        mended=("in columns", "in columns or []"),
    ),
    Case(
        title="a table is taken for a batch of images",
        code="""
            @step(outputs="flat")
            def my_step(X):
                n, channels, height, width = X.shape  # here
                return X.reshape(n, channels * height * width)
        """,
        says=("not enough values to unpack (expected 4, got 2)",),
        mended=("n, channels, height, width = X.shape", "n, channels, height, width = 8, 3, 1, 1"),
    ),
    Case(
        title="softmax without the axis",
        code="""
            @step(outputs="p")
            def my_step(X):
                return torch.softmax(X)  # here
        """,
        says=("softmax()", "dim"),
        mended=("torch.softmax(X)", "torch.softmax(X, 1)"),
    ),
    Case(
        title="an option of torch that is not there",
        code="""
            @step(outputs="X")
            def my_step(X):
                return X.mean(axis=0, keepdims=True).sum(keep=True)  # here
        """,
        says=("sum() received an invalid combination of arguments",),
        mended=(".sum(keep=True)", ".sum()"),
    ),
    Case(
        title="three names for four folds",
        code="""
            @step(outputs="folds")
            def my_step(X):
                first, second, third = X.chunk(4)  # here
                return torch.cat([first, third])
        """,
        says=("too many values to unpack (expected 3",),
        mended=("X.chunk(4)", "X.chunk(3)"),
    ),
    Case(
        title="a list of tensors for a tensor",
        code="""
            @step(outputs="norms")
            def my_step(X):
                rows = [row / row.norm() for row in X]
                return torch.linalg.norm(rows)  # here
        """,
        says=("must be Tensor, not list",),
        mended=("norm(rows)", "norm(torch.stack(rows))"),
    ),
    Case(
        title="NumPy's mean of a tensor",
        code="""
            @step(outputs="mean")
            def my_step(X):
                return float(np.mean(X))  # here
        """,
        says=("mean() got an unexpected keyword argument 'axis'",),
        mended=("float(np.mean(X))", "X.mean()"),
    ),
)
