"""The recipes of modules that are shipped, beside the same training by hand in plain torch."""

from __future__ import annotations

import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
import torch
from data.make_names import names as drawn_names
from recipes.digits_cnn import DigitsCNN
from recipes.names_rnn import NamesRNN

import flowrun
from flowrun_tensors.exporting import export_plan
from tests.conftest import Flowrun
from tests.tensors.exporting.scripts import RECIPES, Python, assert_as_run, written
from tests.tensors.modules.by_hand import drawn_by_hand, require_equal, trained_by_hand

HAND: dict[str, dict[str, Any]] = {
    "digits_cnn": {
        "net": lambda: DigitsCNN(10, 8, 0.3),
        "optimizer_of": partial(torch.optim.Adam, lr=0.003),
        "batch_size": 64, "patience": 5,
        "scheduler_of": partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.9),
    },
    "names_rnn": {
        "net": lambda: NamesRNN(3, 24),
        "optimizer_of": partial(torch.optim.AdamW, lr=0.01),
        "batch_size": 50, "patience": 4, "clip_norm": 1.0,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", HAND)
def test_a_shipped_recipe_has_the_bits_of_the_training_by_hand(name: str) -> None:
    path = RECIPES / f"{name}.yaml"
    changes = {"gd_train.engine": "autograd", "gd_train.epochs": 2}
    given = dict(HAND[name])
    result = flowrun.run(path, set=changes, until="evaluate", record=False)
    net = drawn_by_hand(path, given.pop("net"))
    optimizer_of = given.pop("optimizer_of")
    expected, losses = trained_by_hand(path, result.values, net, optimizer_of, epochs=2, **given)
    require_equal(result.values["params"], expected)
    assert result.values["losses"].tolist() == losses


@pytest.mark.parametrize("name", HAND)
def test_a_shipped_recipe_holds_and_says_whether_its_data_is_a_standin(
    name: str, tmp_path: Path
) -> None:
    result = flowrun.run(RECIPES / f"{name}.yaml", set={"save.to": str(tmp_path / "out")})
    assert result.ok, result.record["expectations"]
    is_standin = name == "digits_cnn" and find_spec("sklearn") is None
    warned = any("SIMULATED STAND-IN" in warning for warning in result.record["warnings"])
    assert warned == is_standin


@pytest.mark.parametrize("name", HAND)
def test_an_example_comes_with_its_plugin_and_its_data(name: str, flowrun: Flowrun) -> None:
    done = flowrun("examples", name)
    assert done.returncode == 0, done.stderr
    assert f"wrote {name}.py" in done.stdout
    assert ("wrote names.txt" in done.stdout) == (name == "names_rnn")
    done = flowrun("check", f"{name}.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", HAND)
def test_a_shipped_recipe_is_exported_with_its_class_and_its_bits(
    name: str, torch_alone: Python, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)  # the script's Python has none
    changes = {"gd_train.epochs": 2, "gd_train.engine": "autograd", "save.to": "out"}
    made = export_plan(flowrun.plan(RECIPES / f"{name}.yaml", set=changes))
    assert f"class {'DigitsCNN' if name == 'digits_cnn' else 'NamesRNN'}(nn.Module):" in made.text
    (tmp_path / "scripts").mkdir()
    copy(RECIPES / "names.txt", tmp_path / "scripts")  # which a step of one's own reads
    script = written(made, tmp_path / "scripts" / "script.py")
    changes["save.to"] = str(tmp_path / "out")
    result = flowrun.run(RECIPES / f"{name}.yaml", set=changes, record=False)
    assert_as_run(torch_alone.values_of({script: made.variables})[script], result)


def test_the_names_are_those_that_their_program_draws() -> None:
    assert (RECIPES / "names.txt").read_text(encoding="utf-8").splitlines() == drawn_names()
