"""Each mistake gets its message: the place, what was found, what to do, on one screen."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from flowrun import RecipeError, load_recipe
from tests.campaigns.mistakes import MISTAKES, SECTIONS
from tests.campaigns.mistakes.make_table import PAGE, entry, row
from tests.campaigns.mistakes.mistake import BAD_RECIPE, Mistake, observe
from tests.campaigns.mistakes.recipe_file import BOMBS

MOST_LINES, MOST_COLUMNS = 24, 160
RENEW = "run `python -m tests.campaigns.mistakes.make_table`"
LIMIT = 1.0  # seconds in which a recipe beyond the bounds is refused


def section_of(number: int, mistake: Mistake) -> str:
    """The section of the page in which a mistake stands."""
    return next(name for name, mistakes in SECTIONS.items() if mistake in mistakes)


@pytest.mark.campaign(every=3, kind=section_of)
@pytest.mark.parametrize(
    ("number", "mistake"), enumerate(MISTAKES, start=1), ids=[one.title for one in MISTAKES]
)
def test_a_mistake_is_answered_on_one_screen_as_the_page_shows_it(
    number: int, mistake: Mistake, tmp_path: Path
) -> None:
    observed = observe(mistake, tmp_path)
    assert observed.code == mistake.code, observed.text
    for fragment in mistake.says:
        assert fragment in observed.message
    assert "Traceback" not in observed.text
    lines = observed.message.splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= MOST_COLUMNS
    assert "was_run" not in observed.files_made
    if mistake.code == BAD_RECIPE:
        assert observed.files_made == (), "nothing is run"
    written = PAGE.read_text(encoding="utf-8")
    assert row(number, mistake, observed) in written, RENEW
    assert entry(number, mistake, observed) in written, RENEW


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_recipe_beyond_the_bounds_is_refused_within_a_second(text: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    start = time.process_time()
    with pytest.raises(RecipeError):
        load_recipe(path)
    assert time.process_time() - start < LIMIT


def test_there_are_mistakes_enough_and_no_two_of_one_title() -> None:
    assert len(MISTAKES) >= 64
    assert len({mistake.title for mistake in MISTAKES}) == len(MISTAKES)
    assert all(SECTIONS.values())


def test_the_page_lists_each_mistake_once_and_nothing_else() -> None:
    written = PAGE.read_text(encoding="utf-8")
    headings = [line for line in written.splitlines() if line.startswith("### <a id=")]
    assert headings == [
        f'### <a id="{number}"></a>{number}. {mistake.title}'
        for number, mistake in enumerate(MISTAKES, start=1)
    ]
    assert written.count("\n| ") - len(SECTIONS) == len(MISTAKES), RENEW
    assert [line for line in written.splitlines() if line.startswith("## ")] == [
        f"## {section}" for section in SECTIONS
    ]
