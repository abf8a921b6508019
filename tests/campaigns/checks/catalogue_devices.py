"""Tensors that lie on two devices, on machines that may have none of them."""

from __future__ import annotations

from tests.campaigns.checks.case import Case
from tests.campaigns.checks.tables import csv

WINE = {"wine.csv": csv()}
ONE_DEVICE = "Expected all tensors to be on the same device"

CASES = (
    Case(
        title="one of two tensors is placed on the GPU",
        recipe="""
            device: cpu
            steps:
              - tensor: {a: [1, 2, 3], b: [4, 5, 6]}
              - place: {a: cuda}
              - compute: {c: a * b}  # here
        """,
        says=(ONE_DEVICE, "cuda:0", "cpu"),
        mended=("{a: cuda}", "{a: cuda, b: cuda}"),
        really="needs a gpu",
        devices=(None,),
    ),
    Case(
        title="the targets stay behind when the rows go to the GPU",
        recipe="""
            device: cpu
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - place: {X_train: cuda}
              - init_params: {layers: [1]}
              - gd_train: {steps: 5}  # here
        """,
        files=WINE,
        says=("X_train is on cuda:0, and y_train is on cpu",),
        mended=("{X_train: cuda}", "{X_train: cuda, y_train: cuda}"),
        really="needs a gpu",
        devices=(None,),
    ),
    Case(
        title="trained on a device of its own and validated on another",
        recipe="""
            device: cpu
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [1]}
              - gd_train: {steps: 5}
                device: cuda
              - evaluate  # here
        """,
        files=WINE,
        says=("the parameters are cuda:0", "the data is cpu"),
        mended=("device: cuda", "device: cpu"),
        really="needs a gpu",
        devices=(None,),
    ),
    Case(
        title="trained on the second GPU and validated on the first",
        recipe="""
            device: cuda
            steps:
              - load: {source: wine.csv}
              - split: {train: 8}
              - init_params: {layers: [1]}
              - gd_train: {steps: 5}
                device: cuda:1
              - predict:  # here
                in: {data: X_val}
        """,
        files=WINE,
        says=("the parameters are cuda:1", "the data is cuda:0"),
        mended=("cuda:1", "cuda:0"),
        really="needs a gpu",
        devices=(None,),
    ),
    Case(
        title="NumPy is given a tensor of the GPU",
        recipe="""
            device: cuda
            steps:
              - random: {a: {randn: 8}}
              - numpy: {c: a - a.mean()}  # here
        """,
        says=("`a` is on cuda:0, and NumPy works on the CPU",),
        mended=("- numpy", "- place: {a: cpu}\n  - numpy"),
        really="needs a gpu",
        devices=(None,),
    ),
    Case(
        title="a tensor of zeros is made on the CPU for a step on the GPU",
        code="""
            @step(outputs="moments")
            def my_step(X):
                sums = torch.zeros(3, device="cpu")
                for row in X:
                    sums = sums + row  # here
                return sums / len(X)
        """,
        says=(ONE_DEVICE, "cuda:0", "cpu"),
        mended=('torch.zeros(3, device="cpu")', "torch.zeros(3)"),
        really="needs a gpu",
        devices=("cuda",),
    ),
    Case(
        title="a step of the CPU makes zeros for rows that were placed on the GPU",
        recipe="""
            device: cpu
            steps:
              - random: {X: {randn: [8, 3]}}
              - place: {X: cuda}
              - my_step  # here
        """,
        code="""
            @step(outputs="table")
            def my_step(X):
                ones = torch.ones(len(X), 1)
                return torch.cat([ones, X], dim=1)  # here
        """,
        says=(ONE_DEVICE, "cuda:0", "cpu"),
        mended=("torch.ones(len(X), 1)", "torch.ones(len(X), 1, device=X.device)"),
        really="needs a gpu",
        devices=(None,),
    ),
    Case(
        title="one of two operands is sent to the GPU by hand",
        code="""
            @step(outputs="y_hat")
            def my_step(X, y):
                W = torch.linalg.lstsq(X, y).solution
                return X.cuda() @ W  # here
        """,
        says=(ONE_DEVICE, "cuda:0", "cpu"),
        mended=("X.cuda() @ W", "X @ W"),
        really="needs a gpu",
        devices=("cpu",),
    ),
    Case(
        title="the model was made on the CPU when the file was imported",
        code="""
            model = nn.Linear(3, 1)

            @step(outputs="y_hat")
            def my_step(X):
                with torch.no_grad():
                    return model(X)  # here
        """,
        says=(ONE_DEVICE, "cuda:0", "cpu"),
        mended=("return model(X)", "return model.to(X.device)(X)"),
        really="needs a gpu",
        devices=("cuda",),
    ),
    Case(
        title="weights of the file lie on the CPU",
        code="""
            SCALES = torch.tensor([0.5, 1.0, 2.0])

            @step(outputs="X")
            def my_step(X):
                return X * SCALES  # here
        """,
        says=(ONE_DEVICE, "cuda:0", "cpu"),
        mended=("X * SCALES", "X * SCALES.to(X.device)"),
        really="needs a gpu",
        devices=("cuda",),
    ),
    Case(
        title="a tensor of the GPU is read as an array",
        code="""
            @step(outputs="means")
            def my_step(X):
                return torch.from_numpy(X.numpy().mean(axis=0))  # here
        """,
        says=("can't convert cuda:0 device type tensor to numpy", ".cpu()"),
        mended=("X.numpy()", "X.cpu().numpy()"),
        really="needs a gpu",
        devices=("cuda",),
    ),
    Case(
        title="NumPy is called on a tensor of the GPU",
        code="""
            @step(outputs="logs")
            def my_step(X):
                return torch.as_tensor(np.log1p(X.abs()))  # here
        """,
        says=("can't convert cuda:0 device type tensor to numpy",),
        mended=("torch.as_tensor(np.log1p(X.abs()))", "torch.log1p(X.abs())"),
        really="needs a gpu",
        devices=("cuda",),
    ),
    Case(
        title="an array is taken beside a tensor of the GPU",
        code="""
            @step(outputs="X")
            def my_step(X):
                window = np.hanning(8).astype(np.float32)
                return X * torch.from_numpy(window)[:, None]  # here
        """,
        says=(ONE_DEVICE, "cuda:0", "cpu"),
        mended=("torch.from_numpy(window)[:, None]", "torch.tensor(window)[:, None]"),
        really="needs a gpu",
        devices=("cuda",),
    ),
    Case(
        title="rows are selected by an index on the CPU",
        code="""
            @step(outputs="batch")
            def my_step(X):
                rows = torch.randperm(len(X), device="cpu")[:4]
                return X.index_select(0, rows)  # here
        """,
        says=(ONE_DEVICE, "cuda:0", "cpu"),
        mended=(', device="cpu"', ""),
        really="needs a gpu",
        devices=("cuda",),
    ),
    Case(
        title="labels on the CPU for a loss on the GPU",
        code="""
            @step(outputs="loss")
            def my_step(X):
                labels = torch.arange(8, device="cpu") % 3
                return F.cross_entropy(X, labels)  # here
        """,
        says=(ONE_DEVICE, "cuda:0", "cpu"),
        mended=(', device="cpu"', ""),
        really="needs a gpu",
        devices=("cuda",),
    ),
    Case(
        title="a generator of the CPU draws on the GPU",
        code="""
            @step(outputs="noisy")
            def my_step(X):
                generator = torch.Generator().manual_seed(7)
                noise = torch.randn(X.shape, device=X.device, generator=generator)  # here
                return X + noise
        """,
        says=("Expected a 'cuda' device type for generator but found 'cpu'",),
        mended=("torch.Generator()", "torch.Generator(X.device)"),
        really="needs a gpu",
        devices=("cuda",),
    ),
    Case(
        title="an optimizer's targets are left on the CPU",
        code="""
            @step(outputs="W")
            def my_step(X, y):
                model = nn.Linear(3, 1)
                y = y.cpu()
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
                for _ in range(3):
                    optimizer.zero_grad()
                    loss = F.mse_loss(model(X), y)  # here
                    loss.backward()
                    optimizer.step()
                return model.weight.detach()
        """,
        says=(ONE_DEVICE, "cuda:0", "cpu"),
        mended=("y = y.cpu()", "y = y.clone()"),
        really="needs a gpu",
        devices=("cuda",),
    ),
)
