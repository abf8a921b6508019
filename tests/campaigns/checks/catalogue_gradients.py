"""Backward passes and updates of parameters that torch refuses."""

from __future__ import annotations

from tests.campaigns.checks.case import Case

CASES = (
    Case(
        title="the backward pass of a loss for each row",
        code="""
            @step(outputs="W")
            def my_step(X, y):
                W = torch.zeros(3, 1, requires_grad=True)
                loss = (X @ W - y) ** 2
                loss.backward()  # here
                return W.grad
        """,
        says=("grad can be implicitly created only for scalar outputs",),
        mended=("- y) ** 2", "- y).square().mean()"),
    ),
    Case(
        title="the backward pass of a loss that nothing is tracked in",
        code="""
            @step(outputs="loss")
            def my_step(X, y):
                W = torch.zeros(3, 1)
                loss = ((X @ W - y) ** 2).mean()
                loss.backward()  # here
                return loss.detach()
        """,
        says=("element 0 of tensors does not require grad and does not have a grad_fn",),
        mended=("torch.zeros(3, 1)", "torch.zeros(3, 1, requires_grad=True)"),
    ),
    Case(
        title="the backward pass is taken twice",
        code="""
            @step(outputs="gradient")
            def my_step(X, y):
                W = torch.zeros(3, 1, requires_grad=True)
                loss = ((X @ W - y) ** 2).mean()
                for _ in range(2):
                    loss.backward()  # here
                return W.grad
        """,
        says=("Trying to backward through the graph a second time",),
        mended=("range(2)", "range(1)"),
    ),
    Case(
        title="what the backward pass needs is changed in place",
        code="""
            @step(outputs="gradient")
            def my_step(X, y):
                W = torch.zeros(3, 1, requires_grad=True)
                y_hat = torch.sigmoid(X @ W)
                y_hat -= y
                y_hat.square().mean().backward()  # here
                return W.grad
        """,
        says=("modified by an inplace operation",),
        mended=("y_hat -= y", "y_hat = y_hat - y"),
    ),
    Case(
        title="parameters are updated while torch tracks it",
        code="""
            @step(outputs="W")
            def my_step(X, y):
                W = torch.zeros(3, 1, requires_grad=True)
                ((X @ W - y) ** 2).mean().backward()
                W -= 0.1 * W.grad  # here
                return W.detach()
        """,
        says=("a leaf Variable that requires grad is being used in an in-place operation",),
        mended=("W -= 0.1", "W = W - 0.1"),
    ),
    Case(
        title="a gradient is taken before there is one",
        code="""
            @step(outputs="W")
            def my_step(X, y):
                W = torch.zeros(3, 1, requires_grad=True)
                ((X @ W - y) ** 2).mean()
                return W.detach() - 0.1 * W.grad  # here
        """,
        says=("unsupported operand type(s) for *: 'float' and 'NoneType'",),
        mended=("** 2).mean()", "** 2).mean().backward()"),
    ),
    Case(
        title="whole numbers are to be tracked",
        code="""
            @step(outputs="gradient")
            def my_step(X, y):
                W = torch.tensor([[1], [2], [3]], requires_grad=True)  # here
                ((X @ W - y) ** 2).mean().backward()
                return W.grad
        """,
        says=("Only Tensors of floating point and complex dtype can require gradients",),
        mended=("[[1], [2], [3]]", "[[1.0], [2.0], [3.0]]"),
    ),
    Case(
        title="an optimizer for a network without parameters",
        code="""
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.layers = [nn.Linear(3, 1)]

            @step(outputs="rate")
            def my_step():
                optimizer = torch.optim.Adam(Net().parameters(), lr=1e-3)  # here
                return optimizer.param_groups[0]["lr"]
        """,
        says=("optimizer got an empty parameter list",),
        mended=("[nn.Linear(3, 1)]", "nn.ModuleList([nn.Linear(3, 1)])"),
    ),
)
