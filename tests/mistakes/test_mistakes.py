"""Each mistake gets its message: the place, what was found, what to do, on one screen."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from flowrun import RecipeError, load_recipe

from . import MISTAKES, SECTIONS
from .make_table import PAGE, page
from .mistake import BAD_RECIPE, Mistake, Observed, observe
from .recipe_file import BOMBS

MOST_LINES, MOST_COLUMNS = 24, 160
LIMIT = 1.0  # seconds in which a recipe beyond the bounds is refused


class Observations:
    """Every mistake made once, several at a time, whichever tests ask for it."""

    def __init__(self, pool: ThreadPoolExecutor, folder: Path) -> None:
        self._pool = pool
        self._folder = folder
        self._found: dict[str, Future[Observed]] = {}

    def begin(self, mistake: Mistake) -> Future[Observed]:
        """Make the mistake in the background, unless that has begun."""
        if mistake.title not in self._found:
            folder = self._folder / str(len(self._found))
            folder.mkdir()
            self._found[mistake.title] = self._pool.submit(observe, mistake, folder)
        return self._found[mistake.title]

    def of(self, mistake: Mistake) -> Observed:
        """What came of the mistake."""
        return self.begin(mistake).result()


@pytest.fixture(scope="module")
def observations(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Observations]:
    """The mistakes that the chosen tests are about, on their way."""
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        observations = Observations(pool, tmp_path_factory.mktemp("mistakes"))
        for item in request.session.items:
            call = getattr(item, "callspec", None)
            if call is not None and isinstance(call.params.get("mistake"), Mistake):
                observations.begin(call.params["mistake"])
        yield observations
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_a_mistake_is_answered_on_one_screen(mistake: Mistake, observations: Observations) -> None:
    observed = observations.of(mistake)
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


def test_the_page_of_mistakes_is_current(observations: Observations) -> None:
    for mistake in MISTAKES:
        observations.begin(mistake)
    written = PAGE.read_text(encoding="utf-8")
    assert written == page(observations.of), "run `python -m tests.mistakes.make_table`"
