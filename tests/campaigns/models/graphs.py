"""Models of graphs."""

from __future__ import annotations

from tests.campaigns.models.model import Mistake, Model

MODELS = (
    Model(
        "a GCN with a dense adjacency and a mask of the nodes to train on",
        """
        @step(outputs=("A", "X", "y"), random=True)
        def graph():
            A = (torch.rand(12, 12) > 0.7).float()
            A = ((A + A.T) > 0).float()
            A.fill_diagonal_(1)
            d = A.sum(1).pow(-0.5)
            return d[:, None] * A * d[None, :], torch.randn(12, 5), torch.randint(0, 3, (12,))


        class GCN(nn.Module):
            def __init__(self):
                super().__init__()
                self.W1 = nn.Parameter(torch.empty(5, 8))
                self.W2 = nn.Parameter(torch.empty(8, 3))
                nn.init.xavier_uniform_(self.W1)
                nn.init.xavier_uniform_(self.W2)

            def forward(self, A, X):
                H = F.dropout(torch.relu(A @ X @ self.W1), 0.5, self.training)
                return A @ H @ self.W2


        @step(outputs=("classes", "accuracy"), random=True)
        def train(A, X, y):
            mask = torch.zeros(12, dtype=torch.bool)
            mask[:8] = True
            net = GCN()
            optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=5e-4)
            for _ in range(4):
                out = net(A, X)
                loss = F.cross_entropy(out[mask], y[mask])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            net.eval()
            classes = net(A, X).argmax(1)
            return classes, (classes[~mask] == y[~mask]).float().mean().item()
        """,
        (
            Mistake("the weights transposed", "torch.empty(8, 3)", "torch.empty(3, 8)"),
            Mistake("the mask on one side alone", "y[mask])", "y)", "unknown"),
            Mistake("a mask of numbers", "y[mask])", "y[mask].float())"),
            Mistake("a mask of another length", "mask = torch.zeros(12,", "mask = torch.zeros(10,"),
        ),
    ),
    Model(
        "a GCN with a sparse adjacency",
        """
        @step(outputs=("edges", "X", "y"))
        def graph():
            edges = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7, 0]])
            X = torch.linspace(-1, 1, 8 * 4).reshape(8, 4)
            return edges, X, torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])


        @step(outputs=("logits", "accuracy"), random=True)
        def train(edges, X, y):
            n = X.size(0)
            both = torch.cat([edges, edges.flip(0), torch.arange(n).repeat(2, 1)], dim=1)
            values = torch.ones(both.size(1))
            A = torch.sparse_coo_tensor(both, values, (n, n)).coalesce()
            degree = torch.sparse.sum(A, dim=1).to_dense()
            first, second = nn.Linear(4, 6), nn.Linear(6, 2)
            optimizer = torch.optim.Adam([*first.parameters(), *second.parameters()], lr=0.05)
            for _ in range(3):
                h = torch.relu(torch.sparse.mm(A, first(X)) / degree.unsqueeze(1))
                logits = torch.sparse.mm(A, second(h)) / degree.unsqueeze(1)
                loss = F.cross_entropy(logits, y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return logits.detach(), (logits.argmax(1) == y).float().mean().item()
        """,
        (
            Mistake(
                "one value for each edge, once",
                "torch.ones(both.size(1))",
                "torch.ones(edges.size(1))",
            ),
            Mistake("edges as rows", "edges.flip(0), torch", "edges.flip(0).T, torch"),
            Mistake("a layer of the wrong width", "nn.Linear(6, 2)", "nn.Linear(4, 2)"),
            Mistake(
                "a degree that lacks a dimension",
                "first(X)) / degree.unsqueeze(1)",
                "first(X)) / degree",
            ),
            Mistake(
                "a node that is not there",
                "[1, 2, 3, 4, 5, 6, 7, 0]",
                "[1, 2, 3, 4, 5, 6, 7, 8]",
                "nothing",
            ),
        ),
    ),
    Model(
        "message passing by index_add and scatter, and pooling by graph",
        """
        class Layer(nn.Module):
            def __init__(self, inside, outside):
                super().__init__()
                self.message = nn.Sequential(nn.Linear(2 * inside + 2, outside), nn.ReLU())
                self.update = nn.GRUCell(outside, inside)

            def forward(self, x, edges, e):
                source, target = edges
                m = self.message(torch.cat([x[source], x[target], e], dim=-1))
                total = torch.zeros(x.size(0), m.size(1)).index_add_(0, target, m)
                return self.update(total, x)


        @step(outputs=("energy", "attention"), random=True)
        def molecules():
            x, e = torch.randn(9, 6), torch.randn(14, 2)
            edges = torch.randint(0, 9, (2, 14))
            batch = torch.tensor([0, 0, 0, 1, 1, 1, 1, 2, 2])
            y = torch.randn(3, 1)
            layers = nn.ModuleList([Layer(6, 10), Layer(6, 10)])
            readout, gate = nn.Linear(6, 1), nn.Linear(6, 1)
            modules = nn.ModuleList([layers, readout, gate])
            optimizer = torch.optim.Adam(modules.parameters())
            for _ in range(3):
                h = x
                for layer in layers:
                    h = layer(h, edges, e)
                score = gate(h).squeeze(-1)
                top = torch.full((3,), -1e9).scatter_reduce(0, batch, score, "amax")
                weight = (score - top[batch]).exp()
                weight = weight / torch.zeros(3).index_add(0, batch, weight)[batch]
                index = batch.unsqueeze(1).expand(-1, h.size(1))
                pooled = torch.zeros(3, 6).scatter_add(0, index, h * weight.unsqueeze(1))
                energy = readout(pooled)
                loss = F.mse_loss(energy, y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return energy.detach(), weight.detach()
        """,
        (
            Mistake(
                "the features of edges not counted",
                "nn.Linear(2 * inside + 2, outside)",
                "nn.Linear(2 * inside, outside)",
            ),
            Mistake(
                "added up in the wrong width",
                "torch.zeros(x.size(0), m.size(1))",
                "torch.zeros(x.size(0), x.size(1))",
            ),
            Mistake(
                "indices that lack a dimension",
                "batch.unsqueeze(1).expand(-1, h.size(1))",
                "batch",
            ),
            Mistake(
                "fewer graphs than the batch names",
                "torch.zeros(3).index_add",
                "torch.zeros(2).index_add",
            ),
            Mistake(
                "targets that lack a dimension",
                "y = torch.randn(3, 1)",
                "y = torch.randn(3)",
                "warning",
                "is wrong",
            ),
        ),
    ),
)
