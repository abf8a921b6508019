"""Seeds: each step's own, so that inserting a step changes no other step's random numbers."""

from __future__ import annotations

from blake3 import blake3

LARGEST_SEED = 2**63 - 1


def step_seed(recipe_seed: int, step_id: str) -> int:
    """The seed of one step: 63 bits of the digest of the recipe's seed and the step's id."""
    digest = blake3(f"{recipe_seed}/{step_id}".encode()).digest(length=8)
    return int.from_bytes(digest, "big") & LARGEST_SEED
