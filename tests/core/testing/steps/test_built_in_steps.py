"""Every built-in step keeps the rules that a stranger's step is held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import flowrun
from flowrun.testing import check_step
from flowrun_tensors.steps import STEPS

TABLE = "a,b,c\n" + "".join(f"{n},{n * n % 7},{n % 3}\n" for n in range(12))
DATA: dict[str, Any] = {"random": {"data": {"randn": [12, 3]}}}
SPLIT: list[Any] = [DATA, {"split": {"train": 8}}]
NETWORK: list[Any] = [*SPLIT, {"init_params": {"layers": [4, 1], "activation": "tanh"}}]

# The steps of a recipe that ends with the step in question, by a title.
RECIPES: dict[str, list[Any]] = {
    "load": [{"load": {"source": "table.csv"}}],
    "shuffle": [DATA, "shuffle"],
    "split": SPLIT,
    "split by name": [
        {"load": {"source": "table.csv"}},
        {"split": {"train": 0.5, "targets": ["b"]}},
    ],
    "normalize": [*SPLIT, "normalize"],
    "init_params": NETWORK,
    "gd_train": [*NETWORK, {"gd_train": {"steps": 5}}],
    "gd_train in batches": [*NETWORK, {"gd_train": {"steps": 5, "batch_size": 3}}],
    "evaluate": [*NETWORK, "evaluate"],
    "predict": [*NETWORK, {"predict": {}, "in": {"data": "X_val"}}],
    "save": [*NETWORK, {"save": {"to": "out"}}],
    "save as a file": [DATA, {"save": {"to": "out/data.npy", "values": ["data"]}}],
    "bench": [{"bench": {"measure": "add", "n": 10, "seconds": 0.01}}],
    "tensor": [{"tensor": {"a": [1, 2.5], "b": [[True]]}}],
    "random": [{"random": {"x": {"randn": [2, 3]}, "i": {"randint": 4, "high": 9}}}],
    "compute": [DATA, {"compute": {"centred": "data - data.mean(0)", "rows": "data.shape"}}],
    "cast": [DATA, {"cast": {"data": "float64"}}],
    "place": [DATA, {"place": {"data": "cpu"}}],
    "numpy": [DATA, {"numpy": {"c": "data - data.mean()"}}],
    "grad": [DATA, {"grad": {"of": "(data ** 2).mean()", "by": ["data"]}}],
    "minimize": [
        {"tensor": {"x": 3.0}},
        {"minimize": {"of": "(x - 1) ** 2", "by": "x", "lr": 0.1, "steps": 4}},
    ],
    "show": [DATA, {"show": ["data", "data.mean(0)"]}],
}


def test_no_built_in_step_is_left_out() -> None:
    assert {title.partition(" ")[0] for title in RECIPES} == {step.name for step in STEPS}


@pytest.mark.parametrize("title", RECIPES)
def test_a_built_in_step_keeps_every_rule(
    title: str, tmp_path: Path, write: Callable[[str, str], Path]
) -> None:
    write("table.csv", TABLE)
    plan = flowrun.plan({"recipe": "one", "steps": RECIPES[title]}, device="cpu")
    last = plan.steps[-1]
    sources = {**last.wires.inputs, **(last.wires.named or {})}
    values: Mapping[str, Any] = {}
    if sources:
        above = {"recipe": "above", "steps": RECIPES[title][:-1]}
        values = flowrun.run(above, device="cpu", record=False).values
    inputs = {name: values[source] for name, source in sources.items()}
    check_step(last.step, inputs, last.keywords)
