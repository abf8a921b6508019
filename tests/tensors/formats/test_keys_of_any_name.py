"""`load` takes values whose keys are no names: under names of one's own, or all as one dict."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import flowrun


@pytest.fixture(params=["net.pt", "net.safetensors"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    state = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1)).state_dict()
    save_file(state, tmp_path / "net.safetensors")
    torch.save(state, tmp_path / "net.pt")
    return str(request.param)


def recipe(**options: object) -> dict[str, object]:
    return {"recipe": "r", "steps": [{"load": options}]}


def plan(**options: object) -> flowrun.Plan:
    return flowrun.plan(recipe(**options))


def test_chosen_keys_get_names_of_ones_own(file: str) -> None:
    written = recipe(source=file, names={"w": "0.weight", "b": "1.bias"})
    found = flowrun.run(written, record=False).values
    assert {name: tuple(value.shape) for name, value in found.items()} == {"w": (2, 3), "b": (1,)}
    assert flowrun.check(written).steps[0].outputs["w"]["shape"] == (2, 3)


def test_all_of_a_file_is_one_dict(file: str) -> None:
    written = recipe(source=file, into="params")
    found = flowrun.run(written, record=False).values
    assert set(found) == {"params"}
    assert set(found["params"]) == {"0.weight", "0.bias", "1.weight", "1.bias"}
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))
    net.load_state_dict(found["params"])
    assert "1.bias" in flowrun.check(written).steps[0].outputs["params"]["items"]


def test_a_key_that_is_not_there_is_named_with_those_that_are(file: str) -> None:
    with pytest.raises(flowrun.StepError, match=r"holds no `2.weight`; it holds: .*1.bias"):
        flowrun.run_plan(plan(source=file, names={"w": "2.weight"}), record=False)


def test_the_error_of_a_file_of_such_keys_says_what_to_write(file: str) -> None:
    with pytest.raises(flowrun.StepError, match=r"`names: \{w: 0\.\w+\}`, or .* `into: params`"):
        flowrun.run_plan(plan(source=file), record=False)


def test_a_name_that_is_none_is_refused(file: str) -> None:
    with pytest.raises(flowrun.RecipeError, match=r"`0\.w` is no name for a value"):
        plan(source=file, names={"0.w": "0.weight"})
    with pytest.raises(flowrun.RecipeError, match="no name for a value"):
        plan(source=file, into="0")
