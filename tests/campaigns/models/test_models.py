"""A check raises no alarm at a stranger's model, and finds the mistakes planted in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import flowrun
from flowrun import StepError
from tests.campaigns.models import MODELS
from tests.campaigns.models.model import Mistake, Model, verdict_on

PLANTED = [(model, mistake) for model in MODELS for mistake in model.mistakes]


def _named(one: Model | Mistake) -> str:
    return one.title


def _sort(model: Model, mistake: Mistake) -> tuple[str, str]:
    return mistake.verdict, mistake.really


@pytest.mark.campaign(every=6)
@pytest.mark.parametrize("model", MODELS, ids=_named)
def test_a_model_that_is_right_raises_no_alarm_and_is_known(model: Model, tmp_path: Path) -> None:
    assert verdict_on(model.write(tmp_path)) == ("nothing", [])


@pytest.mark.campaign(every=6)
@pytest.mark.parametrize("model", MODELS, ids=_named)
def test_what_a_check_says_of_its_values_is_what_a_run_gives(model: Model, tmp_path: Path) -> None:
    path = model.write(tmp_path)
    checked = flowrun.check(path, device="cpu")
    values = flowrun.run(path, device="cpu", record=False).values
    for step in checked.steps:
        for name, found in step.outputs.items():
            assert_is_as_said(found, values[name])


def assert_is_as_said(found: dict[str, Any], value: Any) -> None:
    """A value has the shape, dtype and type that a check names."""
    if isinstance(value, dict):
        for key, item in value.items():
            assert_is_as_said(found["items"][key], item)
    elif isinstance(value, torch.Tensor | np.ndarray):
        assert tuple(found["shape"]) == tuple(value.shape)
        assert found["dtype"] == str(value.dtype).removeprefix("torch.")
    else:
        assert found["type"] == type(value).__name__


@pytest.mark.campaign(every=20, kind=_sort)
@pytest.mark.parametrize(("model", "mistake"), PLANTED, ids=_named)
def test_a_planted_mistake_is_judged_before_anything_runs(
    model: Model, mistake: Mistake, tmp_path: Path
) -> None:
    verdict, findings = verdict_on(model.write(tmp_path, mistake))
    assert verdict == mistake.verdict, findings


@pytest.mark.campaign(every=20, kind=_sort)
@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(("model", "mistake"), PLANTED, ids=_named)
def test_a_planted_mistake_is_one(model: Model, mistake: Mistake, tmp_path: Path) -> None:
    path = model.write(tmp_path / "wrong", mistake)
    if mistake.really == "fails":
        with pytest.raises(StepError):
            flowrun.run(path, device="cpu", record=False)
        return
    wrong = flowrun.run(path, device="cpu", record=False).values
    right = flowrun.run(model.write(tmp_path / "right"), device="cpu", record=False).values
    assert any(not is_equal(wrong[name], value) for name, value in right.items())


def is_equal(one: Any, other: Any) -> bool:
    """Whether two values are the same."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return all(is_equal(one[key], item) for key, item in other.items())
    return bool(one == other)


def test_there_are_thirty_models_with_three_to_five_mistakes_each() -> None:
    assert len({model.title for model in MODELS}) == len(MODELS) >= 30
    assert all(3 <= len(model.mistakes) <= 5 for model in MODELS)
