"""Correct steps that look at their data, or act outside: nothing of them is known before a run."""

from __future__ import annotations

from tests.campaigns.checks.case import Stranger

UNKNOWN = (
    Stranger(
        title="rows without missing cells",
        code="""
            @step(outputs="whole")
            def my_step(X):
                return X[~torch.isnan(X).any(dim=1)]
        """,
        unknown=("whole",),
        says="how many elements a mask chooses",
    ),
    Stranger(
        title="rows above a bound that few reach",
        code="""
            @step(outputs="rows")
            def my_step(X):
                return X[X[:, 0] > -100]
        """,
        unknown=("rows",),
        says="how many elements a mask chooses",
    ),
    Stranger(
        title="as many rows as the sum of a column, which must fit later",
        code="""
            @step(outputs="sums")
            def my_step(X):
                count = int(X.sum() * 0) + 3
                return X @ torch.ones(count, 2, device=X.device)
        """,
        unknown=("sums",),
        says="takes `int()` of a tensor's value",
    ),
    Stranger(
        title="rows are kept where a column is positive",
        code="""
            @step(outputs="positive")
            def my_step(X):
                return X[X[:, 0] > 0]
        """,
        unknown=("positive",),
        says="how many elements a mask chooses",
    ),
    Stranger(
        title="as many classes as the labels happen to have",
        code="""
            @step(outputs="coded")
            def my_step(X):
                return F.one_hot((X[:, 0] > 0).long())
        """,
        unknown=("coded",),
        says="one_hot",
    ),
    Stranger(
        title="the best of several starts",
        code="""
            @step(outputs=("W", "error"))
            def my_step(X, y):
                best, lowest = None, float("inf")
                for scale in (0.1, 1.0):
                    W = torch.full((3, 1), scale, device=X.device)
                    error = (X @ W - y).abs().mean()
                    if error < lowest:
                        best, lowest = W, float(error)
                return best, lowest
        """,
        unknown=("W",),
        says="decides by a tensor's value",
    ),
    Stranger(
        title="a line is written to a log",
        code="""
            @step(outputs="means")
            def my_step(X):
                with open("log.txt", "a") as log:
                    print("means", X.mean(0).shape, file=log)
                return X.mean(0)
        """,
        unknown=("means",),
        says="writes the file log.txt",
    ),
    Stranger(
        title="a tensor is saved by torch in between",
        code="""
            @step(outputs="means")
            def my_step(X):
                torch.save(X, "rows.pt")
                return X.mean(0)
        """,
        unknown=("means",),
        says="writes a file",
    ),
    Stranger(
        title="an array is saved by NumPy in between",
        code="""
            @step(outputs="window")
            def my_step():
                window = np.hanning(8)
                np.save("window.npy", window)
                return torch.tensor(window)
        """,
        unknown=("window",),
        says="writes the file window.npy",
    ),
    Stranger(
        title="another program is asked",
        code="""
            import subprocess
            import sys

            @step(outputs="version")
            def my_step():
                code = "open('was_run', 'w').write('yes'); print(3)"
                done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
                return int(done.stdout)
        """,
        unknown=("version",),
        says="starts a process",
    ),
    Stranger(
        title="as many outputs as there are labels",
        code="""
            @step(outputs=("classes", "scores"), random=True)
            def my_step(X):
                labels = X.argmax(dim=1)
                classes = len(set(labels.tolist()))
                return classes, nn.Linear(3, classes)(X).detach()
        """,
        unknown=("scores",),
        says="known only when the recipe runs",
    ),
    Stranger(
        title="losses as an array of NumPy",
        code="""
            @step(outputs="losses")
            def my_step(X, y):
                losses = [F.mse_loss(X[:, :1] * scale, y).item() for scale in (0.5, 1.0)]
                return torch.from_numpy(np.array(losses))
        """,
        unknown=("losses",),
        says="known only when the recipe runs",
    ),
    Stranger(
        title="metrics printed as JSON",
        code="""
            import json

            @step(outputs="mae")
            def my_step(X, y):
                mae = F.l1_loss(X[:, :1], y).item()
                print(json.dumps({"mae": mae}))
                return mae
        """,
        unknown=("mae",),
        says="known only in a run",
    ),
)
