"""Correct steps written with no thought of the rules keep them all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowrun
from flowrun.testing import Examination, examine_step
from flowrun.testing.steps.examples import examples_of
from tests.campaigns.checks.case import Stranger
from tests.campaigns.checks.strangers_known import KNOWN
from tests.campaigns.checks.strangers_unknown import UNKNOWN

# The rules that are broken besides.
MORE = {
    # A second call goes on where the first has ended.
    "a model of the file, trained where it lies": ["repeatable"],
    "another program is asked": ["reads"],
    "batches by two workers": ["reads"],
}


def examined(stranger: Stranger, folder: Path) -> Examination:
    """The stranger's step after the battery, on what its recipe gives it."""
    plan = flowrun.plan(stranger.write(folder), device="cpu")
    examples, failure = examples_of(
        plan, [one.step for one in plan.steps if one.step.name == "my_step"]
    )
    assert failure is None
    (example,) = examples
    return examine_step(example.step, example.inputs, example.options, folder=folder)


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")
@pytest.mark.parametrize("stranger", KNOWN + UNKNOWN, ids=lambda one: one.title)
def test_nothing_but_the_missing_words_is_found(stranger: Stranger, tmp_path: Path) -> None:
    found = examined(stranger, tmp_path)
    rules = {one.rule for one in found.findings}
    assert rules == {"documented", *MORE.get(stranger.title, ())}
    assert ("shapes" in found.unchecked) == bool(stranger.unknown)
