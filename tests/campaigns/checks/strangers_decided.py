"""Correct steps that look at their data, of which no shape depends on it."""

from __future__ import annotations

from tests.campaigns.checks.case import Stranger

DECIDED = (
    Stranger(
        title="batches by two workers",
        code="""
            from torch.utils.data import DataLoader, TensorDataset

            @step(outputs="seen")
            def my_step(X):
                rows = TensorDataset(X, X[:, 0])
                loader = DataLoader(rows, 3, num_workers=2, persistent_workers=True)
                return torch.stack([x.sum() + y.sum() for x, y in loader])
        """,
    ),
    Stranger(
        title="a module scripted, and a function traced",
        code="""
            @step(outputs=("out", "doubled"), random=True)
            def my_step(X):
                model = torch.jit.script(nn.Linear(3, 2).to(X.device))
                double = torch.jit.trace(lambda x: 2 * x, torch.ones(4, device=X.device))
                return model(X).detach(), double(torch.ones(6, device=X.device))
        """,
    ),
    Stranger(
        title="names of labels, which are from 3 to 5",
        code="""
            @step(outputs="names")
            def my_step(X):
                names = {3: "low", 4: "middle", 5: "high"}
                labels = (X[:, 0] > 0).long() + (X[:, 1] > 0).long() + 3
                return [names[label] for label in labels.tolist()]
        """,
    ),
    Stranger(
        title="an assertion about the data",
        code="""
            @step(outputs="X_checked")
            def my_step(X):
                assert not torch.isnan(X).any(), "there are missing cells"
                return X * 1
        """,
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
    ),
    Stranger(
        title="numbers of a tensor as a list",
        code="""
            @step(outputs="ordered")
            def my_step(X):
                return sorted(X[:, 0].tolist())
        """,
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
    ),
    Stranger(
        title="correlations, of which torch looks at the numbers itself",
        code="""
            @step(outputs="correlation")
            def my_step(X):
                return torch.corrcoef(X.T)
        """,
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
    ),
    Stranger(
        title="early stopping, with the best weights kept",
        code="""
            import copy

            @step(outputs=("weights", "best", "taken"), random=True)
            def my_step(X, y):
                model = nn.Linear(3, 1).to(X.device)
                optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
                best, patience, weights, taken = float("inf"), 3, None, 0
                for epoch in range(20):
                    loss = F.mse_loss(model(X), y)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    taken += 1
                    if loss.item() < best:
                        best, patience = loss.item(), 3
                        weights = copy.deepcopy(model.state_dict())
                    else:
                        patience -= 1
                    if patience == 0:
                        break
                return dict(weights), best, taken
        """,
    ),
    Stranger(
        title="missing cells and infinite losses are refused",
        code="""
            @step(outputs="W")
            def my_step(X, y):
                if torch.isnan(X).any():
                    raise ValueError("there are missing cells")
                loss = F.mse_loss(X[:, :1], y)
                assert torch.isfinite(loss), "the loss is not finite"
                return X.T @ y
        """,
    ),
    Stranger(
        title="rows on both sides of a mask, put together again",
        code="""
            @step(outputs="both")
            def my_step(X):
                mask = X[:, 0] > 0
                return torch.cat([X[mask] * 2, X[~mask]])
        """,
    ),
    Stranger(
        title="weights saved into memory and loaded again",
        code="""
            import io

            @step(outputs="weights", random=True)
            def my_step(X):
                model = nn.Linear(3, 2).to(X.device)
                file = io.BytesIO()
                torch.save({"model": model.state_dict(), "epoch": 3}, file)
                file.seek(0)
                other = nn.Linear(3, 2).to(X.device)
                other.load_state_dict(torch.load(file)["model"])
                return other.weight.detach()
        """,
    ),
    Stranger(
        title="texts of lengths that only the data tells, packed",
        code="""
            @step(outputs=("last", "padded"), random=True)
            def my_step():
                tokens = torch.randint(0, 5, (4, 6))
                lengths = (tokens != 0).sum(1).clamp(min=1)
                packed = nn.utils.rnn.pack_padded_sequence(
                    F.one_hot(tokens, 5).float(), lengths, batch_first=True, enforce_sorted=False
                )
                output, last = nn.GRU(5, 3, batch_first=True)(packed)
                padded, _ = nn.utils.rnn.pad_packed_sequence(
                    output, batch_first=True, total_length=6
                )
                last.sum().backward()
                return last[0].detach(), padded.detach()
        """,
    ),
)
