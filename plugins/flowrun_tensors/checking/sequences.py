"""Packed sequences on shapes: torch's own function writes the lengths to memory itself."""

from __future__ import annotations

from typing import Any

from flowrun import NeedsDataError
from flowrun_tensors.checking.fake_tensors import (
    assumed_data,
    known_data,
    ordinary_torch,
    unset_fake_temporarily,
)
from flowrun_tensors.lazy_torch import torch


def pack_padded(function: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """The elements of padded sequences by moments, and how many sequences each moment has.

    args: sequences `(time, batch, *)`, lengths `(batch,)`, and whether the sequences are
    `(batch, time, *)`. Raises NeedsDataError if the lengths are not known, and torch's errors.
    """
    sequences, lengths, batch_first = args
    real = known_data(lengths)
    if real is None:
        real = assumed_data(lengths, function.__name__)
    if real is None:
        raise NeedsDataError("it packs sequences whose lengths are known only in a run")
    with ordinary_torch():
        spread = torch.zeros(()).expand(sequences.shape)
        counts: list[int] = function(spread, real, batch_first)[1].tolist()
    moments = sequences.transpose(0, 1) if batch_first else sequences
    elements = torch.cat([moments[place, :count] for place, count in enumerate(counts)])
    return elements, torch.tensor(counts)


def pad_packed(function: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """The padded sequences of a packed one, and their lengths.

    args: `(rows, *)` elements, how many sequences each moment has, whether the result is
    `(batch, time, *)` and not `(time, batch, *)`, the number to fill up with, and the least length
    or -1. Raises NeedsDataError if the lengths are not known.
    """
    elements, counts, batch_first, padding, least = args
    real = known_data(counts)
    if real is None:
        raise NeedsDataError("it pads sequences whose lengths are known only in a run")
    with unset_fake_temporarily():
        sizes: list[int] = real.tolist()
    if least > 0 and least < len(sizes):
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, "
            f"but got total_length={least} and max sequence length being {len(sizes)}"
        )
    rest = elements.shape[1:]
    moments = [
        torch.cat([rows, rows.new_full((sizes[0] - len(rows), *rest), padding)])
        for rows in elements.split(sizes)
    ]
    missing = max(least - len(sizes), 0)
    moments += [elements.new_full((sizes[0], *rest), padding) for _ in range(missing)]
    lengths = [sum(size > place for size in sizes) for place in range(sizes[0])]
    return torch.stack(moments, dim=1 if batch_first else 0), torch.tensor(lengths)
