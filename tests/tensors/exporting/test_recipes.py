"""The shipped recipes and the article's: short scripts with the bits of their runs."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest
import torch

import flowrun as package
from flowrun_tensors.exporting import export_plan
from tests import processes
from tests.conftest import Flowrun
from tests.sampling import examples
from tests.tensors.exporting.scripts import (
    RECIPES,
    Python,
    assert_as_run,
    assert_reads_like_code,
    assert_same_bits,
    by_the_loop,
    written,
)

# The lines that a script has at most; the issue of the export sets 100.
LINES = {
    "red_linear": 90,
    "white_linear": 90,
    "red_mlp": 100,
    "red_mlp_unscaled": 100,
    "white_mlp": 100,
}
ARTICLE = sorted((RECIPES / "article").glob("*.yaml"))
OF_TABLES = [RECIPES / f"{name}.yaml" for name in ("iris", "passengers", "score_passengers")]
BY_HAND = sorted((RECIPES / "checks").glob("*.yaml"))


@pytest.mark.parametrize("fresh", [False, True], ids=["forked", "new"])
def test_no_flowrun_is_where_the_scripts_run(
    fresh: bool, torch_alone: Python, with_numpy: Python
) -> None:
    for python, missing in ((torch_alone, "flowrun numpy safetensors"), (with_numpy, "flowrun")):
        for name in missing.split():
            done = python("-c", f"import {name}", fresh=fresh)
            assert f"No module named '{name}'" in done.stderr


@pytest.mark.parametrize("name", LINES)
def test_a_training_recipe_is_a_short_script_with_the_bits_of_the_run(
    name: str, flowrun: Flowrun, torch_alone: Python, tmp_path: Path
) -> None:
    script = tmp_path / "scripts" / "script.py"
    script.parent.mkdir()
    done = flowrun("export", RECIPES / f"{name}.yaml", "-o", script)
    assert done.returncode == 0, done.stderr
    text = script.read_text()
    assert len(text.splitlines()) <= LINES[name]
    assert str(RECIPES.parent) not in text
    assert str(tmp_path) not in text
    recipe = RECIPES / f"{name}.yaml"
    made = export_plan(package.plan(recipe))
    assert text == made.text
    values = torch_alone.values_of({script: made.variables})[script]
    result = package.run(recipe, set=[f"save.to={tmp_path / 'out'}", *by_the_loop(recipe)])
    assert_as_run(values, result)
    assert values.keys() == result.values.keys()
    saved = torch.load(script.parent / "out" / name / "values.pt")
    assert saved.keys() == {"params", "model", "mean", "std", "columns", "metrics"}
    for key, value in saved.items():
        assert_same_bits(value, result.values[key], key)


def test_a_script_says_what_it_is_made_of(flowrun: Flowrun, torch_alone: Python) -> None:
    done = flowrun("export", RECIPES / "red_linear.yaml", "-o", "red.py")
    assert done.stdout == "wrote wine-red-standin.csv\nwrote red.py\n"
    text = Path("red.py").read_text()
    assert "# red_linear: Score red Vinho Verde from 11 laboratory measurements" in text
    assert "# It needs torch, and beside it wine-red-standin.csv." in text
    assert "SIMULATED STAND-IN for wine-red, NOT THE REAL DATA" in text
    for line in (
        "data = data[torch.randperm(len(data))]",
        "X_train, X_val = X[:1000], X[1000:]",
        "    y_hat = X_train @ W + b",
        "    loss = ((y_hat - y_train) ** 2).mean()",
        "    loss.backward()",
        "        W -= 0.01 * W.grad",
    ):
        assert f"\n{line}\n" in text
    for gone in ("flowrun import", "import flowrun", "@step", "Annotated", "Meta(", "class "):
        assert gone not in text
    done = torch_alone("red.py", fresh=True)
    assert done.returncode == 0, done.stderr
    assert "metrics: {'mae': 0." in done.stdout
    assert "loss " in done.stdout
    assert "SIMULATED STAND-IN for wine-red, not the real data\n" in done.stderr


def test_a_script_without_its_data_says_where_that_is(
    flowrun: Flowrun, torch_alone: Python
) -> None:
    for name, needed in (("real.py", "https://example.org/h.csv"), ("standin.py", "export")):
        Path("data").mkdir(exist_ok=True)
        Path("data/house.csv").write_text("a,b\n1,2\n3,4\n")
        Path("standin.csv").write_text("a,b\n5,6\n7,8\n")
        Path("own.py").write_text(DATA_SET)
        recipe = {"recipe": "r", "plugins": ["./own.py"], "steps": [{"load": {"source": "house"}}]}
        path = "data" if name == "real.py" else ""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FLOWRUN_DATA_PATH", path)
            made = export_plan(package.plan(recipe))
        script = Path("alone") / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(made.text)
        done = torch_alone(script)
        assert done.returncode == 1
        assert needed in done.stderr
        assert "Traceback" not in done.stderr
        script = written(made, script)
        (values,) = torch_alone.values_of({script.resolve(): {"data": "data"}}).values()
        first = 1.0 if name == "real.py" else 5.0
        assert values["data"].tolist() == [[first, first + 1], [first + 2, first + 3]]


DATA_SET = """
from pathlib import Path
from flowrun import Dataset, hookimpl

@hookimpl
def flowrun_datasets():
    return [Dataset(name="house", about="One.", url="https://example.org/h.csv",
                    filename="house.csv", licence="CC0", citation="none",
                    sha256="b9485148546419a0f6a85e8d708c923557c15d7f3c7d078ef1fa7f7c0f57d5a5",
                    standin=str(Path(__file__).with_name("standin.csv")))]
"""


def runnable(plan: package.Plan) -> bool:
    return (
        plan.expectations.error is None
        and not plan.recipe.needs.texts
        and all(step.step.name != "bench" for step in plan.steps)
    )


def test_every_recipe_of_the_article_and_by_hand_gives_the_same_bits_as_a_script(
    with_numpy: Python, torch_alone: Python, tmp_path: Path
) -> None:
    asked: dict[Path, dict[str, str]] = {}
    recipes: dict[Path, Path] = {}
    needs_more: set[Path] = set()
    chosen = [*ARTICLE, *BY_HAND][:: examples(1, sample=3)]
    for path in chosen:
        copies = tmp_path / path.stem / "recipes"
        shutil.copytree(RECIPES, copies, ignore=shutil.ignore_patterns("out"))
        folder = copies / path.parent.name
        plan = package.plan(folder / path.name)
        made = export_plan(plan)
        assert len(made.text.splitlines()) <= (100 if path in ARTICLE else 400)
        assert str(tmp_path) not in made.text
        if not runnable(plan):
            continue
        script = written(made, folder / f"{path.stem}.py")
        asked[script], recipes[script] = made.variables, folder / path.name
        if any(line in made.text for line in ("import numpy", "from safetensors", ".numpy(")):
            needs_more.add(script)
    assert len(asked) >= 0.8 * len(chosen)
    assert {script.stem for script in needs_more} == {path.stem for path in chosen} & {
        "28_numpy_numpy", "29_numpy_files", "by_hand_saved", "by_hand_values",
    }  # fmt: skip
    alone = {script: names for script, names in asked.items() if script not in needs_more}
    values = torch_alone.values_of(alone)
    values |= with_numpy.values_of({script: asked[script] for script in needs_more})
    for script, found in values.items():
        result = package.run(recipes[script], set=by_the_loop(recipes[script]), record=False)
        assert_as_run(found, result, script.stem)


FAILING = ["33_storage_in_place_error", "38_gpu_missing", "39_gpu_two_devices_error",
           "49_autodiff_leaf_error"]  # fmt: skip


@pytest.mark.parametrize("name", FAILING)
def test_a_step_that_is_expected_to_fail_fails_in_the_script(
    name: str, torch_alone: Python, tmp_path: Path
) -> None:
    plan = package.plan(RECIPES / "article" / f"{name}.yaml")
    if plan.recipe.needs.unmet(plan.registry.devices):
        pytest.skip("this machine is not what the recipe needs")
    done = torch_alone(written(export_plan(plan), tmp_path / "script.py"))
    assert done.returncode == 1
    failing = plan.expectations.error
    assert failing is not None
    assert re.search(failing.matches, done.stderr)


@pytest.mark.parametrize("name", ["bench_add", "bench_matmul"])
def test_a_measurement_is_made_by_a_script_too(
    name: str, torch_alone: Python, tmp_path: Path
) -> None:
    plan = package.plan(RECIPES / f"{name}.yaml", set={"bench.n": 50, "bench.seconds": 0.01})
    made = export_plan(plan)
    script = written(made, tmp_path / "script.py")
    timings = torch_alone.values_of({script: made.variables})[script]["timings"]
    if name == "bench_add":
        assert timings["ratio"] == timings["lists"] / timings["tensors"] > 0
    else:
        assert timings["cpu"]["gflops"] == 2 * 50**3 / timings["cpu"]["seconds"] / 1e9 > 0
    assert timings["n"] == 50


@pytest.mark.parametrize("path", OF_TABLES, ids=lambda path: path.stem)
def test_a_recipe_of_tables_has_no_script_yet_which_is_said(path: Path) -> None:
    with pytest.raises(package.FlowrunError, match=r"cannot be exported|no short form"):
        export_plan(package.plan(path))


def test_scripts_of_shipped_recipes_read_like_code_of_the_house(tmp_path: Path) -> None:
    for path in {*RECIPES.rglob("*.yaml")} - {*OF_TABLES}:
        script = export_plan(package.plan(path)).text
        (tmp_path / f"s_{path.stem}.py").write_text(script, encoding="utf-8")
        ast.parse(script)
    assert_reads_like_code(tmp_path)


def test_what_a_run_has_saved_is_read_from_its_folder(with_numpy: Python, tmp_path: Path) -> None:
    for name in ("red_linear.yaml", "red_mlp.yaml", "predict_red.yaml", "new_bottles.csv"):
        shutil.copy(RECIPES / name, tmp_path)
    recipe = tmp_path / "predict_red.yaml"
    for trained in ("red_linear", "red_mlp"):
        package.run(
            tmp_path / f"{trained}.yaml", set=["save.to=out/red_linear", "gd_train.steps=3"]
        )
        made = export_plan(package.plan(recipe))
        script = written(made, tmp_path / trained / "predict.py")
        values = with_numpy.values_of({script: made.variables})[script]
        assert_same_bits(values["y_hat"], package.run(recipe, record=False).values["y_hat"])


def test_what_a_script_has_saved_is_read_by_a_script(torch_alone: Python, tmp_path: Path) -> None:
    for name in ("red_mlp.yaml", "predict_red.yaml", "new_bottles.csv"):
        shutil.copy(RECIPES / name, tmp_path)
    settings = ["save.to=out/red_linear", "gd_train.steps=3", "gd_train.engine=autograd"]
    predicting = export_plan(package.plan(tmp_path / "predict_red.yaml"))
    assert "out/red_linear/values.pt" in predicting.text
    training = export_plan(package.plan(tmp_path / "red_mlp.yaml", set=settings))
    scripts = [written(training, tmp_path / "s" / "train.py")]
    scripts.append(written(predicting, tmp_path / "s" / "predict.py"))
    values = torch_alone.values_of({script: {"y_hat": "y_hat"} for script in scripts})
    package.run(tmp_path / "red_mlp.yaml", set=settings)
    expected = package.run(tmp_path / "predict_red.yaml", record=False).values["y_hat"]
    assert_same_bits(values[scripts[1]]["y_hat"], expected)


def test_exporting_leaves_torch_unloaded() -> None:
    recipe = str(RECIPES / "red_mlp.yaml")
    code = (
        f"import sys; sys.argv = ['flowrun', 'export', {recipe!r}, '--device', 'cpu']\n"
        "from flowrun.cli.main import main\n"
        "try: main()\nfinally: assert 'torch' not in sys.modules"
    )
    done = processes.run(["-c", code], fresh=True)
    assert done.returncode == 0, done.stderr
