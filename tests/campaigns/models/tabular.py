"""Models of tables."""

from __future__ import annotations

from tests.campaigns.models.model import Mistake, Model

MODELS = (
    Model(
        "embeddings of categories beside numbers",
        """
        CARDINALITIES = [4, 7, 3]


        class Table(nn.Module):
            def __init__(self):
                super().__init__()
                self.embeddings = nn.ModuleList(
                    [nn.Embedding(c, min(50, (c + 1) // 2)) for c in CARDINALITIES]
                )
                width = sum(e.embedding_dim for e in self.embeddings)
                self.norm = nn.BatchNorm1d(5)
                self.net = nn.Sequential(nn.Linear(width + 5, 16), nn.ReLU(), nn.Linear(16, 1))

            def forward(self, categories, numbers):
                parts = [e(categories[:, i]) for i, e in enumerate(self.embeddings)]
                return self.net(torch.cat([*parts, self.norm(numbers)], dim=1)).squeeze(1)


        @step(outputs=("categories", "numbers", "y"), random=True)
        def table():
            columns = [torch.randint(0, c, (50,)) for c in CARDINALITIES]
            return torch.stack(columns, dim=1), torch.randn(50, 5), torch.rand(50).round()


        @step(outputs=("auc", "probabilities"), random=True)
        def fit(categories, numbers, y):
            order = torch.randperm(len(y))
            train, test = order[:40], order[40:]
            net = Table()
            weight = (y[train] == 0).sum() / (y[train] == 1).sum().clamp(min=1)
            criterion = nn.BCEWithLogitsLoss(pos_weight=weight)
            optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
            best, patience, state = float("inf"), 2, None
            for epoch in range(10):
                net.train()
                loss = criterion(net(categories[train], numbers[train]), y[train])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                net.eval()
                with torch.no_grad():
                    validation = criterion(net(categories[test], numbers[test]), y[test]).item()
                if validation < best - 1e-4:
                    best, patience, state = validation, 2, copy.deepcopy(net.state_dict())
                else:
                    patience -= 1
                    if patience == 0:
                        break
            if state is not None:
                net.load_state_dict(state)
            with torch.no_grad():
                p = torch.sigmoid(net(categories, numbers))
            pairs = p[y == 1][:, None] > p[y == 0][None]
            return pairs.float().mean().item(), p
        """,
        (
            Mistake("numbers not counted", "nn.Linear(width + 5, 16)", "nn.Linear(width, 16)"),
            Mistake("a row in place of a column", "e(categories[:, i])", "e(categories[i])"),
            Mistake("an output that keeps a dimension", "dim=1)).squeeze(1)", "dim=1))"),
            Mistake(
                "categories of floats",
                "torch.randint(0, c, (50,))",
                "torch.randint(0, c, (50,)).float()",
            ),
            Mistake("a norm of the wrong width", "nn.BatchNorm1d(5)", "nn.BatchNorm1d(8)"),
        ),
    ),
    Model(
        "an MLP with BatchNorm, standardized by NumPy",
        """
        @step(outputs=("X", "y"), random=True)
        def table():
            X = torch.rand(60, 6) * torch.arange(1, 7)
            return X, (X.sum(1) > 10).long()


        @step(outputs=("scaled", "mean", "std"))
        def standardize(X):
            array = X.numpy()
            mean, std = array.mean(axis=0), array.std(axis=0)
            std[std == 0] = 1.0
            return torch.from_numpy((array - mean) / std), torch.tensor(mean), torch.tensor(std)


        @step(outputs=("f1", "logits"), random=True)
        def fit(scaled, y):
            if scaled.isnan().any():
                raise ValueError("there are missing cells")
            layers, width = [], scaled.shape[1]
            for size in (16, 8):
                layers += [nn.Linear(width, size), nn.BatchNorm1d(size), nn.ReLU(), nn.Dropout(0.1)]
                width = size
            net = nn.Sequential(*layers, nn.Linear(width, 2))
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
            scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
            for epoch in range(3):
                for rows in torch.randperm(len(y)).split(16):
                    optimizer.zero_grad()
                    F.cross_entropy(net(scaled[rows]), y[rows]).backward()
                    optimizer.step()
                scheduler.step()
            net.eval()
            logits = net(scaled).detach()
            guess, truth = logits.argmax(1).numpy(), y.numpy()
            hits = int(((guess == 1) & (truth == 1)).sum())
            precision = hits / max(int((guess == 1).sum()), 1)
            recall = hits / max(int((truth == 1).sum()), 1)
            return 2 * precision * recall / max(precision + recall, 1e-9), logits
        """,
        (
            Mistake(
                "a mean of the rows",
                "array.mean(axis=0), array.std(axis=0)",
                "array.mean(axis=1), array.std(axis=1)",
            ),
            Mistake(
                "the width not carried on",
                "width = size\n            net",
                "pass\n            net",
            ),
            Mistake("targets as a column", "y[rows]).backward()", "y[rows, None]).backward()"),
            Mistake(
                "a gradient in an array",
                "= logits.argmax(1).numpy(),",
                "= net(scaled).numpy().argmax(1),",
            ),
        ),
    ),
    Model(
        "a factorization machine",
        """
        class FM(nn.Module):
            def __init__(self, fields, k=4):
                super().__init__()
                total = sum(fields)
                self.register_buffer("offsets", torch.tensor([0, *fields[:-1]]).cumsum(0))
                self.bias = nn.Parameter(torch.zeros(1))
                self.linear, self.factors = nn.Embedding(total, 1), nn.Embedding(total, k)
                nn.init.normal_(self.factors.weight, std=0.01)

            def forward(self, x):
                x = x + self.offsets
                v = self.factors(x)
                pairs = 0.5 * (v.sum(1).pow(2) - v.pow(2).sum(1)).sum(1, keepdim=True)
                return (self.bias + self.linear(x).sum(1) + pairs).squeeze(1)


        @step(outputs=("ratings", "rmse"), random=True)
        def fit():
            fields = [10, 8, 5]
            x = torch.stack([torch.randint(0, f, (40,)) for f in fields], 1)
            y = torch.randint(1, 6, (40,)).float()
            net = FM(fields)
            optimizer = torch.optim.Adagrad(net.parameters(), lr=0.1)
            for batch, target in DataLoader(TensorDataset(x, y), batch_size=10, num_workers=0):
                loss = F.mse_loss(net(batch), target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            ratings = net(x).detach()
            return ratings, math.sqrt(F.mse_loss(ratings, y).item())
        """,
        (
            Mistake("offsets of too many fields", "[0, *fields[:-1]]", "[0, *fields]"),
            Mistake(
                "pairs that lose a dimension",
                ".sum(1, keepdim=True)",
                ".sum(1)",
                "warning",
                "is wrong",
            ),
            Mistake(
                "an output that keeps a dimension",
                "+ pairs).squeeze(1)",
                "+ pairs)",
                "warning",
                "is wrong",
            ),
            Mistake("fields stacked as rows", "for f in fields], 1)", "for f in fields], 0)"),
        ),
    ),
)
