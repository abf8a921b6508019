"""Correct steps written with no thought of a check: what they give is known to the last shape."""

from __future__ import annotations

from tests.campaigns.checks.case import Stranger
from tests.campaigns.checks.strangers_decided import DECIDED
from tests.campaigns.checks.strangers_training import TRAINING

KNOWN = (
    *TRAINING,
    *DECIDED,
    Stranger(
        title="four folds, each fitted by least squares",
        code="""
            @step(outputs=("errors", "mean_error"))
            def my_step(X, y):
                folds = torch.arange(len(X), device=X.device).chunk(4)
                errors = []
                for k, held_out in enumerate(folds):
                    rest = torch.cat([fold for i, fold in enumerate(folds) if i != k])
                    W = torch.linalg.pinv(X[rest]) @ y[rest]
                    errors.append((X[held_out] @ W - y[held_out]).abs().mean())
                errors = torch.stack(errors)
                return errors, errors.mean().item()
        """,
    ),
    Stranger(
        title="principal components by a singular value decomposition",
        code="""
            @step(outputs=("scores", "components", "explained"))
            def my_step(X):
                centred = X - X.mean(dim=0)
                U, S, Vh = torch.linalg.svd(centred, full_matrices=False)
                variance = S**2 / (len(X) - 1)
                return centred @ Vh[:2].T, Vh[:2], variance / variance.sum()
        """,
    ),
    Stranger(
        title="one-hot labels and a cross entropy",
        code="""
            @step(outputs=("coded", "loss", "accuracy"))
            def my_step(X):
                labels = X.argmax(dim=1)
                coded = F.one_hot(labels, num_classes=3).float()
                accuracy = (X.argmax(1) == labels).float().mean()
                return coded, F.cross_entropy(X, labels), accuracy
        """,
    ),
    Stranger(
        title="attention with a positional encoding",
        recipe="""
            steps:
              - random: {x: {randn: [4, 10, 6]}}
              - my_step
        """,
        code="""
            @step(outputs=("x_out", "weights"), random=True)
            def my_step(x):
                n, length, width = x.shape
                position = torch.arange(length, device=x.device)[:, None]
                rate = torch.exp(torch.arange(0, width, 2, device=x.device) * (-4.0 / width))
                encoding = torch.zeros(length, width, device=x.device)
                encoding[:, 0::2] = torch.sin(position * rate)
                encoding[:, 1::2] = torch.cos(position * rate)
                x = x + encoding
                mask = torch.triu(torch.ones(length, length, device=x.device), diagonal=1).bool()
                attention = nn.MultiheadAttention(width, 3, batch_first=True)
                out, weights = attention(x, x, x, attn_mask=mask)
                return nn.LayerNorm(width)(x + out).detach(), weights.detach()
        """,
    ),
    Stranger(
        title="a convolution and an LSTM one after the other",
        recipe="""
            steps:
              - random: {x: {randn: [4, 10, 6]}}
              - my_step
        """,
        code="""
            @step(outputs=("state", "logits"), random=True)
            def my_step(x):
                convolution = nn.Conv1d(6, 8, kernel_size=3, padding=1)
                lstm = nn.LSTM(8, 5, num_layers=2, batch_first=True, bidirectional=True)
                head = nn.Linear(10, 3)
                with torch.no_grad():
                    states, (hidden, cell) = lstm(convolution(x.transpose(1, 2)).transpose(1, 2))
                    return hidden, head(states[:, -1])
        """,
    ),
    Stranger(
        title="a model and scales that the file holds",
        code="""
            SCALES = torch.tensor([0.5, 1.0, 2.0])
            torch.manual_seed(0)
            model = nn.Linear(3, 1)

            @step(outputs="y_hat")
            def my_step(X):
                model.to(X.device)
                with torch.no_grad():
                    return model(X * SCALES.to(X.device))
        """,
    ),
    Stranger(
        title="statistics of columns: ranks, quantiles, running sums",
        code="""
            @step(outputs=("table", "best"))
            def my_step(X):
                ranks = X.argsort(dim=0).argsort(dim=0).to(X.dtype)
                spread = torch.quantile(X, 0.75, dim=0) - torch.quantile(X, 0.25, dim=0)
                running = X.cumsum(dim=0) / torch.arange(1, len(X) + 1, device=X.device)[:, None]
                table = torch.cat([ranks, (X - X.median(dim=0).values) / spread, running], dim=1)
                return table, table.topk(2, dim=0).values
        """,
    ),
    Stranger(
        title="masks that keep the shape",
        code="""
            @step(outputs=("clean", "count"))
            def my_step(X):
                is_outlier = (X - X.mean(0)).abs() > 2 * X.std(0)
                clean = torch.where(is_outlier, X.mean(0), X)
                clean = clean.clone()
                clean[clean < -3] = -3.0
                return clean.masked_fill(clean.isnan(), 0.0), is_outlier.sum()
        """,
    ),
    Stranger(
        title="an array of NumPy that depends on no tensor",
        code="""
            @step(outputs="windowed")
            def my_step(X):
                window = np.hanning(len(X)).astype(np.float32)
                return X * torch.as_tensor(window, device=X.device)[:, None]
        """,
    ),
    Stranger(
        title="a grid of one axis against itself",
        code="""
            @step(outputs=("bowl", "kernel"))
            def my_step(X):
                x = torch.linspace(-1, 1, 10)
                bowl = x.reshape(-1, 1) ** 2 + x**2
                squares = (X**2).sum(dim=1)
                distances = squares[:, None] + squares - 2 * X @ X.T
                return bowl, torch.exp(-distances)
        """,
    ),
    Stranger(
        title="windows of a signal and their spectrum",
        recipe="""
            steps:
              - random: {signal: {randn: 64}}
              - my_step
        """,
        code="""
            @step(outputs=("power", "smooth", "upsampled"))
            def my_step(signal):
                windows = signal.unfold(0, 16, 8) * torch.hann_window(16)
                kernel = torch.ones(1, 1, 5) / 5
                smooth = F.conv1d(signal[None, None], kernel, padding=2)[0, 0]
                upsampled = F.interpolate(smooth[None, None], scale_factor=2, mode="linear")
                return torch.fft.rfft(windows).abs() ** 2, smooth, upsampled.flatten()
        """,
    ),
    Stranger(
        title="batches of a DataLoader in order",
        code="""
            from torch.utils.data import DataLoader, TensorDataset

            @step(outputs="means")
            def my_step(X, y):
                loader = DataLoader(TensorDataset(X, y), batch_size=3)
                return torch.stack([rows.mean() + targets.mean() for rows, targets in loader])
        """,
    ),
    Stranger(
        title="a distribution that checks its parameters",
        code="""
            @step(outputs="score")
            def my_step(X):
                normal = torch.distributions.Normal(X.mean(0), X.std(0))
                return normal.log_prob(X).sum(dim=1)
        """,
    ),
)
