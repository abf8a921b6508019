"""Transformers of texts."""

from __future__ import annotations

from tests.campaigns.models.model import Mistake, Model

MODELS = (
    Model(
        "a transformer's encoder with padding masks",
        """
        class Encoder(nn.Module):
            def __init__(self, vocabulary=30, width=16):
                super().__init__()
                self.embedding = nn.Embedding(vocabulary, width)
                position = torch.arange(50).unsqueeze(1)
                rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
                table = torch.zeros(50, width)
                table[:, 0::2] = torch.sin(position * rate)
                table[:, 1::2] = torch.cos(position * rate)
                self.register_buffer("table", table)
                layer = nn.TransformerEncoderLayer(width, 4, 32, batch_first=True)
                self.layers = nn.TransformerEncoder(layer, 2)
                self.out = nn.Linear(width, 3)

            def forward(self, tokens):
                padding = tokens == 0
                x = self.embedding(tokens) + self.table[: tokens.size(1)]
                x = self.layers(x, src_key_padding_mask=padding)
                kept = (~padding).unsqueeze(-1)
                return self.out((x * kept).sum(1) / kept.sum(1).clamp(min=1))


        @step(outputs=("logits", "entropy"), random=True)
        def encode():
            tokens = torch.randint(1, 30, (6, 9))
            tokens[:, 7:] = 0
            labels = torch.randint(0, 3, (6,))
            net = Encoder()
            optimizer = torch.optim.NAdam(net.parameters(), lr=1e-3)
            for _ in range(2):
                loss = F.cross_entropy(net(tokens), labels, weight=torch.tensor([1.0, 2.0, 1.0]))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            net.eval()
            with torch.no_grad():
                logits = net(tokens)
            p = logits.softmax(-1)
            return logits, -(p * p.log()).sum(-1).mean().item()
        """,
        (
            Mistake(
                "the mask's sides exchanged", "padding = tokens == 0", "padding = tokens.T == 0"
            ),
            Mistake("positions of all lengths", "self.table[: tokens.size(1)]", "self.table"),
            Mistake("a mask that lacks a dimension", "(~padding).unsqueeze(-1)", "(~padding)"),
            Mistake(
                "a weight for each of two classes",
                "torch.tensor([1.0, 2.0, 1.0])",
                "torch.tensor([1.0, 2.0])",
            ),
            Mistake("rates for all columns", "torch.arange(0, width, 2)", "torch.arange(0, width)"),
        ),
    ),
    Model(
        "a decoder with causal attention of its own, that generates",
        """
        class Attention(nn.Module):
            def __init__(self, width, heads, context):
                super().__init__()
                self.heads = heads
                self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
                self.register_buffer("mask", torch.tril(torch.ones(context, context)).bool())

            def forward(self, x):
                n, t, c = x.shape
                q, k, v = self.qkv(x).split(c, dim=2)
                q = q.view(n, t, self.heads, c // self.heads).transpose(1, 2)
                k = k.view(n, t, self.heads, c // self.heads).transpose(1, 2)
                v = v.view(n, t, self.heads, c // self.heads).transpose(1, 2)
                a = (q @ k.transpose(-2, -1)) / math.sqrt(k.size(-1))
                a = a.masked_fill(~self.mask[:t, :t], float("-inf")).softmax(-1)
                return self.out((a @ v).transpose(1, 2).contiguous().view(n, t, c))


        class GPT(nn.Module):
            def __init__(self, vocabulary=20, width=24, context=10):
                super().__init__()
                self.context = context
                self.token = nn.Embedding(vocabulary, width)
                self.position = nn.Embedding(context, width)
                self.attention = Attention(width, 4, context)
                self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
                self.mlp = nn.Sequential(nn.Linear(width, 96), nn.GELU(), nn.Linear(96, width))
                self.head = nn.Linear(width, vocabulary, bias=False)
                self.head.weight = self.token.weight

            def forward(self, tokens, targets=None):
                x = self.token(tokens) + self.position(torch.arange(tokens.size(1)))
                x = x + self.attention(self.norm1(x))
                logits = self.head(x + self.mlp(self.norm2(x)))
                if targets is None:
                    return logits, None
                return logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))


        @step(outputs=("tokens", "perplexity"), random=True)
        def generate():
            data = torch.randint(0, 20, (200,))
            net = GPT()
            optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
            for _ in range(3):
                starts = torch.randint(len(data) - 11, (4,))
                x = torch.stack([data[i : i + 10] for i in starts])
                y = torch.stack([data[i + 1 : i + 11] for i in starts])
                _, loss = net(x, y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            tokens = torch.zeros(2, 1, dtype=torch.long)
            net.eval()
            with torch.no_grad():
                for _ in range(14):
                    logits, _ = net(tokens[:, -net.context :])
                    logits = logits[:, -1] / 0.8
                    least = logits.topk(5).values[:, -1:]
                    logits = logits.masked_fill(logits < least, -float("inf"))
                    tokens = torch.cat([tokens, torch.multinomial(logits.softmax(-1), 1)], dim=1)
            return tokens, math.exp(loss.item())
        """,
        (
            Mistake("longer than the context", "net(tokens[:, -net.context :])", "net(tokens)"),
            Mistake(
                "heads that do not divide the width",
                "Attention(width, 4, context)",
                "Attention(width, 5, context)",
            ),
            Mistake(
                "a view of what is transposed",
                "(a @ v).transpose(1, 2).contiguous().view(n, t, c)",
                "(a @ v).transpose(1, 2).view(n, t, c)",
            ),
            Mistake("targets that are not flat", "targets.view(-1))", "targets)"),
            Mistake("windows longer by one", "data[i + 1 : i + 11]", "data[i + 1 : i + 12]"),
        ),
    ),
)
