"""The recipes of modules that are shipped, beside the same training by hand in plain torch."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from recipes.digits_cnn import DigitsCNN
from recipes.names_rnn import NamesRNN

import flowrun
from tests.tensors.exporting.scripts import RECIPES
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
