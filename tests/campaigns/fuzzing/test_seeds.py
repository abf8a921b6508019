"""Each reader reads its seeds as the fuzzer would, and inputs that are next to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.fuzzing.targets import TARGETS

INPUTS = [(name, number) for name, target in TARGETS.items() for number in range(len(target.seeds))]


@pytest.mark.parametrize(("name", "number"), INPUTS)
def test_a_seed_is_read_or_refused(name: str, number: int, tmp_path: Path) -> None:
    target = TARGETS[name]
    target.try_input(target.seeds[number], tmp_path)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("data", [b"", b"\0", b"[", b"\xff" * 9, b"{" * 5_000], ids=repr)
def test_next_to_nothing_is_refused(name: str, data: bytes, tmp_path: Path) -> None:
    TARGETS[name].try_input(data, tmp_path)
