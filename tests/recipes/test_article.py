"""The article's recipes: each code block has one, and all of them hold."""

from __future__ import annotations

import re
import shutil
from itertools import groupby
from pathlib import Path

import msgspec
import pytest
import torch

import flowrun as package
from flowrun.expectations.expectation import Expectations
from tests import processes
from tests.conftest import Flowrun
from tests.recipes.printed import BY_FORM, ERRORS, EXACT, ON_A_GPU, ON_THE_REAL_DATA, RIGHT
from tests.recipes.test_shipped import REAL_DATA, real_data

ROOT = Path(__file__).parents[2]
ARTICLE = sorted((ROOT / "recipes" / "article").glob("*.yaml"))
SECTIONS = ["tensors", "data", "numpy", "storage", "gpu", "autodiff", "nn"]
BLOCKS = 55  # of Python in the article
# Results that they print, but for errors and the time of the GPU, which the line of `bench` has.
PRINTED = 66


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


def shown(recipe: str, **settings: object) -> list[str]:
    """What a recipe's steps `show` print, without names, as `print` would."""
    result = package.run(ROOT / "recipes" / "article" / f"{recipe}.yaml", record=False, **settings)
    assert result.ok
    messages = [
        text
        for step in result.record["steps"]
        if step["step"] == "show"
        for text in step["messages"]
    ]
    return [as_printed(text) for text in messages]


def as_printed(message: str) -> str:
    """The text without its name, and without the space that stands for it in further lines."""
    name, equals, text = message.partition(" = ")
    return text.replace("\n" + " " * len(name + equals), "\n") if equals else message


def form(text: str) -> str:
    """The text without digits, signs and the space that aligns them.

    Whether torch prints `2.7e-06` or `0.0079` depends on the draw.
    """
    aligned = re.sub(r"[ ]+", " ", text).replace("[ ", "[")
    return re.sub(r"-?\d+", "9", re.sub(r"e[-+]\d+", "", aligned))


@pytest.mark.parametrize("recipe", [name for name in EXACT if name not in RIGHT])
def test_a_recipe_prints_what_the_article_prints(recipe: str) -> None:
    assert shown(recipe) == EXACT[recipe]


@pytest.mark.parametrize("recipe", RIGHT)
def test_a_recipe_prints_what_the_articles_code_prints(recipe: str) -> None:
    assert shown(recipe) == RIGHT[recipe] != EXACT[recipe]


@pytest.mark.parametrize("recipe", ON_A_GPU)
def test_a_recipe_prints_what_the_article_prints_on_a_gpu(recipe: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    assert shown(recipe) == ON_A_GPU[recipe]


@real_data
@pytest.mark.parametrize("recipe", ON_THE_REAL_DATA)
def test_a_recipe_prints_what_the_article_prints_of_the_wines(
    recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWRUN_DATA_PATH", REAL_DATA)
    assert shown(recipe, standin=False) == ON_THE_REAL_DATA[recipe]


@pytest.mark.parametrize("recipe", BY_FORM)
def test_a_recipe_prints_the_form_of_a_draw_or_a_time(recipe: str) -> None:
    wanted = BY_FORM[recipe]
    found = [form(text) for text in shown(recipe)][-len(wanted) :]
    for one, other in zip(found, map(form, wanted), strict=True):
        lines, wanted_lines = one.split("\n"), other.split("\n")
        assert [*lines[:3], lines[-1]] == [*wanted_lines[:3], wanted_lines[-1]]


@pytest.mark.parametrize("recipe", ERRORS)
def test_a_recipe_fails_with_the_message_that_the_article_prints(recipe: str) -> None:
    plan = package.plan(ROOT / "recipes" / "article" / f"{recipe}.yaml")
    assert plan.expectations.error is not None
    bare = msgspec.structs.replace(plan, expectations=Expectations())
    with pytest.raises(package.StepError, match=re.escape(ERRORS[recipe])):
        package.run_plan(bare, record=False)


def test_every_result_that_the_article_prints_is_reproduced() -> None:
    tables = (EXACT, ON_A_GPU, ON_THE_REAL_DATA, BY_FORM)
    assert sum(len(texts) for table in tables for texts in table.values()) == PRINTED
    assert set(RIGHT) <= set(EXACT)


def test_the_page_of_experiments_has_thirty_and_five_are_mistakes() -> None:
    text = (ROOT / "docs" / "article.md").read_text(encoding="utf-8")
    _, *experiments = re.split(r"^### ", text.partition("\n## Going on")[0], flags=re.MULTILINE)
    titles = [experiment.partition("\n")[0] for experiment in experiments]
    assert len(titles) >= 30
    assert [int(title.partition(".")[0]) for title in titles] == list(range(1, len(titles) + 1))
    assert sum(". Mistake: " in title for title in titles) >= 5
    for title, experiment in zip(titles, experiments, strict=True):
        assert "\n```console\n$ flowrun " in experiment, title
        assert experiment.count("\n$ ") >= 2, f"{title}: one run, and one with a change"
        assert "\nThe cure" in experiment if ". Mistake: " in title else "\nWhy: " in experiment


def test_the_page_of_blocks_is_current() -> None:
    done = processes.run([ROOT / "docs" / "make_article.py", "--check"])
    assert done.returncode == 0, done.stderr
