"""Recurrent layers and attention in custom steps, on sequences of another shape."""

from __future__ import annotations

from tests.campaigns.checks.case import Case

SEQUENCES = """
    steps:
      - random: {x: {randn: [4, 10, 6]}}
      - my_step  # here
"""

CASES = (
    Case(
        title="layer normalization of other features",
        recipe=SEQUENCES,
        code="""
            @step(outputs="x")
            def my_step(x):
                return nn.LayerNorm(10)(x).detach()  # here
        """,
        says=("normalized_shape=[10]", "[4, 10, 6]"),
        mended=("LayerNorm(10)", "LayerNorm(6)"),
    ),
    Case(
        title="an LSTM for other features",
        recipe=SEQUENCES,
        code="""
            @step(outputs="states")
            def my_step(x):
                lstm = nn.LSTM(input_size=10, hidden_size=5, batch_first=True)
                states, _ = lstm(x)  # here
                return states.detach()
        """,
        says=("Expected 10, got 6",),
        mended=("input_size=10", "input_size=6"),
    ),
    Case(
        title="a hidden state for another number of sequences",
        recipe=SEQUENCES,
        code="""
            @step(outputs="states")
            def my_step(x):
                gru = nn.GRU(6, 5, batch_first=True)
                states, _ = gru(x, torch.zeros(1, 10, 5))  # here
                return states.detach()
        """,
        says=("Expected hidden size (1, 4, 5), got [1, 10, 5]",),
        mended=("torch.zeros(1, 10, 5)", "torch.zeros(1, 4, 5)"),
    ),
    Case(
        title="a convolution over time with the channels last",
        recipe=SEQUENCES,
        code="""
            @step(outputs="maps")
            def my_step(x):
                return nn.Conv1d(6, 8, 3)(x).detach()  # here
        """,
        says=("expected input[4, 10, 6] to have 6 channels, but got 10 channels instead",),
        mended=("(x).detach()", "(x.transpose(1, 2)).detach()"),
    ),
    Case(
        title="heads that do not divide the width of attention",
        recipe=SEQUENCES,
        code="""
            @step(outputs="x")
            def my_step(x):
                attention = nn.MultiheadAttention(6, 4, batch_first=True)  # here
                return attention(x, x, x)[0].detach()
        """,
        says=("embed_dim must be divisible by num_heads",),
        mended=("(6, 4, batch", "(6, 3, batch"),
    ),
    Case(
        title="heads of attention split by hand",
        recipe=SEQUENCES,
        code="""
            @step(outputs="weights")
            def my_step(x):
                n, length, width = x.shape
                query = nn.Linear(width, width)(x).view(n, length, 4, 2).transpose(1, 2)  # here
                return (query @ query.transpose(2, 3)).softmax(-1).detach()
        """,
        says=("shape '[4, 10, 4, 2]' is invalid for input of size 240",),
        mended=("4, 2).transpose", "3, 2).transpose"),
    ),
    Case(
        title="queries and keys that were not transposed",
        recipe=SEQUENCES,
        code="""
            @step(outputs="weights")
            def my_step(x):
                scores = torch.bmm(x, x)  # here
                return F.softmax(scores / 6 ** 0.5, dim=-1)
        """,
        says=("[4, 6] but got: [4, 10]",),
        mended=("torch.bmm(x, x)", "torch.bmm(x, x.mT)"),
    ),
    Case(
        title="a positional encoding shorter than the sequences",
        recipe=SEQUENCES,
        code="""
            @step(outputs="x")
            def my_step(x):
                position = torch.arange(8)[:, None] / 100 ** (torch.arange(3) / 3)
                encoding = torch.cat([position.sin(), position.cos()], dim=1)
                return x + encoding  # here
        """,
        says=("add((4, 10, 6) float32", "(8, 6) float32"),
        mended=("torch.arange(8)", "torch.arange(10)"),
    ),
    Case(
        title="a transformer layer of another width",
        recipe=SEQUENCES,
        code="""
            @step(outputs="x")
            def my_step(x):
                layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
                return layer(x).detach()  # here
        """,
        says=("8", "6"),
        mended=("TransformerEncoderLayer(8, 2", "TransformerEncoderLayer(6, 2"),
    ),
)
