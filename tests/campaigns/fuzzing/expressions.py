"""Expressions of `compute`, which are evaluated on small values, and paths into values."""

from __future__ import annotations

import contextlib
from pathlib import Path

import torch

from flowrun.values.paths import follow, parse_path
from flowrun_tensors.expressions import ExpressionError, evaluate, parse_expression, vocabulary
from tests.campaigns.fuzzing.target import Target, as_text

VALUES = {
    "a": torch.tensor([[0.5, -1.0, 2.0], [3.0, 0.0, -2.5]]),
    "v": torch.tensor([1, 2, 3]),
    "n": 3,
    "x": 0.25,
    "text": "text",
    "many": [1.5, 2, [3, True]],
    "params": {"W1": torch.ones(3, 2), "b1": None, "inner": {"k": 1}},
}
SEEDS = [
    b"2 * (a + 1) @ params.W1 - x ** 2 // 3 % 5",
    b"a[:, None, ::-1][0].sum(0, keepdim=True).to(torch.float64)",
    b"where((a > 0) & ~(a <= 1) | (a != 2), exp(a), -a)",
    b"cat([a, a[[1, 0]]], dim=0).reshape(2, -1).shape",
    b'params["W1"].mean(0)',
    b"a += v * 0.5",
    b"a.T @ a.std(dim=1, unbiased=False)",
    b"stack([a, a]).flatten().topk(2).values",
]
TOKENS = (
    *vocabulary.ATTRIBUTES, *vocabulary.METHODS, "torch.", "a", "v", "params", "W1", "n", "**",
    "//", "@", "[:, None]", "::", "...", "lambda", "__", "f'", "+=", "1e308", "9999999999", "dim=",
    "keepdim=True", "None", "True", "inf", "nan",
)  # fmt: skip
PATHS = [b"metrics.mae", b"params.W1[0, 0]", b"many[-1]", b"a[ 1 , -1 ]", b"many[2][1]", b"v[0]"]


def check_expression(data: bytes, _: Path) -> None:
    """An expression is parsed or refused with a place in it; a parsed one has a value or an error.

    torch's own errors are let through as they are: a run reports them with the step.
    """
    text = as_text(data)
    try:
        expression = parse_expression(text)
    except ExpressionError as error:
        if error.offset is not None and not 0 <= error.offset <= len(text):
            raise AssertionError(f"no character {error.offset} of {len(text)}") from error
        raise
    with contextlib.suppress(RuntimeError):
        evaluate(expression, VALUES)


def check_path(data: bytes, _: Path) -> None:
    """A path is what it was written as, and leads to a value, or says which part is missing."""
    path = parse_path(as_text(data))
    assert path.text.startswith(path.root)
    follow(path, VALUES.get(path.root))


TARGETS = [
    Target(name="expression", check=check_expression, seeds=SEEDS, tokens=TOKENS,
           errors=(ExpressionError,)),
    Target(name="path", check=check_path, seeds=PATHS, tokens=("[", "]", ".", "-1", ",", "W1"),
           errors=(ValueError, LookupError)),
]  # fmt: skip
