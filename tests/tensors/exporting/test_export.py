"""`flowrun export`: one plain script that gives the very bits of the run, without flowrun."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import torch

import flowrun as package
from flowrun_tensors.exporting import export_script
from flowrun_tensors.formats.csv_engine import LARGE
from tests.campaigns.installation.test_installed import needed_by
from tests.conftest import Flowrun

RECIPES = Path(__file__).parents[3] / "recipes"
ARTICLE = sorted((RECIPES / "article").glob("*.yaml"))
TRAINING = ["red_linear", "red_mlp", "red_mlp_unscaled", "white_linear", "white_mlp"]
Write = Callable[[str, str], Path]
LOOP = "gd_train.engine=autograd"  # by which scripts train, whatever engine a run would choose

# Imports scripts, calls their `main`, and saves what they give.
DRIVER = """
import importlib, sys, torch
values = {}
for name in sys.argv[2:]:
    values[name] = importlib.import_module(name).main()
torch.save(values, sys.argv[1])
"""


class Python:
    """A Python with torch and the libraries named, of those that are installed here; no others."""

    def __init__(self, folder: Path, *libraries: str) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self._executable = folder / "bin" / "python"
        site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
        for library in ("torch", *libraries):
            own = distribution(library)
            for needed in (own, *needed_by(own, {}).values()):
                tops = {file.parts[0] for file in needed.files or [] if file.parts[0] != ".."}
                for top in tops - {"__pycache__"}:
                    if not (site / top).exists():
                        (site / top).symlink_to(Path(str(needed.locate_file(top))).resolve())

    def __call__(self, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return subprocess.run(
            [self._executable, "-W", "error::SyntaxWarning", *map(str, arguments)],
            env={**environment, **more}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def values_of(self, *scripts: Path, **more: str) -> dict[str, dict[str, Any]]:
        """What the `main` of each script gives, by the script's name."""
        folder = scripts[0].parent
        (folder / "driver.py").write_text(DRIVER)
        names = [script.stem for script in scripts]
        done = self(folder / "driver.py", folder / "values.pt", *names, **more)
        assert done.returncode == 0, done.stderr
        values: dict[str, dict[str, Any]] = torch.load(folder / "values.pt")
        return values


@pytest.fixture(scope="module")
def torch_alone(tmp_path_factory: pytest.TempPathFactory) -> Python:
    return Python(tmp_path_factory.mktemp("torch"))


@pytest.fixture(scope="module")
def with_numpy(tmp_path_factory: pytest.TempPathFactory) -> Python:
    """The Python of one who runs scripts with the step that asks NumPy."""
    return Python(tmp_path_factory.mktemp("numpy"), "numpy")


def assert_same_bits(found: Any, expected: Any) -> None:
    """The same values, NaN included, of the same types."""
    assert type(found) is type(expected)
    if isinstance(expected, torch.Tensor):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        left, right = (one.detach().contiguous().flatten() for one in (found, expected))
        assert torch.equal(left.view(torch.uint8), right.view(torch.uint8))
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert_same_bits(found[key], value)
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same_bits(one, other)
    elif isinstance(expected, float):
        assert found.hex() == expected.hex()
    else:
        assert found == expected


def exported(flowrun: Flowrun, script: Path, *arguments: str | Path) -> str:
    """The script that the command line writes."""
    done = flowrun("export", *arguments, "-o", script)
    assert done.returncode == 0, done.stderr
    return script.read_text(encoding="utf-8")


def test_no_flowrun_is_where_the_scripts_run(torch_alone: Python, with_numpy: Python) -> None:
    for python, missing in ((torch_alone, "flowrun numpy safetensors"), (with_numpy, "flowrun")):
        for name in missing.split():
            assert f"No module named '{name}'" in python("-c", f"import {name}").stderr


@pytest.mark.parametrize("name", TRAINING)
def test_a_script_trains_to_the_very_bits_of_the_run(
    name: str, flowrun: Flowrun, torch_alone: Python, tmp_path: Path
) -> None:
    recipe = RECIPES / f"{name}.yaml"
    of_script, of_run = tmp_path / "of_script", tmp_path / "of_run"
    exported(flowrun, tmp_path / "script.py", recipe, "--set", f"save.to={of_script}")
    values = torch_alone.values_of(tmp_path / "script.py")["script"]
    result = package.run(recipe, set=[f"save.to={of_run}", LOOP])
    assert values["metrics"] == result.metrics
    assert_same_bits(values["params"], result.values["params"])
    assert_same_bits(values, dict(result.values))
    for one, other in zip(sorted(of_script.iterdir()), sorted(of_run.iterdir()), strict=True):
        assert (one.name, one.read_bytes()) == (other.name, other.read_bytes())


def test_what_trains_and_does_not_save_needs_torch_alone(
    flowrun: Flowrun, torch_alone: Python, tmp_path: Path
) -> None:
    exported(flowrun, tmp_path / "script.py", RECIPES / "article" / "57_nn_validation.yaml")
    done = torch_alone(tmp_path / "script.py")
    assert done.returncode == 0, done.stderr
    assert "metrics: {'mae': 0." in done.stdout
    assert "gd_train: loss" in done.stdout
    assert "SIMULATED STAND-IN for wine-red" in done.stderr


def test_a_script_reads_large_text_without_the_engine_to_the_same_bits(
    flowrun: Flowrun, torch_alone: Python, tmp_path: Path
) -> None:
    rows = "\n".join(f"{number / 7},{-number / 3e9}" for number in range(60_000))
    (tmp_path / "table.csv").write_text(rows)
    assert len(rows) > LARGE
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("recipe: r\nsteps:\n  - load: {source: table.csv}\n")
    assert "arrow" not in exported(flowrun, tmp_path / "script.py", recipe)
    values = torch_alone.values_of(tmp_path / "script.py")["script"]
    assert_same_bits(values, dict(package.run(recipe).values))


def test_every_recipe_of_the_article_gives_the_same_bits_as_a_script(
    with_numpy: Python, tmp_path: Path
) -> None:
    for folder in ("of_script", "of_run"):
        shutil.copytree(ARTICLE[0].parent, tmp_path / folder / "article")
    plans = {path.stem: package.plan(tmp_path / "of_script" / "article" / path.name)
             for path in ARTICLE}  # fmt: skip
    runnable = [name for name, plan in plans.items()
                if plan.expectations.error is None and not plan.recipe.needs.texts
                and all(step.step.name != "bench" for step in plan.steps)]  # fmt: skip
    for name in runnable:
        (tmp_path / f"r{name}.py").write_text(export_script(plans[name]), encoding="utf-8")
    values = with_numpy.values_of(*(tmp_path / f"r{name}.py" for name in runnable))
    assert len(runnable) >= 45
    for name in runnable:
        trains = any(step.id == "gd_train" for step in plans[name].steps)
        recipe = tmp_path / "of_run" / "article" / f"{name}.yaml"
        result = package.run(recipe, set=[LOOP] if trains else [])
        assert_same_bits(values[f"r{name}"], dict(result.values))


def test_scripts_of_shipped_recipes_read_like_code_of_the_house(
    flowrun: Flowrun, tmp_path: Path
) -> None:
    for path in RECIPES.glob("*.yaml"):
        script = export_script(package.plan(path))
        (tmp_path / f"{path.stem}.py").write_text(script, encoding="utf-8")
    for arguments in (["check", "--select", "E,F,I,W"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--line-length", "100", "."]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_a_script_says_what_it_is_made_of(flowrun: Flowrun) -> None:
    script = flowrun("export", RECIPES / "red_linear.yaml").stdout
    assert script.startswith("# The recipe red_linear (")
    place = RECIPES / "red_linear.yaml"
    assert f"# --- gd_train ({place}:13) ---\n" in script
    assert f"    # gd_train ({place}:13)\n" in script
    assert f'FOLDER = Path("{RECIPES}")' in script
    assert "# A SIMULATED STAND-IN FOR wine-red, NOT THE REAL DATA." in script
    assert "lr: float = 0.01,\n" in script
    assert "lr=0.01,\n            steps=1000," in script
    for gone in ("from flowrun", "import flowrun", "@step", "Annotated", "Meta(", "def predict("):
        assert gone not in script


def test_exporting_leaves_torch_unloaded() -> None:
    code = (
        f"import sys; sys.argv = ['flowrun', 'export', {str(RECIPES / 'red_mlp.yaml')!r}]\n"
        "from flowrun.cli.main import main\n"
        "try: main()\nfinally: assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_settings_of_the_command_line_go_into_the_script(
    flowrun: Flowrun, torch_alone: Python, write: Write, tmp_path: Path
) -> None:
    recipe = write("r.yaml", "recipe: r\nsteps: [random: {x: {randn: 3}}]\n")
    given = {"seed": 5, "device": "cpu", "set": ["random.x={randn: 4}"]}
    exported(flowrun, tmp_path / "script.py", recipe, "--seed", "5", "--device", "cpu",
             "--set", "random.x={randn: 4}")  # fmt: skip
    values = torch_alone.values_of(tmp_path / "script.py")["script"]
    assert_same_bits(values, dict(package.run(recipe, **given).values))
    assert values["x"].shape == (4,)


# A stranger's plugin: a package with a helper of one name in two modules, and a file beside it.
CELLAR = {
    "cellar/__init__.py": "",
    "cellar/numbers.py": """
from math import *
YEARS: int = 3
KEPT = {}
def keep(function):
    KEPT[function.__name__] = function
    return function
def scale(x):
    return sqrt(x) + YEARS
""",
    "cellar/more.py": """
from .numbers import keep
from . import numbers
@keep
def later(x):
    return x + numbers.YEARS
def scale(x, *, by=numbers.YEARS):
    return x * by
def unused():
    return never_defined
""",
    "beside.py": "FACTOR = 0.5  # of a file beside the plugin\n",
    "tasting.py": '''
from __future__ import annotations
import dataclasses
import typing as t
from typing import TYPE_CHECKING
import torch
import flowrun as fr
from flowrun import step as make_step
from beside import FACTOR
from cellar import more, numbers
from cellar.numbers import scale as rooted
if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT = 2.5  # kept comment
calls = 0
Small = t.Annotated[float, fr.Meta(gt=0)]

@dataclasses.dataclass
class Cask:
    years: int = numbers.YEARS
    def scale(self) -> float:
        scale = rooted(self.years)
        return scale

def print(text: str) -> int:
    global calls
    calls += 1
    return len(text)

@make_step(outputs=["data", "note"], random=True)
def blend(*, rows: t.Annotated[int, fr.Meta(ge=1)] = 2, by: Small = 1.0, ctx: fr.Context):
    """Blend."""
    from cellar import more as further
    values = [further.scale(v) for v in range(3) if v in {scale for scale in (1, 2)}]
    note = {"values": values, "cask": Cask().scale(), "later": more.later(1) * FACTOR,
            "kept": list(numbers.KEPT), "text": f"{print('a')}{more.scale(by)}", "calls": calls}
    ctx.log(f"one of {fr.listed(['a', 'b'])}")
    return torch.randn(rows, 2).clamp(-LIMIT, LIMIT), note

@make_step(outputs=())
def main(data, weight=None, *, at_most: float = 1.0, **named: t.Any):
    """Check, under the name that the script's own function has."""
    if data.dtype != torch.float64:
        raise fr.FlowrunError("not placed")
''',
    "r.yaml": """
recipe: r
plugins: [./tasting.py]
steps:
  - blend: {rows: 3, by: 2}
    out: {data: ctx, note: lambda}
  - main: {at_most: .inf, "a b": [1, {c: null}]}
    in: {data: ctx}
    dtype: float64
""",
}


def test_a_strangers_steps_bring_what_they_name_and_nothing_else(
    flowrun: Flowrun, torch_alone: Python, write: Write, tmp_path: Path
) -> None:
    for name, text in CELLAR.items():
        write(f"theirs/{name}", text)
    (tmp_path / "out").mkdir()
    script = exported(flowrun, tmp_path / "out" / "script.py", tmp_path / "theirs" / "r.yaml")
    values = torch_alone.values_of(tmp_path / "out" / "script.py")["script"]
    result = package.run(tmp_path / "theirs" / "r.yaml")
    assert_same_bits(values, dict(result.values))
    assert values["lambda"]["kept"] == ["later"]
    assert values["lambda"]["text"] == "16.0"
    assert "LIMIT = 2.5  # kept comment" in script
    assert "never_defined" not in script
    assert "def print" not in script  # a builtin's name is left to the builtin


PAIRS = '''
from pathlib import Path
from flowrun import Dataset, Format, hookimpl, step

def read_pairs(path):
    """Read numbers."""
    return {"data": [float(line) for line in path.read_text().split()]}

@hookimpl
def flowrun_formats():
    return [Format("pairs", (".pairs",), read_pairs)]

@hookimpl
def flowrun_datasets():
    return [Dataset(name="house-wine", about="One.", url="https://example.org/h.pairs",
                    filename="house.pairs", sha256="SHA256", licence="CC0", citation="none",
                    standin=str(Path(__file__).with_name("standin.pairs")))]

@step(outputs="numbers")
def numbers(*, source: str, ctx):
    """Read a data set."""
    found = ctx.locate(ctx.plugins.datasets[source])
    return ctx.plugins.formats[found.path.suffix].read(ctx.reads(found.path))["data"]
'''


def test_a_data_set_is_where_it_was_found_and_is_checked_each_time(
    flowrun: Flowrun, torch_alone: Python, write: Write, tmp_path: Path
) -> None:
    real = write("data/house.pairs", "1 2")
    write("standin.pairs", "3 4")
    write("pairs.py", PAIRS.replace("SHA256", hashlib.sha256(b"1 2").hexdigest()))
    recipe = write(
        "r.yaml", "recipe: r\nplugins: [./pairs.py]\nsteps: [numbers: {source: house-wine}]\n"
    )
    folder = str(real.parent)
    done = flowrun("export", recipe, "-o", tmp_path / "real.py", FLOWRUN_DATA_PATH=folder)
    assert done.returncode == 0, done.stderr
    exported(flowrun, tmp_path / "standin.py", recipe)
    scripts = (tmp_path / "real.py", tmp_path / "standin.py")
    assert f'HOUSE_WINE_FILE = Path("{real}")' in scripts[0].read_text()
    values = torch_alone.values_of(*scripts)
    assert values == {"real": {"numbers": [1.0, 2.0]}, "standin": {"numbers": [3.0, 4.0]}}
    values = torch_alone.values_of(scripts[1], FLOWRUN_DATA_PATH=folder)
    assert values == {"standin": {"numbers": [1.0, 2.0]}}
    real.write_text("9 9")
    assert "house.pairs is not the file it should be" in torch_alone(scripts[0]).stderr


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("from flowrun import run\n{step}    run('x')\n", "uses `run`, which an exported script"),
        ("{step}    return globals()['x']\n", "uses `globals()`, and what that reaches"),
        ("import beside\n{step}    return beside\n", "`beside` is used as a value"),
        (
            "def make():\n    {step}        pass\n    return s\ns = make()\n",
            "does not stand at the top of a module",
        ),
    ],
    ids=["flowrun", "globals", "module", "nested"],
)
def test_code_that_no_script_can_hold_is_named_and_nothing_is_written(
    body: str, message: str, flowrun: Flowrun, write: Write, tmp_path: Path
) -> None:
    step = "@step(outputs='y')\ndef s():\n"
    if "    {step}" in body:
        step = step.replace("\n", "\n    ").rstrip(" ")
    plugin = write("mine.py", "from flowrun import step\n" + body.format(step=step))
    write("beside.py", "x = 1\n")
    recipe = write("r.yaml", "recipe: r\nplugins: [./mine.py]\nsteps: [s]\n")
    kept = write("script.py", "# mine\n")
    done = flowrun("export", recipe, "-o", kept)
    assert done.returncode == 2
    assert "r.yaml:3:9: the step `s` cannot be exported" in done.stderr
    assert f"{plugin}:" in done.stderr
    assert message in done.stderr
    assert kept.read_text() == "# mine\n"
    assert "Traceback" not in done.stderr


def test_what_is_neither_a_recipe_nor_a_run_is_refused(flowrun: Flowrun) -> None:
    for name in ("none.yaml", "20990101-000000-abcdef"):
        done = flowrun("export", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("error: there ")
        assert "Traceback" not in done.stderr


def test_a_run_is_exported_as_it_was_planned(
    flowrun: Flowrun, torch_alone: Python, write: Write, tmp_path: Path
) -> None:
    recipe = write("r.yaml", "recipe: r\nsteps: [random: {x: {randn: 3}}]\n")
    result = package.run(recipe, seed=5)
    recipe.unlink()
    exported(flowrun, tmp_path / "script.py", result.record["id"])
    values = torch_alone.values_of(tmp_path / "script.py")["script"]
    assert_same_bits(values, dict(result.values))
