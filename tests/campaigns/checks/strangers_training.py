"""Correct trainings as people write them: loops, optimizers, gradients by hand."""

from __future__ import annotations

from tests.campaigns.checks.case import Stranger

TRAINING = (
    Stranger(
        title="a network trained by Adam, its losses in a list",
        code="""
            class Net(nn.Module):
                def __init__(self, width):
                    super().__init__()
                    self.hidden = nn.Linear(3, width)
                    self.dropout = nn.Dropout(0.2)
                    self.out = nn.Linear(width, 1)

                def forward(self, X):
                    return self.out(self.dropout(torch.relu(self.hidden(X))))

            @step(outputs=("y_hat", "losses", "epochs"), random=True)
            def my_step(X, y, *, epochs: int = 10):
                model = Net(16)
                optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
                criterion = nn.MSELoss()
                losses = []
                for epoch in range(epochs):
                    model.train()
                    optimizer.zero_grad()
                    loss = criterion(model(X), y)
                    loss.backward()
                    optimizer.step()
                    losses.append(loss.item())
                    if epoch % 5 == 0:
                        print(f"epoch {epoch}: loss {loss.item():.4f}")
                model.eval()
                with torch.no_grad():
                    return model(X), losses, epochs
        """,
    ),
    Stranger(
        title="batches in a random order, momentum, and a learning rate that falls",
        code="""
            @step(outputs=("state", "mean_loss"), random=True)
            def my_step(X, y):
                layers = (nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
                model = nn.Sequential(*layers)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
                scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
                total = 0.0
                for epoch in range(4):
                    order = torch.randperm(len(X), device=X.device)
                    for start in range(0, len(X), 3):
                        rows = order[start : start + 3]
                        optimizer.zero_grad()
                        loss = F.mse_loss(model(X[rows]), y[rows])
                        loss.backward()
                        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                        optimizer.step()
                        total += loss.detach() * len(rows)
                    scheduler.step()
                state = {name: value.clone() for name, value in model.state_dict().items()}
                return state, total / 4 / len(X)
        """,
    ),
    Stranger(
        title="a model of the file, trained where it lies",
        code="""
            torch.manual_seed(0)
            model = nn.Linear(3, 1)
            history = []

            @step(outputs=("W", "steps"))
            def my_step(X, y):
                model.to(X.device)
                optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
                for _ in range(5):
                    optimizer.zero_grad()
                    loss = F.mse_loss(model(X), y)
                    loss.backward()
                    optimizer.step()
                    history.append(loss.item())
                return model.weight.detach().clone(), len(history)
        """,
    ),
    Stranger(
        title="gradients by hand, with autograd.grad and with torch.func",
        code="""
            @step(outputs=("W", "curvature"))
            def my_step(X, y):
                def loss(W):
                    return ((X @ W - y) ** 2).mean()

                W = torch.zeros(3, 1, requires_grad=True)
                (gradient,) = torch.autograd.grad(loss(W), W)
                with torch.no_grad():
                    W -= 0.1 * gradient
                W = W.detach()
                W = W - 0.1 * torch.func.grad(loss)(W)
                return W, torch.func.hessian(loss)(W).reshape(3, 3)
        """,
    ),
    Stranger(
        title="gradients of two halves added up, and averaged weights",
        code="""
            import copy
            import logging
            import time

            log = logging.getLogger(__name__)

            @step(outputs=("averaged", "norm"), random=True)
            def my_step(X, y):
                begun = time.perf_counter()
                model = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 1))
                average = copy.deepcopy(model)
                optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
                for _ in range(3):
                    optimizer.zero_grad(set_to_none=True)
                    for rows, targets in zip(X.chunk(2), y.chunk(2), strict=True):
                        (F.huber_loss(model(rows), targets) / 2).backward()
                    optimizer.step()
                    with torch.no_grad():
                        for mean, value in zip(average.parameters(), model.parameters()):
                            mean.mul_(0.9).add_(value, alpha=0.1)
                log.info("trained in %.1f s: %s", time.perf_counter() - begun, model[0].weight)
                print(average[0].weight, y)
                flat = nn.utils.parameters_to_vector(average.parameters()).detach()
                return dict(average.state_dict()), flat.norm()
        """,
    ),
    Stranger(
        title="a function with a derivative of its own, and a penalty on gradients",
        code="""
            class Clamp(torch.autograd.Function):
                @staticmethod
                def forward(ctx, x):
                    ctx.save_for_backward(x)
                    return x.clamp(-1, 1)

                @staticmethod
                def backward(ctx, gradient):
                    (x,) = ctx.saved_tensors
                    return torch.where(x.abs() < 1, gradient, 0.1 * gradient)

            @step(outputs=("W", "penalty"))
            def my_step(X, y):
                W = torch.zeros(3, 1, requires_grad=True)
                loss = F.mse_loss(Clamp.apply(X @ W), y)
                (slope,) = torch.autograd.grad(loss, W, create_graph=True)
                penalty = slope.norm()
                (loss + penalty).backward()
                return W.grad, penalty.detach()
        """,
    ),
)
