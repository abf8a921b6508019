"""The memory that a check foresees, beside what torch measures of a run."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

import flowrun

RECIPES = Path(__file__).resolve().parents[3] / "recipes"
# What no step's forecast counts: the state of torch's generator, kept round each step, and what
# expressions allocate and free in passing. It is more than the whole of predict_red, which scores
# five bottles, and of the recipes of checks/, whose tensors hold some hundred numbers.
_IN_PASSING = 32 * 1024

SHIPPED = sorted(path.stem for path in RECIPES.glob("*.yaml"))
SHIPPED += sorted(f"checks/{path.stem}" for path in (RECIPES / "checks").glob("*.yaml"))


def measured_peak(recipe: Path) -> int:
    """The most bytes that torch's allocator had given out during a run, above where it began."""
    torch.empty(1)
    gc.collect()  # what earlier tests left would be freed within, and taken off
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        flowrun.run(recipe, record=False)
    events = profiler.profiler.kineto_results.events()
    changes = [event for event in events if event.name() == "[memory]"]
    total = peak = 0
    for change in sorted(changes, key=lambda event: event.start_ns()):
        total += change.nbytes()
        peak = max(peak, total)
    return peak


@pytest.mark.campaign(every=4, kind=lambda name: name.startswith("checks/"))
@pytest.mark.parametrize("name", SHIPPED)
def test_the_peak_is_foreseen_within_15_percent(name: str, tmp_path: Path) -> None:
    shutil.copytree(RECIPES, tmp_path / "recipes")
    if name == "predict_red":
        flowrun.run(tmp_path / "recipes" / "red_linear.yaml", record=False)
    recipe = tmp_path / "recipes" / f"{name}.yaml"
    checked = flowrun.check(recipe)
    (forecast,) = checked.forecasts
    assert forecast.bytes == pytest.approx(measured_peak(recipe), rel=0.15, abs=_IN_PASSING)
