"""Of every operator and layer in torch's own database a check says what a run does, by dtype."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.conftest import run_module

PARTS = 40  # of the database

# Operators on which run and check disagree: see the docstring of `kernel_rules`.
KNOWN: dict[str, str] = {}


@pytest.mark.campaign(every=PARTS)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_check_refuses_the_dtypes_that_a_run_refuses(part: int, tmp_path: Path) -> None:
    done = run_module(
        Path(__file__).parents[3],
        "tests.campaigns.checks.operators", str(part), str(PARTS),
        fresh=True, OMP_NUM_THREADS="1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = msgspec.json.decode(done.stdout)
    assert found["counts"]["fits"] + found["counts"]["found"] > 200
    assert [one for one in found["disagreements"] if KNOWN.get(one[1].split()[0]) != one[0]] == []
