"""Layers of torch.nn in custom steps, made for tensors of another shape."""

from __future__ import annotations

from tests.campaigns.checks.case import Case
from tests.campaigns.checks.tables import npy, safetensors

IMAGES = """
    steps:
      - random: {images: {randn: [4, 1, 8, 8]}}
      - my_step  # here
"""

CASES = (
    Case(
        title="a linear layer for the columns with the target",
        code="""
            @step(outputs="y_hat")
            def my_step(X):
                model = nn.Linear(4, 1)
                return model(X).detach()  # here
        """,
        says=("linear((8, 3) float32", "(1, 4) float32"),
        mended=("nn.Linear(4, 1)", "nn.Linear(3, 1)"),
    ),
    Case(
        title="two layers of a Sequential that do not meet",
        code="""
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.layers = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(32, 1))

                def forward(self, X):
                    return self.layers(X)  # here

            @step(outputs="y_hat")
            def my_step(X):
                return Net()(X).detach()
        """,
        says=("linear((8, 16) float32", "(1, 32) float32"),
        mended=("nn.Linear(32, 1)", "nn.Linear(16, 1)"),
    ),
    Case(
        title="weights of inputs by outputs where torch stores outputs by inputs",
        code="""
            @step(outputs="y_hat")
            def my_step(X):
                W = torch.randn(3, 2) * 0.1
                return F.linear(X, W)  # here
        """,
        says=("linear((8, 3) float32", "(3, 2) float32"),
        mended=("F.linear(X, W)", "F.linear(X, W.T)"),
    ),
    Case(
        title="a convolution for coloured images",
        recipe=IMAGES,
        code="""
            @step(outputs="maps")
            def my_step(images):
                convolution = nn.Conv2d(3, 8, kernel_size=3, padding=1)
                return convolution(images).detach()  # here
        """,
        says=("expected input[4, 1, 8, 8] to have 3 channels, but got 1 channels instead",),
        mended=("nn.Conv2d(3, 8", "nn.Conv2d(1, 8"),
    ),
    Case(
        title="images of bytes go into a convolution",
        recipe="""
            steps:
              - load: {source: images.npy, values: [images]}
              - my_step  # here
        """,
        code="""
            @step(outputs="maps")
            def my_step(images):
                return nn.Conv2d(1, 4, 3)(images).detach()  # here
        """,
        files={"images.npy": npy((4, 1, 8, 8), "uint8")},
        says=("Input type (unsigned char) and bias type (float) should be the same",),
        mended=("(images).detach()", "(images / 255).detach()"),
    ),
    Case(
        title="a linear layer that was counted without the pooling",
        recipe=IMAGES,
        code="""
            @step(outputs="scores")
            def my_step(images):
                model = nn.Sequential(
                    nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Flatten(), nn.Linear(4 * 8 * 8, 10),
                )
                return model(images).detach()  # here
        """,
        says=("linear((4, 64) float32", "(10, 256) float32"),
        mended=("4 * 8 * 8", "4 * 4 * 4"),
    ),
    Case(
        title="a kernel larger than the image",
        recipe=IMAGES,
        code="""
            @step(outputs="maps")
            def my_step(images):
                return nn.Conv2d(1, 4, kernel_size=11)(images).detach()  # here
        """,
        says=("Kernel size can't be greater than actual input size",),
        mended=("kernel_size=11", "kernel_size=5"),
    ),
    Case(
        title="pooled until nothing is left",
        recipe=IMAGES,
        code="""
            @step(outputs="maps")
            def my_step(images):
                for _ in range(4):
                    images = F.max_pool2d(images, 2)  # here
                return images
        """,
        says=("Output size is too small",),
        mended=("range(4)", "range(3)"),
    ),
    Case(
        title="batch normalization of other features",
        code="""
            @step(outputs="X")
            def my_step(X):
                return nn.BatchNorm1d(4)(X).detach()  # here
        """,
        says=("running_mean should contain 3 elements not 4",),
        mended=("BatchNorm1d(4)", "BatchNorm1d(3)"),
    ),
    Case(
        title="groups that do not divide the channels",
        recipe=IMAGES,
        code="""
            @step(outputs="maps")
            def my_step(images):
                maps = nn.Conv2d(1, 6, 3)(images)
                return F.group_norm(maps, 4).detach()  # here
        """,
        says=("Expected number of channels in input to be divisible by num_groups",),
        mended=("group_norm(maps, 4)", "group_norm(maps, 3)"),
    ),
    Case(
        title="an embedding looked up with floats",
        code="""
            @step(outputs="vectors")
            def my_step(X):
                embedding = nn.Embedding(10, 4)
                return embedding(X.abs().round()).detach()  # here
        """,
        says=("to have one of the following scalar types: Long, Int",),
        mended=("X.abs().round()", "X.abs().round().long()"),
    ),
    Case(
        title="saved weights of another width",
        recipe="""
            steps:
              - load: {source: trained.safetensors, values: [weight, bias]}
              - random: {X: {randn: [8, 3]}}
              - my_step  # here
        """,
        code="""
            @step(outputs="y_hat")
            def my_step(X, weight, bias):
                model = nn.Linear(3, 1)
                model.load_state_dict({"weight": weight, "bias": bias})  # here
                return model(X).detach()
        """,
        files={"trained.safetensors": safetensors(weight=(1, 11), bias=(1,))},
        says=("size mismatch for weight", "torch.Size([1, 11])", "torch.Size([1, 3])"),
        mended=('{"weight": weight,', '{"weight": weight[:, :3],'),
    ),
    Case(
        title="saved weights under the names of another model",
        recipe="""
            steps:
              - load: {source: trained.safetensors, values: [weight, bias]}
              - random: {X: {randn: [8, 3]}}
              - my_step  # here
        """,
        code="""
            @step(outputs="y_hat")
            def my_step(X, weight, bias):
                model = nn.Sequential(nn.Linear(3, 1))
                model.load_state_dict({"weight": weight, "bias": bias})  # here
                return model(X).detach()
        """,
        files={"trained.safetensors": safetensors(weight=(1, 3), bias=(1,))},
        says=('Missing key(s) in state_dict: "0.weight", "0.bias"',),
        mended=('{"weight": weight, "bias"', '{"0.weight": weight, "0.bias"'),
    ),
    Case(
        title="an array of float64 goes into a model of float32",
        code="""
            @step(outputs="y_hat")
            def my_step():
                rows = torch.from_numpy(np.random.randn(8, 3))
                return nn.Linear(3, 1)(rows).detach()  # here
        """,
        says=("mat1 and mat2 must have the same dtype, but got Double and Float",),
        mended=("np.random.randn(8, 3))", "np.random.randn(8, 3)).float()"),
        devices=("cpu",),
    ),
    Case(
        title="whole numbers go into a model of float32",
        code="""
            @step(outputs="y_hat")
            def my_step(X):
                return nn.Linear(3, 1)((X * 10).long()).detach()  # here
        """,
        says=("mat1 and mat2 must have the same dtype, but got Long and Float",),
        mended=("(X * 10).long()", "(X * 10).round()"),
    ),
)
