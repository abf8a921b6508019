"""A check raises no alarm at recipes that are right: those shipped, and those of the documents."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

import flowrun
from flowrun import FlowrunError
from tests.campaigns.documents.test_docs import DOCUMENTS, blocks, write
from tests.conftest import Flowrun, run_module

RECIPES = Path(__file__).parents[3] / "recipes"
SHIPPED = [str(path.relative_to(RECIPES)) for path in sorted(RECIPES.rglob("*.yaml"))]
TRAINING = [name for name in SHIPPED if name.startswith(("red_", "white_"))]

# Recipes that would fail on a GPU: NumPy works on the CPU, and a missing GPU cannot be there.
NOT_FOR_A_GPU = ("article/28_numpy_numpy.yaml", "article/38_gpu_missing.yaml")

# The steps of shipped recipes of which a check says that it cannot know: where a descent ends that
# stops by itself depends on the data.
UNKNOWN = {
    "checks/by_hand_batches.yaml": ["by_patience"],
    "checks/by_hand_optimizers.yaml": ["by_tolerance"],
}

# Recipes that a document shows for what a check says of them.
BROKEN_ON_PURPOSE = (
    "check/wide.yaml", "article/column.yaml", "article/in_place.yaml", "article/vector.yaml",
    "article/score.yaml",
)  # fmt: skip

_FILE = re.compile(r"# file: (\S+)\n")  # the first line of a document's block that is a file


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped recipes, in which red_linear was run: predict_red takes its result."""
    folder = tmp_path_factory.mktemp("shipped") / "recipes"
    shutil.copytree(RECIPES, folder, ignore=shutil.ignore_patterns("out", ".flowrun"))
    flowrun.run(folder / "red_linear.yaml", device="cpu", record=False)
    return folder


@pytest.mark.campaign(every=6)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_raises_no_alarm(name: str, device: str, shipped: Path) -> None:
    if device == "cuda" and name in NOT_FOR_A_GPU:
        pytest.skip("it is not meant for a GPU")
    checked = flowrun.check(shipped / name, device=device)
    findings = checked.as_dict()["findings"]
    assert [finding for finding in findings if finding["kind"] != "unknown"] == []
    error = checked.plan.expectations.error
    failing = [] if error is None else [error.step]
    assert [step.id for step in checked.steps if step.state == "unknown"] == UNKNOWN.get(name, [])
    assert [step.id for step in checked.steps if step.state == "fails"] in ([], failing)


@pytest.mark.parametrize("name", TRAINING)
def test_every_step_of_a_training_is_known_to_the_last_shape(name: str, shipped: Path) -> None:
    checked = flowrun.check(shipped / name, device="cuda")
    assert checked.findings == []
    assert {step.id: step.state for step in checked.steps} == {
        step.id: "fits" for step in checked.steps
    }


def test_what_a_recipe_will_save_is_there_for_the_next_one(
    flowrun: Flowrun, tmp_path: Path
) -> None:
    folder = shutil.copytree(
        RECIPES, tmp_path / "recipes", ignore=shutil.ignore_patterns("out", ".flowrun")
    )
    paths = [folder / "red_linear.yaml", folder / "predict_red.yaml"]
    done = flowrun("check", "--json", *paths)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [one["findings"] for one in msgspec.json.decode(done.stdout)] == [[], []]
    assert not (folder / "out").exists()


# Their table is written by a command of the page, which checks them itself.
OF_A_DRAWN_TABLE = (
    "bring_your_script/steps.yaml", "bring_your_script/whole.yaml", "tables/score.yaml",
    "tables/beans.yaml",
    "values/shapes.yaml",  # which has a warning on purpose
)  # fmt: skip


def recipes_of(document: Path, folder: Path) -> list[Path]:
    """The recipes of a document that plan on their own, written with all its other files."""
    names = []
    for _, text in blocks(document):
        if first := _FILE.match(text):
            write(folder / first.group(1), text, text[first.end() :])
            names.append(first.group(1))
    found = []
    for name in dict.fromkeys(names):
        try:
            flowrun.plan(folder / name)
        except FlowrunError:
            continue
        if f"{document.stem}/{name}" not in (*BROKEN_ON_PURPOSE, *OF_A_DRAWN_TABLE):
            found.append(folder / name)
    return found


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What one command finds in the recipes of all documents, by the document's name."""
    folder = tmp_path_factory.mktemp("documents")
    paths = {document.stem: recipes_of(document, folder / document.stem) for document in DOCUMENTS}
    recipes = [path for of_one in paths.values() for path in of_one]
    environment = {"FLOWRUN_OFFLINE": "1", "FLOWRUN_CACHE": str(folder / "cache")}
    done = run_module(folder, "flowrun", "check", "--json", *recipes, **environment)
    assert done.stdout, done.stderr
    results = iter(msgspec.json.decode(done.stdout))
    return {name: [next(results) for _ in of_one] for name, of_one in paths.items()}


@pytest.mark.parametrize("name", [document.stem for document in DOCUMENTS])
def test_a_recipe_of_a_document_raises_no_alarm(
    name: str, documented: dict[str, list[dict[str, Any]]]
) -> None:
    findings = [finding for one in documented[name] for finding in one["findings"]]
    assert [finding for finding in findings if finding["kind"] != "unknown"] == []
