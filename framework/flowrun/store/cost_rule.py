"""The rule by which bytes are kept: only if recomputing them would cost more than reading."""

from __future__ import annotations

# Measured on two shared cores with a file system in memory's cache (benchmarks/keeping.py): a kept
# value costs some 2 ms to write, find, open and check, and is read and digested at 1.5 GB/s. Cold
# disks are slower; the rule is meant to be right in the order of magnitude.
FIXED_SECONDS = 0.01
BYTES_A_SECOND = 500e6


def is_worth_keeping(remake_seconds: float, size: int) -> bool:
    """Whether a value's bytes are kept.

    remake_seconds: the cost of recomputing the value: the seconds of its step, and of
        every step before it whose values are not kept either.
    size: its bytes.

    A value is kept if `remake_seconds > 0.01 + size / 500e6`: reading it back costs a fixed
    10 ms for finding, opening and checking it, and its bytes at 500 MB/s. `cache: true` and
    `cache: false` beside a step overrule the rule.
    """
    return remake_seconds > FIXED_SECONDS + size / BYTES_A_SECOND
