"""The names of `names_rnn`, and its network: what one writes oneself, in one file."""

import torch
from torch import nn

from flowrun import Context, hookimpl, step
from flowrun_tensors import Model

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LONGEST = 12


@step(outputs=("tokens", "labels", "languages"))
def names(*, path: str, ctx: Context):
    """Read names, one on each line with its language.

    `tokens` of `(names, 12)` int64: 1 for `a` to 26 for `z`, and 0 before the first letter.
    `labels` of `(names, 1)` int64, places in `languages`.
    """
    lines = [line.split() for line in ctx.path(path).read_text(encoding="utf-8").splitlines()]
    languages = sorted({language for _, language in lines})
    tokens = torch.zeros(len(lines), LONGEST, dtype=torch.int64)
    for row, (name, _) in zip(tokens, lines, strict=True):
        row[LONGEST - len(name) :] = torch.tensor([1 + LETTERS.index(letter) for letter in name])
    labels = torch.tensor([[languages.index(language)] for _, language in lines])
    return tokens, labels, languages


@step(outputs=("X_train", "y_train", "X_val", "y_val"), random=True)
def divide(tokens, labels, *, train: int):
    """Divide names and labels, in random order, into rows to train on and to validate with."""
    order = torch.randperm(len(tokens))
    tokens, labels = tokens[order], labels[order]
    return tokens[:train], labels[:train], tokens[train:], labels[train:]


class NamesRNN(nn.Module):
    """An embedding of letters, a GRU over them, and a linear layer on its last state."""

    def __init__(self, outputs, hidden):
        super().__init__()
        self.embedding = nn.Embedding(1 + len(LETTERS), hidden, padding_idx=0)
        self.rnn = nn.GRU(hidden, hidden, batch_first=True)
        self.classes = nn.Linear(hidden, outputs)

    def forward(self, tokens):
        states, _ = self.rnn(self.embedding(tokens))
        return self.classes(states[:, -1])


def names_rnn(features, outputs, *, hidden=24):
    """The network for tokens of any length."""
    return NamesRNN(outputs, hidden)


@hookimpl
def flowrun_tensors_models():
    return [Model.of_module("names_rnn", names_rnn)]
