"""Correct steps that look at their data, or act outside: nothing of them is known before a run."""

from __future__ import annotations

from tests.campaigns.checks.case import Stranger

UNKNOWN = (
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
        title="a descent until it converges",
        code="""
            @step(outputs=("W", "taken"))
            def my_step(X, y):
                W, change, taken = torch.zeros(3, 1, device=X.device), 1.0, 0
                while change > 1e-3 and taken < 100:
                    step = 0.1 * X.T @ (X @ W - y) / len(X)
                    W, change, taken = W - step, step.abs().max().item(), taken + 1
                return W, taken
        """,
        unknown=("W", "taken"),
        says="compares a number",
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
        unknown=("W", "error"),
        says="decides by a tensor's value",
    ),
    Stranger(
        title="an assertion about the data",
        code="""
            @step(outputs="X_checked")
            def my_step(X):
                assert not torch.isnan(X).any(), "there are missing cells"
                return X * 1
        """,
        unknown=("X_checked",),
        says="decides by a tensor's value",
    ),
    Stranger(
        title="arrays of NumPy all the way",
        code="""
            @step(outputs=("scaled", "largest"))
            def my_step(X):
                array = X.cpu().numpy()
                scaled = (array - array.mean(axis=0)) / array.std(axis=0)
                return torch.from_numpy(scaled).to(X.device), float(scaled.max())
        """,
        unknown=("scaled", "largest"),
        says="makes a NumPy array of a tensor",
    ),
    Stranger(
        title="an estimator in the manner of scikit-learn",
        code="""
            class Scaler:
                def fit(self, X):
                    X = np.asarray(X)
                    self.mean_, self.scale_ = X.mean(axis=0), X.std(axis=0)
                    return self

                def transform(self, X):
                    return (np.asarray(X) - self.mean_) / self.scale_

            @step(outputs="scaled")
            def my_step(X):
                X = X.cpu()
                return torch.tensor(Scaler().fit(X).transform(X))
        """,
        unknown=("scaled",),
        says="makes a NumPy array of a tensor",
    ),
    Stranger(
        title="numbers of a tensor as a list",
        code="""
            @step(outputs="ordered")
            def my_step(X):
                return sorted(X[:, 0].tolist())
        """,
        unknown=("ordered",),
        says="compares a number",
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
        title="a loss is made a number by float()",
        code="""
            @step(outputs=("W", "losses"))
            def my_step(X, y):
                W, losses = torch.zeros(3, 1, requires_grad=True), []
                optimizer = torch.optim.SGD([W], lr=0.1)
                for _ in range(3):
                    optimizer.zero_grad()
                    loss = F.mse_loss(X @ W, y)
                    loss.backward()
                    optimizer.step()
                    losses.append(float(loss))
                return W.detach(), losses
        """,
        unknown=("W", "losses"),
        says="takes `float()` of a tensor's value",
    ),
    Stranger(
        title="an optimizer that looks at the loss",
        code="""
            @step(outputs="W")
            def my_step(X, y):
                W = torch.zeros(3, 1, requires_grad=True)
                optimizer = torch.optim.LBFGS([W], max_iter=5)

                def closure():
                    optimizer.zero_grad()
                    loss = F.mse_loss(X @ W, y)
                    loss.backward()
                    return loss

                optimizer.step(closure)
                return W.detach()
        """,
        unknown=("W",),
        says="tensor's value",
    ),
    Stranger(
        title="correlations, of which torch looks at the numbers itself",
        code="""
            @step(outputs="correlation")
            def my_step(X):
                return torch.corrcoef(X.T)
        """,
        unknown=("correlation",),
        says="`corrcoef`",
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
        unknown=("classes", "scores"),
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
    Stranger(
        title="a loss printed in the old way",
        code="""
            @step(outputs="mae")
            def my_step(X, y):
                mae = F.l1_loss(X[:, :1], y).item()
                print("mae %.3f" % mae)
                return mae
        """,
        unknown=("mae",),
        says="known only when the recipe runs",
    ),
)
