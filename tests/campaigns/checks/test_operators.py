"""Of every operator and layer in torch's own database a check says what a run does, by dtype."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.conftest import run_module

PARTS = 40  # of the database

# Of these the rules for shapes are torch's own composites, which call another kernel on shapes.
KNOWN = {
    "nn.MaxPool1d": "missed",  # of whole numbers
    "nn.functional.linear_cross_entropy.chunked": "missed",  # with whole numbers as weights
    "nn.functional.linear_cross_entropy.chunked_none": "missed",
    "addr": "another result",  # with float64 beside float32
}


@pytest.mark.campaign(every=0)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_check_says_of_an_operator_what_a_run_does(part: int, tmp_path: Path) -> None:
    done = run_module(
        Path(__file__).parents[3],
        "tests.campaigns.checks.operators", str(part), str(PARTS),
        fresh=True, OMP_NUM_THREADS="1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = msgspec.json.decode(done.stdout)
    assert found["counts"]["fits"] + found["counts"]["found"] > 100
    assert [one for one in found["disagreements"] if KNOWN.get(one[1].split()[0]) != one[0]] == []
