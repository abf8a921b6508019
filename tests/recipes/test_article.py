"""The article's recipes: each code block has one, and all of them hold."""

from __future__ import annotations

import re
import shutil
from itertools import groupby
from pathlib import Path

import pytest

import flowrun as package
from tests import processes
from tests.conftest import Flowrun
from tests.recipes.test_shipped import REAL_DATA, real_data

ROOT = Path(__file__).parents[2]
ARTICLE = sorted((ROOT / "recipes" / "article").glob("*.yaml"))
SECTIONS = ["tensors", "data", "numpy", "storage", "gpu", "autodiff", "nn"]
BLOCKS = 55  # of Python in the article


@pytest.fixture
def copies(tmp_path: Path) -> list[Path]:
    """The recipes copied into the test's folder, as some of them write files."""
    folder = shutil.copytree(ARTICLE[0].parent, tmp_path / "recipes" / "article")
    return sorted(folder.glob("*.yaml"))


def table(output: str) -> dict[str, tuple[str, str, str]]:
    """The rows of the closing table: by recipe its section, its result, and what more is said."""
    rows = [line.split(maxsplit=3) for line in output.rstrip().rpartition("\n\n")[2].splitlines()]
    return {name: (section, result, more) for name, section, result, more in rows}


@pytest.mark.campaign(every=0)
def test_all_recipes_of_the_article_hold(flowrun: Flowrun, copies: list[Path]) -> None:
    done = flowrun(*copies)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = table(done.stdout)
    assert list(rows) == [path.stem for path in ARTICLE]
    for name, (section, result, more) in rows.items():
        assert section == name.split("_")[1]
        assert result == "ok" or (result == "skipped" and more.startswith("needs ")), name


@real_data
def test_those_that_load_the_wines_hold_on_the_real_data(
    flowrun: Flowrun, copies: list[Path]
) -> None:
    wines = [path for path in copies if "wine-red" in path.read_text(encoding="utf-8")]
    done = flowrun("--no-standin", *wines, FLOWRUN_DATA_PATH=REAL_DATA)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {result for _, result, _ in table(done.stdout).values()} == {"ok"}


def test_what_is_held_of_random_draws_holds_for_another_seed(
    flowrun: Flowrun, copies: list[Path]
) -> None:
    drawing = [path for path in copies if re.search(r"random|wine", path.read_text("utf-8"))]
    done = flowrun("-q", "--seed", "1", *drawing)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", ARTICLE, ids=lambda path: path.stem)
def test_a_recipe_of_the_article_says_what_it_shows_and_expects_it(path: Path) -> None:
    recipe = package.load_recipe(path)
    assert recipe.name == path.stem
    assert recipe.section == path.stem.split("_")[1]
    assert recipe.about
    assert recipe.expect


def test_the_recipes_stand_in_the_articles_order() -> None:
    assert [int(path.stem[:2]) for path in ARTICLE] == list(range(1, len(ARTICLE) + 1))
    sections = [package.load_recipe(path).section for path in ARTICLE]
    assert [section for section, _ in groupby(sections)] == SECTIONS


def test_every_code_block_of_the_article_has_a_recipe() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in ARTICLE)
    blocks = [int(number) for number in re.findall(r"^# article, block (\d+)", text, re.MULTILINE)]
    assert [block for block, _ in groupby(blocks)] == list(range(1, BLOCKS + 1))


def test_the_page_of_the_article_is_current() -> None:
    done = processes.run([ROOT / "docs" / "make_article.py", "--check"])
    assert done.returncode == 0, done.stderr
