"""Steps, models and formats of a user's are their own text in a script, modules lie beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flowrun as package
from flowrun_tensors.exporting import export_plan
from tests.conftest import Flowrun
from tests.tensors.exporting.scripts import Python, assert_same_bits, by_the_loop, written

Write = Callable[[str, str], Path]

# A stranger's plugin: a package, a module beside it, and what its own module needs of both.
CELLAR = {
    "cellar/__init__.py": "from flowrun import hookimpl\n",
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
def noted(context):
    context.log("from a module beside it")
    return context.seed
""",
    "cellar/unneeded.py": "raise SystemExit",
    "beside.py": "FACTOR = 0.5  # of a file beside the plugin\n",
    "tasting.py": '''
from __future__ import annotations
import dataclasses
import random
import typing as t
from typing import TYPE_CHECKING
import torch
import flowrun as fr
from flowrun import FlowrunError, step as make_step
from beside import FACTOR
from cellar import more, numbers
from cellar.numbers import scale as rooted
if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT = 2.5  # kept comment
calls = 0
Small = t.Annotated[float, fr.Meta(gt=0)]
TABLE = {}
TABLE["begun"] = LIMIT

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

def unused(x):
    return fr.run(x)

@make_step(outputs=["data", "note"], random=True)
def blend(*, rows: t.Annotated[int, fr.Meta(ge=1)] = 2, by: Small = 1.0, ctx: fr.Context):
    """Blend."""
    from cellar import more as further
    values = [further.scale(v) for v in range(3) if v in {scale for scale in (1, 2)}]
    note = {"values": values, "cask": Cask().scale(), "later": more.later(1) * FACTOR,
            "kept": list(numbers.KEPT), "text": f"{more.scale(by)}", "seed": more.noted(ctx),
            "drawn": random.random(), "begun": TABLE["begun"]}
    return torch.randn(rows, 2).clamp(-LIMIT, LIMIT), note

@make_step(outputs="note")
def spoil(note):
    """Change what it was given, which no other step sees."""
    note["values"].append(None)
    return {"spoilt": note}

@make_step(outputs=())
def main(data, weight=None, *, at_most: float = 1.0, **named: t.Any):
    """Check."""
    if data.dtype != torch.float64:
        raise FlowrunError("not placed")

@blend.on_shapes if hasattr(blend, "on_shapes") else (lambda function: function)
def _shapes(*, rows, by, ctx):
    return fr.run("never")
''',
    "r.yaml": """
recipe: r
plugins: [./tasting.py]
steps:
  - blend: {rows: 3, by: 2}
    out: {data: ctx, note: print}
  - spoil
    in: {note: print}
    out: {note: blend}
  - main: {at_most: .inf, "a b": [1, {c: null}]}
    in: {data: ctx}
    dtype: float64
""",
}


def test_a_strangers_step_is_its_own_text_and_its_modules_lie_beside_the_script(
    flowrun: Flowrun, torch_alone: Python, write: Write, tmp_path: Path
) -> None:
    for name, text in CELLAR.items():
        write(f"theirs/{name}", text.replace("  - spoil\n", "  - spoil: {}\n"))
    script = tmp_path / "out" / "script.py"
    script.parent.mkdir()
    recipe = tmp_path / "theirs" / "r.yaml"
    done = flowrun("export", recipe, "-o", script)
    assert done.returncode == 0, done.stderr
    found = {path.relative_to(script.parent).as_posix() for path in script.parent.rglob("*.py")}
    assert found == {"script.py", "beside.py", "cellar/numbers.py", "cellar/more.py"}
    for name in found - {"script.py"}:
        assert (script.parent / name).read_text() == CELLAR[name]
    made = export_plan(package.plan(recipe))
    values = torch_alone.values_of({script: made.variables})[script]
    result = package.run(recipe)
    assert_same_bits(values, dict(result.values))
    assert values["print"]["kept"] == ["later"]
    assert None not in values["print"]["values"]
    text = script.read_text()
    assert "LIMIT = 2.5  # kept comment" in text
    assert "def blend(*, rows: int = 2, by=1.0, ctx):" in text.replace("by = 1.0", "by=1.0")
    for gone in ("import flowrun", "from flowrun", "make_step", "Meta", "def unused", "never"):
        assert gone not in text
    assert "from a module beside it" in torch_alone(script).stdout


OWN = '''
from pathlib import Path
import torch
from flowrun import Dataset, Format, hookimpl, step
from flowrun_tensors import Model

def read_pairs(path, *, dtype="float32"):
    """Read numbers."""
    numbers = [float(line) for line in path.read_text().split()]
    return {"data": torch.tensor(numbers, dtype=getattr(torch, dtype)).reshape(-1, 2)}

def write_pairs(path, named):
    path.write_text(" ".join(str(float(x)) for x in named["data"].flatten()))

def init(X, *, hidden=8):
    return {"inner": 0.1 * torch.randn(X.shape[1], hidden), "outer": 0.1 * torch.randn(hidden, 1)}

def forward(params, X, *, hidden=8):
    kept = torch.rand(hidden) > 0.1  # it draws each time
    return torch.tanh(X @ params["inner"]) * kept @ params["outer"]

def gradient(params, X, slope_of, *, hidden=8):
    raise AssertionError

@hookimpl
def flowrun_formats():
    return [Format("pairs", (".pairs",), read_pairs, write_pairs, settings=("dtype",))]

@hookimpl
def flowrun_tensors_models():
    return [Model("wide", init, forward, gradient)]

@hookimpl
def flowrun_datasets():
    return [Dataset(name="house-wine", about="One.", url="https://example.org/h.pairs",
                    filename="house.pairs", sha256="SHA256", licence="CC0", citation="none",
                    standin=str(Path(__file__).with_name("standin.pairs")))]
'''


def test_models_and_formats_of_a_plugin_are_their_own_text(
    torch_alone: Python, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = " ".join(str(number / 7) for number in range(60))
    write("data/house.pairs", numbers)
    write("standin.pairs", "1 2 3 4 5 6 7 8")
    write("own.py", OWN.replace("SHA256", hashlib.sha256(numbers.encode()).hexdigest()))
    steps: list[Any] = [
        {"load": {"source": "house-wine"}},
        {"split": {"train": 0.5}},
        "normalize",
        {"init_params": {"model": "wide", "settings": {"hidden": 5}}},
        {"gd_train": {"steps": 5, "batch_size": 2, "patience": 3, "optimizer": "adam"}},
        "evaluate",
        {"predict": {}, "in": {"data": "X_val", "mean": None, "std": None}},
        {"save": {"to": "again.pairs", "values": ["data"]}},
        {
            "load": {"source": "again.pairs", "values": ["data"]},
            "out": {"data": "again"},
            "id": "b",
        },
        {"save": {"to": "folder", "values": ["params", "model"]}},
    ]
    recipe = {"recipe": "r", "plugins": ["./own.py"], "steps": steps}
    for where in ("data", ""):
        monkeypatch.setenv("FLOWRUN_DATA_PATH", where)
        made = export_plan(package.plan(recipe))
        assert str(tmp_path) not in made.text
        assert ("SIMULATED" in made.text) == (where == "")
        script = written(made, tmp_path / f"out{where}" / "script.py")
        values = torch_alone.values_of({script: made.variables})[script]
        result = package.run(recipe, set=by_the_loop(recipe), record=False)
        assert_same_bits(values["params"], result.values["params"])
        assert_same_bits(values, {name: result.values[name] for name in values})
        assert values.keys() >= {"params", "losses", "val_losses", "metrics", "y_hat", "again"}


REFUSED = {
    "flowrun": ("from flowrun import run\n@S\ndef s():\n    run('x')\n", "uses `run`, which is of"),
    "flowrun_module": ("import flowrun as fr\n@S\ndef s():\n    fr.run(1)\n", "uses `fr`, which"),
    "globals": ("@S\ndef s():\n    return globals()['x']\n", "uses `globals()`, and the code it"),
    "file": ("@S\ndef s():\n    return __file__\n", "uses `__file__`, and the code it reaches"),
    "nested": ("def make():\n    @S\n    def s():\n        pass\n    return s\ns = make()\n",
               "does not stand at the top of a module"),
    "context": ("@S\ndef s(*, ctx):\n    return ctx.datasets\n", "uses `ctx.datasets`"),
    "star": ("from math import *\n@S\ndef s():\n    return sqrt(4)\n", "`import *` hides whether"),
    "module": ("from mixed import x\n@S\ndef s():\n    return x\n", "which imports flowrun"),
    "name": ("json = 1\n@S\ndef s():\n    return json\n", "`json` means something else"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_code_that_no_script_can_hold_is_named_and_nothing_is_written(
    case: str, flowrun: Flowrun, write: Write
) -> None:
    body, message = REFUSED[case]
    body = body.replace("@S", "@step(outputs='y')")
    plugin = write("mine.py", f"from flowrun import step\n{body}")
    write("mixed.py", "from flowrun import step\nx = 1\n")
    recipe = write("r.yaml", "recipe: r\nplugins: [./mine.py]\nsteps: [s]\n")
    kept = write("script.py", "# mine\n")
    done = flowrun("export", recipe, "-o", kept)
    assert done.returncode == 2
    assert "r.yaml:3:9: the step `s` cannot be exported" in done.stderr
    assert f"{plugin.name}:" in done.stderr
    assert message in done.stderr
    assert kept.read_text() == "# mine\n"
    assert "Traceback" not in done.stderr
