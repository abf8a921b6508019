"""Steps that do not name torch: it is not imported for them, and is set where they import it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Flowrun

Write = Callable[[str, str], Path]
Drawn = Callable[..., dict[str, Any]]

STEPS = '''
import random
import sys
from flowrun import step


@step(outputs="drawn", random=True)
def draw(*, ctx):
    """Draw by Python's generator alone."""
    return {"number": random.random(), "torch": "torch" in sys.modules}


def by_another_module():
    import torch
    return {"numbers": torch.randn(2).tolist(), "dtype": str(torch.zeros(1).dtype)}


@step(outputs="drawn", random=True)
def draw_late():
    """Draw by torch, which the step itself does not name."""
    return by_another_module()


@step(outputs="drawn", random=True)
def draw_by_numpy():
    """Draw by NumPy, which nothing has imported before."""
    import numpy
    return {"number": float(numpy.random.rand())}
'''


@pytest.fixture
def drawn(flowrun: Flowrun, write: Write) -> Drawn:
    """What a step draws in a process of its own, at a seed."""
    write("steps.py", STEPS)

    def of(step: str, seed: int = 0, dtype: str = "float32") -> dict[str, Any]:
        recipe = f"recipe: r\nplugins: [steps.py]\ndtype: {dtype}\nsteps: [{step}]\n"
        done = flowrun(write("r.yaml", recipe), "--json", "--fresh", "--seed", str(seed))
        assert done.returncode == 0, done.stderr
        items = json.loads(done.stdout)["steps"][0]["outputs"]["drawn"]["items"]
        return {name: item["value"] for name, item in items.items()}

    return of


def test_a_random_step_that_draws_by_python_imports_no_torch(drawn: Drawn) -> None:
    first, again, other = drawn("draw"), drawn("draw"), drawn("draw", seed=1)
    assert first["torch"] is False
    assert first == again
    assert first != other


def test_torch_that_a_step_imports_on_its_way_follows_the_steps_seed(drawn: Drawn) -> None:
    first, again, other = drawn("draw_late"), drawn("draw_late"), drawn("draw_late", seed=1)
    assert first == again
    assert first["numbers"] != other["numbers"]


def test_torch_that_a_step_imports_on_its_way_has_the_recipes_dtype(drawn: Drawn) -> None:
    assert drawn("draw_late", dtype="float64")["dtype"] == "torch.float64"


def test_torch_imported_late_draws_as_torch_imported_early(drawn: Drawn, write: Write) -> None:
    late = drawn("draw_late")
    write("steps.py", f"import torch\n{STEPS}")
    assert drawn("draw_late") == late


def test_numpy_is_seeded_though_only_the_step_imports_it(drawn: Drawn) -> None:
    first, again, other = (drawn("draw_by_numpy", seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
