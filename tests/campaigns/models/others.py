"""Models of further kinds."""

from __future__ import annotations

from tests.campaigns.models.model import Mistake, Model

MODELS = (
    Model(
        "a Siamese net with a triplet loss and hard negatives",
        """
        @step(outputs=("embeddings", "hardest"), random=True)
        def train():
            X, labels = torch.randn(12, 8), torch.arange(12) % 3
            net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
            criterion = nn.TripletMarginLoss(margin=0.5)
            optimizer = torch.optim.Adam(net.parameters())
            same = labels[:, None] == labels[None, :]
            for _ in range(3):
                e = F.normalize(net(X), dim=1)
                distance = torch.cdist(e, e)
                positive = (distance * same).argmax(1)
                negative = distance.masked_fill(same, float("inf")).argmin(1)
                loss = criterion(e, e[positive], e[negative])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return e.detach(), negative
        """,
        (
            Mistake("the wrong width", "nn.Linear(16, 4)", "nn.Linear(8, 4)"),
            Mistake("labels of other rows", "torch.arange(12) % 3", "torch.arange(10) % 3"),
            Mistake("negatives in place of their rows", "e[negative])", "negative)"),
            Mistake("a mask of numbers", "masked_fill(same,", "masked_fill(same.float(),"),
        ),
    ),
    Model(
        "a mixture of experts chosen by topk",
        """
        class MoE(nn.Module):
            def __init__(self, width=8, experts=4, k=2):
                super().__init__()
                self.k = k
                self.gate = nn.Linear(width, experts)
                self.experts = nn.ModuleList([nn.Linear(width, width) for _ in range(experts)])

            def forward(self, x):
                weights, chosen = self.gate(x).softmax(-1).topk(self.k, dim=-1)
                weights = weights / weights.sum(-1, keepdim=True)
                out = torch.zeros_like(x)
                for i, expert in enumerate(self.experts):
                    rows, place = torch.where(chosen == i)
                    if rows.numel() == 0:
                        continue
                    out[rows] += weights[rows, place, None] * expert(x[rows])
                load = F.one_hot(chosen, len(self.experts)).sum((0, 1)).float()
                return out, load / load.sum()


        @step(outputs=("y", "load"), random=True)
        def train():
            x, target = torch.randn(10, 8), torch.randn(10, 8)
            moe = MoE()
            optimizer = torch.optim.Adam(moe.parameters())
            for _ in range(2):
                y, load = moe(x)
                loss = F.mse_loss(y, target) + 0.01 * (load * load.log().clamp(min=-9)).sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return y.detach(), load
        """,
        (
            Mistake("more experts asked for than there are", "experts=4, k=2", "experts=4, k=5"),
            Mistake(
                "weights that lack a dimension",
                "weights[rows, place, None]",
                "weights[rows, place]",
                "unknown",
            ),
            Mistake(
                "an expert of another width",
                "nn.Linear(width, width) for _",
                "nn.Linear(width, 4) for _",
            ),
            Mistake(
                "a target of other columns",
                "torch.randn(10, 8), torch.randn(10, 8)",
                "torch.randn(10, 8), torch.randn(10, 7)",
            ),
            Mistake(
                "a gate of the wrong width",
                "nn.Linear(width, experts)",
                "nn.Linear(experts, experts)",
            ),
        ),
    ),
    Model(
        "a neural ODE by Euler steps",
        """
        class Field(nn.Module):
            def __init__(self):
                super().__init__()
                self.net = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 2))

            def forward(self, t, y):
                return self.net(torch.cat([y, t.expand(y.size(0), 1)], dim=1))


        def odeint(field, y, times):
            path = [y]
            for t0, t1 in zip(times[:-1], times[1:]):
                y = y + (t1 - t0) * field(t0, y)
                path.append(y)
            return torch.stack(path)


        @step(outputs=("path", "error"), random=True)
        def fit():
            times = torch.linspace(0, 1, 9)
            truth = torch.stack([times.cos(), times.sin()], dim=-1)[:, None, :].expand(9, 4, 2)
            field = Field()
            optimizer = torch.optim.LBFGS(
                field.parameters(), max_iter=3, line_search_fn="strong_wolfe"
            )

            def closure():
                optimizer.zero_grad()
                loss = (odeint(field, truth[0], times) - truth).abs().mean()
                loss.backward()
                return loss

            for _ in range(2):
                error = optimizer.step(closure)
            return odeint(field, truth[0], times).detach(), error.item()
        """,
        (
            Mistake("the time not counted", "nn.Linear(3, 16)", "nn.Linear(2, 16)"),
            Mistake(
                "a path of other moments",
                "truth[0], times) - truth)",
                "truth[0], times[1:]) - truth)",
            ),
            Mistake("a time that is a scalar", "t.expand(y.size(0), 1)", "t"),
            Mistake(
                "stacked along another dimension", "torch.stack(path)\n", "torch.stack(path, 1)\n"
            ),
        ),
    ),
    Model(
        "meta-learning with functional_call",
        """
        @step(outputs=("adapted", "losses"), random=True)
        def maml():
            net = nn.Sequential(nn.Linear(1, 16), nn.ReLU(), nn.Linear(16, 1))
            optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
            losses = []

            def loss_of(params, x, y):
                return F.mse_loss(torch.func.functional_call(net, params, (x,)), y)

            def task(x, y, x2, y2):
                params = dict(net.named_parameters())
                grads = torch.func.grad(loss_of)(params, x, y)
                fast = {name: p - 0.01 * grads[name] for name, p in params.items()}
                return loss_of(fast, x2, y2)

            for _ in range(3):
                amplitude = torch.rand(4, 1, 1) * 4 + 0.1
                x = torch.rand(4, 20, 1) * 10 - 5
                y = amplitude * x.sin()
                loss = torch.func.vmap(task)(x[:, :10], y[:, :10], x[:, 10:], y[:, 10:]).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())
            return net(x[0]).detach(), torch.stack(losses)
        """,
        (
            Mistake(
                "tasks of different numbers",
                "torch.rand(4, 20, 1) * 10 - 5",
                "torch.rand(5, 20, 1) * 10 - 5",
            ),
            Mistake(
                "inputs that lack a dimension", "task)(x[:, :10],", "task)(x[:, :10].squeeze(2),"
            ),
            Mistake("the wrong width", "nn.Linear(16, 1)", "nn.Linear(8, 1)"),
            Mistake("a parameter of another name", "grads[name]", "grads['net.' + name]"),
        ),
    ),
    Model(
        "quantile regression",
        """
        QUANTILES = [0.1, 0.5, 0.9]


        def pinball(prediction, target, quantiles):
            error = target.unsqueeze(1) - prediction
            return torch.maximum(quantiles * error, (quantiles - 1) * error).mean()


        @step(outputs=("intervals", "coverage"), random=True)
        def fit():
            X = torch.rand(50, 3)
            y = X @ torch.tensor([1.0, -2.0, 0.5]) + 0.1 * torch.randn(50)
            q = torch.tensor(QUANTILES)
            net = nn.Sequential(nn.Linear(3, 16), nn.SiLU(), nn.Linear(16, len(QUANTILES)))
            optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
            for step_number in range(5):
                loss = pinball(net(X), y, q)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if step_number % 2 == 0:
                    print("step {} loss {:.3f}".format(step_number, float(loss)))
            low, _, high = net(X).detach().sort(dim=1).values.unbind(1)
            inside = ((y >= low) & (y <= high)).float().mean()
            return torch.stack([low, high], 1), round(inside.item(), 3)
        """,
        (
            Mistake(
                "the target not unsqueezed",
                "target.unsqueeze(1) - prediction",
                "target - prediction",
            ),
            Mistake("one output alone", "nn.Linear(16, len(QUANTILES))", "nn.Linear(16, 1)"),
            Mistake(
                "weights as a row",
                "torch.tensor([1.0, -2.0, 0.5])",
                "torch.tensor([[1.0, -2.0, 0.5]])",
            ),
            Mistake(
                "a column as the target",
                "+ 0.1 * torch.randn(50)\n",
                "+ 0.1 * torch.randn(50, 1)\n",
            ),
        ),
    ),
    Model(
        "matrix factorization with biases",
        """
        @step(outputs=("users", "items", "ratings"), random=True)
        def log():
            return torch.randint(0, 9, (80,)), torch.randint(0, 7, (80,)), torch.rand(80) * 4 + 1


        class MF(nn.Module):
            def __init__(self, users, items, k=5):
                super().__init__()
                self.u = nn.Embedding(users, k, sparse=True)
                self.i = nn.Embedding(items, k, sparse=True)
                self.bu, self.bi = nn.Embedding(users, 1), nn.Embedding(items, 1)

            def forward(self, u, i):
                return (self.u(u) * self.i(i)).sum(1) + self.bu(u).squeeze() + self.bi(i).squeeze()


        @step(outputs=("table", "mae"), random=True)
        def fit(users, items, ratings):
            net = MF(9, 7)
            sparse = torch.optim.SparseAdam([net.u.weight, net.i.weight], lr=0.01)
            dense = torch.optim.Adam([net.bu.weight, net.bi.weight], lr=0.01)
            mean = ratings.mean()
            for rows in torch.randperm(80).split(20):
                loss = (net(users[rows], items[rows]) + mean - ratings[rows]).pow(2).mean()
                sparse.zero_grad()
                dense.zero_grad()
                loss.backward()
                sparse.step()
                dense.step()
            with torch.no_grad():
                table = net.u.weight @ net.i.weight.T + net.bu.weight + net.bi.weight.T + mean
                mae = (table[users, items] - ratings).abs().mean()
            return table, float(mae)
        """,
        (
            Mistake(
                "the factors not transposed",
                "net.u.weight @ net.i.weight.T",
                "net.u.weight @ net.i.weight",
            ),
            Mistake("a bias as a row", "+ net.bi.weight.T +", "+ net.bi.weight +"),
            Mistake(
                "users of floats",
                "torch.randint(0, 9, (80,)),",
                "torch.randint(0, 9, (80,)).float(),",
            ),
            Mistake(
                "one column of biases kept",
                "self.bi(i).squeeze()",
                "self.bi(i)",
                "warning",
                "is wrong",
            ),
            Mistake(
                "the sparse weights in the wrong optimizer",
                "torch.optim.SparseAdam([net.u.weight, net.i.weight]",
                "torch.optim.Adam([net.u.weight, net.i.weight]",
            ),
        ),
    ),
    Model(
        "contrastive learning of two views",
        """
        def nt_xent(a, b, temperature=0.5):
            z = F.normalize(torch.cat([a, b]), dim=1)
            similarity = z @ z.T / temperature
            n = a.size(0)
            similarity = similarity.masked_fill(torch.eye(2 * n, dtype=torch.bool), -1e9)
            target = torch.cat([torch.arange(n) + n, torch.arange(n)])
            return F.cross_entropy(similarity, target)


        @step(outputs=("features", "probe"), random=True)
        def learn():
            X, y = torch.randn(24, 10), torch.randint(0, 2, (24,))
            encoder = nn.Sequential(nn.Linear(10, 16), nn.ReLU())
            projector = torch.compile(nn.Linear(16, 8))
            optimizer = torch.optim.Adam([*encoder.parameters(), *projector.parameters()])
            for batch in DataLoader(TensorDataset(X), batch_size=8, shuffle=True, drop_last=True):
                (x,) = batch
                first = x + 0.1 * torch.randn_like(x)
                second = F.dropout(x, 0.2)
                loss = nt_xent(projector(encoder(first)), projector(encoder(second)))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            features = encoder(X).detach()
            solution = torch.linalg.lstsq(features, F.one_hot(y, 2).float()).solution
            return features, (features @ solution).argmax(1).eq(y).float().mean().item()
        """,
        (
            Mistake("a mask of half the size", "torch.eye(2 * n, dtype", "torch.eye(n, dtype"),
            Mistake(
                "targets that are not there",
                "torch.arange(n) + n, torch",
                "torch.arange(n) + 2 * n, torch",
            ),
            Mistake("the similarity not transposed", "z @ z.T", "z @ z"),
            Mistake("targets of whole numbers", "F.one_hot(y, 2).float()", "F.one_hot(y, 2)"),
            Mistake("a projector of another width", "nn.Linear(16, 8))", "nn.Linear(10, 8))"),
        ),
    ),
)
