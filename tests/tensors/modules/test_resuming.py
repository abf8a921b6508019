"""The training of a module that was ended resumes with the same bits, whatever it has come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import flowrun
from flowrun.running import checkpoints
from flowrun_tensors import updates
from tests.tensors.modules.by_hand import CNN, recipe, require_equal
from tests.tensors.modules.test_training import OPTIMIZERS


@pytest.fixture(autouse=True)
def _plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("cnn.py").write_text(CNN)
    monkeypatch.setenv("FLOWRUN_CHECKPOINT_SECONDS", "0")
    monkeypatch.setattr(checkpoints, "_LARGEST_SHARE", float("inf"))  # one at every offer


def ended_after(monkeypatch: pytest.MonkeyPatch, made: dict[str, Any], count: int) -> list[int]:
    """Run a recipe until the update after so many; a list to which each later update adds one."""
    taken: list[int] = []
    take = updates._OfTorch.take

    def counted(self: Any, gradient_now: Any, lr: float) -> torch.Tensor:
        if len(taken) == count:
            raise KeyboardInterrupt
        taken.append(1)
        return take(self, gradient_now, lr)

    with monkeypatch.context() as patch:
        patch.setattr(updates._OfTorch, "take", counted)
        with pytest.raises(KeyboardInterrupt):
            flowrun.run(made)
    later: list[int] = []

    def noted(self: Any, gradient_now: Any, lr: float) -> torch.Tensor:
        later.append(1)
        return take(self, gradient_now, lr)

    monkeypatch.setattr(updates._OfTorch, "take", noted)
    return later


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_optimizer_goes_on_with_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, optimizer: str, dtype: str
) -> None:
    training = {"optimizer": optimizer, "lr": 0.01, "epochs": 4, "batch_size": 40}
    made = recipe(training) | {"dtype": dtype}
    expected = flowrun.run(made, record=False).values
    later = ended_after(monkeypatch, made, 6)  # in the middle of the second epoch
    found = flowrun.run(made).values
    assert len(later) == 16 - 6
    require_equal(found["params"], expected["params"])
    assert torch.equal(found["losses"], expected["losses"])


@pytest.mark.parametrize("count", [3, 4, 5, 8, 11])
def test_patience_and_schedule_go_on_from_any_place_in_an_epoch(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    training = {
        "optimizer": "adam", "lr": 0.05, "epochs": 20, "batch_size": 40, "patience": 2,
        "schedule": {"ExponentialLR": {"gamma": 0.8}},
    }  # fmt: skip
    made = recipe(training)
    expected = flowrun.run(made, record=False).values
    later = ended_after(monkeypatch, made, count)
    found = flowrun.run(made).values
    assert len(later) == len(expected["losses"]) - count
    require_equal(found["params"], expected["params"])
    for name in ("losses", "val_losses"):
        assert torch.equal(found[name], expected[name])
