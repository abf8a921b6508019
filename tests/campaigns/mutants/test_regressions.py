"""Mistakes planted in a copy of the built-in steps: the shipped recipes notice every one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.mutants.planting import Regression, copied, plant, shipped
from tests.campaigns.mutants.running import run
from tests.campaigns.mutants.table import REGRESSIONS
from tests.recipes.test_shipped import REAL_DATA, real_data

# With these an edit would have made code that cannot run, which says nothing of a recipe.
BROKEN = ("AttributeError", "ImportError", "KeyError", "NameError", "SyntaxError", "TypeError")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the plugin and the shipped recipes."""
    return copied(tmp_path / "copy")


@pytest.mark.campaign(every=20, kind=lambda regression: regression.file)
@pytest.mark.parametrize("regression", REGRESSIONS, ids=lambda regression: regression.mistake)
def test_a_shipped_recipe_notices(regression: Regression, copy: Path) -> None:
    plant(regression, copy)
    (outcome,) = run([regression.caught_by], copy)
    assert outcome.status in ("unmet", "failed"), "every expectation is met"
    assert regression.at in outcome.at, outcome
    assert not (outcome.status == "failed" and outcome.found.startswith(BROKEN)), outcome


@pytest.mark.campaign(every=0)
def test_without_a_mistake_every_shipped_recipe_holds(copy: Path) -> None:
    outcomes = run(shipped(), copy)
    assert len(outcomes) == len(shipped())
    assert [one for one in outcomes if one.status not in ("ok", "skipped")] == []


@pytest.mark.campaign(every=0)
@real_data
def test_without_a_mistake_every_shipped_recipe_holds_on_the_real_data(copy: Path) -> None:
    outcomes = run(shipped(), copy, data=REAL_DATA)
    assert [one for one in outcomes if one.status not in ("ok", "skipped")] == []


def test_the_regressions_are_more_than_thirty_and_each_is_another() -> None:
    assert len({one.mistake for one in REGRESSIONS}) == len(REGRESSIONS) > 100
    assert len({(one.file, one.old, one.new) for one in REGRESSIONS}) == len(REGRESSIONS)


def test_a_regression_whose_code_is_gone_is_refused(copy: Path) -> None:
    gone = REGRESSIONS[0]._replace(old="code that nobody has written")
    with pytest.raises(ValueError, match="stands 0 times"):
        plant(gone, copy)
