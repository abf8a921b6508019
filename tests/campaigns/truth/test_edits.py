"""Every edit of the campaign: never a stale result, and no needless call but those that are known.

`python -m tests.campaigns.truth` counts both.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.truth.case import Case
from tests.campaigns.truth.cases import CASES
from tests.campaigns.truth.running import FORMS, verdict


@pytest.mark.campaign(every=60, kind=lambda case, form: case.kind)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_result_after_an_edit(case: Case, form: str, tmp_path: Path) -> None:
    found = verdict(case, form, tmp_path / "case")
    assert found.differs == case.differs
    assert bool(found.stale) == bool(case.unseen), found.stale
    assert bool(found.needless) == bool(case.needless), found.needless


def test_there_are_enough_edits_of_different_names() -> None:
    assert len(CASES) >= 150
    assert len({str(case) for case in CASES}) == len(CASES)
