"""Losses, targets and labels of a shape or dtype that is not that of the predictions."""

from __future__ import annotations

from tests.campaigns.checks.case import Case

FLAT_TARGETS = """
    steps:
      - random: {X: {randn: [8, 3]}, y: {randn: 8}}
      - my_step  # here
"""
LABELS = """
    steps:
      - random: {X: {randn: [8, 3]}, labels: {randint: [8], low: 0, high: 3}}
      - my_step  # here
"""
COLUMN_OF_LABELS = """
    steps:
      - random: {X: {randn: [8, 3]}, labels: {randint: [8, 1], low: 0, high: 3}}
      - my_step  # here
"""

CASES = (
    Case(
        title="mse_loss of a column against a vector",
        recipe=FLAT_TARGETS,
        code="""
            @step(outputs="loss")
            def my_step(X, y):
                model = nn.Linear(3, 1)
                return F.mse_loss(model(X), y).detach()  # here
        """,
        kind="warning",
        says=("(8, 1)", "(8,)"),
        mended=("model(X), y", "model(X).squeeze(1), y"),
        really="goes wrong",
        shows="loss",
    ),
    Case(
        title="trained by Adam on targets of one dimension",
        recipe=FLAT_TARGETS,
        code="""
            @step(outputs=("W", "losses"))
            def my_step(X, y):
                model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
                criterion = nn.MSELoss()
                optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
                losses = []
                for epoch in range(5):
                    optimizer.zero_grad()
                    loss = criterion(model(X), y)  # here
                    loss.backward()
                    optimizer.step()
                    losses.append(loss.item())
                return model[0].weight.detach(), losses
        """,
        kind="warning",
        says=("(8, 1)", "(8,)"),
        mended=("criterion(model(X), y)", "criterion(model(X), y.unsqueeze(1))"),
        really="goes wrong",
        shows="W",
    ),
    Case(
        title="the mean absolute error of a column against a vector",
        recipe=FLAT_TARGETS,
        code="""
            @step(outputs="loss")
            def my_step(X, y):
                return nn.L1Loss()(X[:, :1], y)  # here
        """,
        kind="warning",
        says=("(8, 1)", "(8,)"),
        mended=("X[:, :1]", "X[:, 0]"),
        really="goes wrong",
        shows="loss",
    ),
    Case(
        title="residuals of a loop by hand spread to a square",
        recipe=FLAT_TARGETS,
        code="""
            @step(outputs="w")
            def my_step(X, y):
                w = torch.zeros(3, 1)
                b = torch.zeros(1)
                for _ in range(20):
                    residual = X @ w + b - y  # here
                    w = w - 0.1 * X.T @ residual.mean(dim=1, keepdim=True) / len(X)
                    b = b - 0.1 * residual.mean()
                return w
        """,
        kind="warning",
        says=("(8, 1)", "(8,)", "(8, 8)"),
        mended=("+ b - y", "+ b - y[:, None]"),
        really="goes wrong",
        shows="w",
    ),
    Case(
        title="targets made a column, predictions made a vector",
        code="""
            @step(outputs="loss")
            def my_step(X, y):
                model = nn.Linear(3, 1)
                error = model(X).squeeze() - y.view(-1, 1)  # here
                return error.detach().square().mean()
        """,
        kind="warning",
        says=("(8,)", "(8, 1)", "(8, 8)"),
        mended=("model(X).squeeze()", "model(X)"),
        really="goes wrong",
        shows="loss",
    ),
    Case(
        title="the accuracy of labels in a column",
        recipe=COLUMN_OF_LABELS,
        code="""
            @step(outputs="accuracy")
            def my_step(X, labels):
                return (X.argmax(dim=1) == labels).float().mean()  # here
        """,
        kind="warning",
        says=("(8,)", "(8, 1)", "(8, 8)"),
        mended=("== labels", "== labels.squeeze(1)"),
        really="goes wrong",
        shows="accuracy",
    ),
    Case(
        title="the loss is weighted by a vector",
        code="""
            @step(outputs="loss")
            def my_step(X, y):
                weights = X[:, 0].abs()
                return (weights * (X[:, :1] - y) ** 2).mean()  # here
        """,
        kind="warning",
        says=("(8,)", "(8, 1)", "(8, 8)"),
        mended=("X[:, 0].abs()", "X[:, :1].abs()"),
        really="goes wrong",
        shows="loss",
    ),
    Case(
        title="mse_loss of a batch against targets of another",
        code="""
            @step(outputs="loss")
            def my_step(X, y):
                model = nn.Linear(3, 1)
                return F.mse_loss(model(X[:6]), y).detach()  # here
        """,
        says=("(6, 1)", "(8, 1)"),
        mended=("X[:6]), y", "X[:6]), y[:6]"),
    ),
    Case(
        title="cross entropy of labels in a column",
        recipe=COLUMN_OF_LABELS,
        code="""
            @step(outputs="loss")
            def my_step(X, labels):
                return F.cross_entropy(X, labels)  # here
        """,
        says=("0D or 1D target tensor expected, multi-target not supported",),
        mended=("X, labels)  #", "X, labels.squeeze(1))  #"),
    ),
    Case(
        title="cross entropy of labels as floats",
        recipe=LABELS,
        code="""
            @step(outputs="loss")
            def my_step(X, labels):
                return F.cross_entropy(X, labels.float())  # here
        """,
        says=("cross_entropy((8, 3) float32", "(8,) float32"),
        mended=("labels.float()", "labels"),
    ),
    Case(
        title="cross entropy of labels as int32",
        recipe=LABELS,
        code="""
            @step(outputs="loss")
            def my_step(X, labels):
                return F.cross_entropy(X, labels.int())  # here
        """,
        says=("Long", "Int"),
        mended=("labels.int()", "labels"),
    ),
    Case(
        title="cross entropy of a batch and of all labels",
        recipe=LABELS,
        code="""
            @step(outputs="loss")
            def my_step(X, labels):
                return F.cross_entropy(X[:4], labels)  # here
        """,
        says=("Expected input batch_size (4) to match target batch_size (8)",),
        mended=("X[:4], labels", "X[:4], labels[:4]"),
    ),
    Case(
        title="one-hot labels of another number of classes",
        recipe=LABELS,
        code="""
            @step(outputs="loss")
            def my_step(X, labels):
                return F.cross_entropy(X, F.one_hot(labels, 4).float())  # here
        """,
        says=("multi-target not supported",),
        mended=("(labels, 4)", "(labels, 3)"),
    ),
    Case(
        title="one-hot of floats",
        recipe=LABELS,
        code="""
            @step(outputs="coded")
            def my_step(labels):
                return F.one_hot(labels.float(), num_classes=3)  # here
        """,
        says=("one_hot is only applicable to index tensor",),
        mended=("labels.float()", "labels"),
    ),
    Case(
        title="binary cross entropy of a column against a vector",
        recipe=FLAT_TARGETS,
        code="""
            @step(outputs="loss")
            def my_step(X, y):
                model = nn.Linear(3, 1)
                is_good = (y > 0).float()
                return F.binary_cross_entropy_with_logits(model(X), is_good)  # here
        """,
        says=("Target size (torch.Size([8]))", "input size (torch.Size([8, 1]))"),
        mended=("model(X), is_good", "model(X).detach()[:, 0], is_good"),
    ),
    Case(
        title="binary cross entropy of whole numbers",
        code="""
            @step(outputs="loss")
            def my_step(X, y):
                return F.binary_cross_entropy(X[:, :1].sigmoid(), (y > 0).long())  # here
        """,
        says=("Found dtype Long but expected Float",),
        mended=(".long()", ".float()"),
    ),
)
