"""The images of `digits_cnn`, and its network: what one writes oneself, in one file."""

import torch
from torch import nn

from flowrun import Context, hookimpl, step
from flowrun_tensors import Model

GLYPHS = [  # the digits of the stand-in, 5 rows of 3 dots
    "###|#.#|#.#|#.#|###", ".#.|##.|.#.|.#.|###", "###|..#|###|#..|###", "###|..#|.##|..#|###",
    "#.#|#.#|###|..#|..#", "###|#..|###|..#|###", "###|#..|###|#.#|###", "###|..#|.#.|.#.|.#.",
    "###|#.#|###|#.#|###", "###|#.#|###|..#|###",
]  # fmt: skip


@step(outputs=("images", "labels"), random=True)
def digits(*, ctx: Context):
    """Take the 8x8 digits of scikit-learn, or, if it is not installed, draw a stand-in.

    `images` of `(1797, 64)` from 0 to 1, `labels` of `(1797, 1)` int64. The stand-in is glyphs at
    random places, with noise: NOT handwriting.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        ctx.warn("SIMULATED STAND-IN for the digits of scikit-learn, which is not installed")
        return drawn(1797)
    found = load_digits()
    return torch.tensor(found.data / 16).to(torch.float32), torch.tensor(found.target).unsqueeze(1)


def drawn(count):
    """So many images of glyphs, and their digits."""
    rows = [[[dot == "#" for dot in row] for row in glyph.split("|")] for glyph in GLYPHS]
    glyphs = torch.tensor(rows).to(torch.float32)
    labels = torch.randint(0, 10, (count, 1))
    images = torch.zeros(count, 8, 8)
    for image, label in zip(images, labels.flatten().tolist(), strict=True):
        top, left = torch.randint(0, 4, (1,)).item(), torch.randint(0, 6, (1,)).item()
        image[top : top + 5, left : left + 3] = glyphs[label]
    noise = 0.15 * torch.randn(count, 8, 8)
    return (images + noise).clamp(0, 1).flatten(1), labels


@step(outputs=("X_train", "y_train", "X_val", "y_val"), random=True)
def divide(images, labels, *, train: int):
    """Divide images and labels, in random order, into rows to train on and to validate with."""
    order = torch.randperm(len(images))
    images, labels = images[order].reshape(-1, 1, 8, 8), labels[order]
    return images[:train], labels[:train], images[train:], labels[train:]


class DigitsCNN(nn.Module):
    """Two convolutions with batch normalization, and a linear layer behind dropout."""

    def __init__(self, outputs, width, dropout):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, padding=1), nn.BatchNorm2d(2 * width), nn.ReLU(),
            nn.MaxPool2d(2),
        )  # fmt: skip
        self.classes = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * width * 16, outputs))

    def forward(self, images):
        return self.classes(self.features(images).flatten(1))


def digits_cnn(features, outputs, *, width=8, dropout=0.3):
    """The network for rows of this shape."""
    return DigitsCNN(outputs, width, dropout)


@hookimpl
def flowrun_tensors_models():
    return [Model.of_module("digits_cnn", digits_cnn)]
