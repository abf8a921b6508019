"""Shapes in custom steps: views, joins, products and loops over batches."""

from __future__ import annotations

from tests.campaigns.checks.case import Case

CASES = (
    Case(
        title="a view of another size",
        code="""
            @step(outputs="pairs")
            def my_step(X):
                return X.view(4, 5)  # here
        """,
        says=("shape '[4, 5]' is invalid for input of size 24",),
        mended=("4, 5", "4, 6"),
    ),
    Case(
        title="a view of what was transposed",
        code="""
            @step(outputs="flat")
            def my_step(X):
                return X.T.view(24)  # here
        """,
        says=("view((3, 8) float32", "24"),
        mended=("X.T.view(24)", "X.T.reshape(24)"),
    ),
    Case(
        title="reshaped to as many as fit into nothing",
        code="""
            @step(outputs="table")
            def my_step(X, y):
                left = len(y) - len(X)
                return X.reshape(-1, left)  # here
        """,
        says=("[-1, 0]",),
        mended=("len(y) - len(X)", "len(y) // len(X)"),
    ),
    Case(
        title="axes permuted that are not there",
        code="""
            @step(outputs="images")
            def my_step(X):
                return X.permute(0, 3, 1, 2)  # here
        """,
        says=("number of dimensions in the tensor input does not match",),
        mended=("X.permute(0, 3, 1, 2)", "X[:, None, None].permute(0, 3, 1, 2)"),
    ),
    Case(
        title="a mask of the rows that were kept before",
        code="""
            @step(outputs="kept")
            def my_step(X, y):
                is_good = y[1:, 0] > -10
                return X[is_good].mean(0)  # here
        """,
        says=("The shape of the mask [7] at index 0", "[8, 3]"),
        mended=("y[1:, 0]", "y[:, 0]"),
    ),
    Case(
        title="a mask of all cells for a row",
        code="""
            @step(outputs="filled")
            def my_step(X):
                is_bad = X.mean(0) < -10
                return X[0].masked_fill(is_bad[:2], 0.0)  # here
        """,
        says=("masked_fill((3,) float32", "(2,) bool"),
        mended=("is_bad[:2]", "is_bad"),
    ),
    Case(
        title="means of rows taken off columns",
        code="""
            @step(outputs="centred")
            def my_step(X):
                return X - X.mean(1)  # here
        """,
        says=("sub((8, 3) float32", "(8,) float32"),
        mended=("X.mean(1)", "X.mean(1, keepdim=True)"),
    ),
    Case(
        title="normal equations with one transpose too few",
        code="""
            @step(outputs="W")
            def my_step(X, y):
                return torch.linalg.solve(X.T @ X, X @ y)  # here
        """,
        says=("matmul((8, 3) float32", "(8, 1) float32"),
        mended=("X @ y", "X.T @ y"),
    ),
    Case(
        title="the inverse of a table",
        code="""
            @step(outputs="W")
            def my_step(X, y):
                return torch.linalg.inv(X) @ y  # here
        """,
        says=("must be batches of square matrices",),
        mended=("linalg.inv", "linalg.pinv"),
    ),
    Case(
        title="a system solved for a right side of other rows",
        code="""
            @step(outputs="W")
            def my_step(X, y):
                return torch.linalg.solve(X.T @ X, y)  # here
        """,
        says=("Incompatible shapes of A and B",),
        mended=("X, y)  #", "X, X.T @ y)  #"),
    ),
    Case(
        title="an einsum with one letter for two lengths",
        code="""
            @step(outputs="gram")
            def my_step(X, y):
                return torch.einsum("ij,jk->ik", X, y)  # here
        """,
        says=("einsum()",),
        mended=('"ij,jk->ik"', '"ij,ik->jk"'),
    ),
    Case(
        title="an einsum with too many letters",
        code="""
            @step(outputs="gram")
            def my_step(X):
                return torch.einsum("nij,nkj->ik", X, X)  # here
        """,
        says=("the number of subscripts in the equation (3)", "(2)"),
        mended=('"nij,nkj->ik"', '"ni,nk->ik"'),
    ),
    Case(
        title="a column of ones for other rows",
        code="""
            @step(outputs="design")
            def my_step(X):
                ones = torch.ones(X.shape[1], 1)
                return torch.cat([ones, X], dim=1)  # here
        """,
        says=("Sizes of tensors must match except in dimension 1",),
        mended=("X.shape[1], 1", "X.shape[0], 1"),
    ),
    Case(
        title="a vector joined to a table",
        code="""
            @step(outputs="design")
            def my_step(X, y):
                return torch.cat([X, y.squeeze(1)], dim=1)  # here
        """,
        says=("cat([(8, 3) float32", "(8,) float32"),
        mended=("y.squeeze(1)", "y"),
    ),
    Case(
        title="folds of unlike size are stacked",
        code="""
            @step(outputs="folds")
            def my_step(X):
                return torch.stack(X.chunk(3))  # here
        """,
        says=("stack expects each tensor to be equal size", "(3, 3)", "(2, 3)"),
        mended=("chunk(3)", "chunk(4)"),
    ),
    Case(
        title="parts that do not add up to the rows",
        code="""
            @step(outputs=("X_train", "X_val"))
            def my_step(X):
                return torch.split(X, [5, 2])  # here
        """,
        says=("split_sizes to sum exactly to 8",),
        mended=("[5, 2]", "[5, 3]"),
    ),
    Case(
        title="the nearest nine of eight rows",
        code="""
            @step(outputs="nearest")
            def my_step(X):
                return torch.cdist(X, X).topk(9, largest=False).indices  # here
        """,
        says=("topk((8, 8) float32", "9"),
        mended=("topk(9", "topk(3"),
    ),
    Case(
        title="distances to centres of other columns",
        code="""
            @step(outputs="distances")
            def my_step(X):
                centres = torch.zeros(5, 2)
                return torch.cdist(X, centres)  # here
        """,
        says=("X1 and X2 must have the same number of columns",),
        mended=("torch.zeros(5, 2)", "torch.zeros(5, 3)"),
    ),
    Case(
        title="a row of another length is written into a table",
        code="""
            @step(outputs="table")
            def my_step(X):
                table = torch.zeros(8, 4)
                for index, row in enumerate(X):
                    table[index] = row  # here
                return table
        """,
        says=("(4) must match the existing size (3)",),
        mended=("torch.zeros(8, 4)", "torch.zeros(8, 3)"),
    ),
    Case(
        title="a loop that runs one row too far",
        code="""
            @step(outputs="differences")
            def my_step(X):
                found = []
                for row in range(len(X)):
                    found.append(X[row + 1] - X[row])  # here
                return torch.stack(found)
        """,
        says=("index 8 is out of bounds for dimension 0 with size 8",),
        mended=("range(len(X))", "range(len(X) - 1)"),
    ),
    Case(
        title="batches of rows and targets that go out of step",
        code="""
            @step(outputs="W")
            def my_step(X, y):
                model = nn.Linear(3, 1)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
                for start in range(0, len(X), 3):
                    rows, targets = X[start : start + 3], y[start : start + 2]
                    optimizer.zero_grad()
                    loss = F.mse_loss(model(rows), targets)  # here
                    loss.backward()
                    optimizer.step()
                return model.weight.detach()
        """,
        says=("(3, 1)", "(2, 1)"),
        mended=("start + 2", "start + 3"),
    ),
    Case(
        title="the last batch is smaller than the others",
        code="""
            @step(outputs="states")
            def my_step(X):
                gru = nn.GRU(3, 5, batch_first=True)
                states = []
                for batch in X.split(3):
                    hidden = torch.zeros(1, 3, 5)
                    states.append(gru(batch[:, None], hidden)[0])  # here
                return torch.cat(states).detach()
        """,
        says=("Expected hidden size (1, 2, 5), got [1, 3, 5]",),
        mended=("zeros(1, 3, 5)", "zeros(1, len(batch), 5)"),
    ),
    Case(
        title="a tensor repeated over too few axes",
        code="""
            @step(outputs="grid")
            def my_step(X):
                return X.expand(8, 4)  # here
        """,
        says=("expanded size of the tensor (4) must match the existing size (3)",),
        mended=("(8, 4)", "(2, 8, 3)"),
    ),
    Case(
        title="a choice between tables of unlike shape",
        code="""
            @step(outputs="clipped")
            def my_step(X):
                return torch.where(X > 0, X, torch.zeros(8, 2))  # here
        """,
        says=("where((8, 3) bool", "(8, 2) float32"),
        mended=("zeros(8, 2)", "zeros(8, 3)"),
    ),
)
