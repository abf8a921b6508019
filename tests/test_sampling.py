"""What a sample of the campaigns leaves out."""

from __future__ import annotations

import os
from collections import Counter
from itertools import combinations
from pathlib import Path

from tests import processes
from tests.campaigns.mistakes import MISTAKES, SECTIONS

ROOT = Path(__file__).parents[1]
TEST = (
    "tests/campaigns/mistakes/test_mistakes.py"
    "::test_a_mistake_is_answered_on_one_screen_as_the_page_shows_it"
)


def collected(*arguments: str, campaigns: str = "") -> list[str]:
    """The cases of a test that pytest would run, by their names."""
    done = processes.run(
        ["-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT, env={**os.environ, "FLOWRUN_CAMPAIGNS": campaigns},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return [line.partition("[")[2][:-1] for line in done.stdout.splitlines() if "[" in line]


def test_a_sample_is_the_same_every_time_and_has_all_kinds() -> None:
    sample, again, whole = collected(TEST), collected(TEST), collected(TEST, campaigns="all")
    assert sample == again
    assert whole == [mistake.title for mistake in MISTAKES]
    counts = Counter(
        name for name, mistakes in SECTIONS.items() for one in mistakes if one.title in sample
    )
    assert counts == {name: -(-len(mistakes) // 3) for name, mistakes in SECTIONS.items()}


def test_a_case_that_is_asked_for_is_in_the_sample() -> None:
    asked = [mistake.title for mistake in MISTAKES[:2]]
    assert [collected(f"{TEST}[{title}]") for title in asked] == [[title] for title in asked]


def test_a_sample_of_a_product_has_every_pair_of_settings() -> None:
    test = "tests/tensors/steps/test_gd_train.py::test_an_engine_walks_the_path_of_the_loop"
    sample, whole = ({tuple(one.split("-")) for one in collected(test, campaigns=campaigns)}
                     for campaigns in ("", "all"))  # fmt: skip
    assert {pair for one in sample for pair in combinations(one, 2)} == {
        pair for one in whole for pair in combinations(one, 2)
    }
    assert len(sample) == 32 < len(whole) == 96
