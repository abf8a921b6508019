"""Steps to be checked, and recipes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[str, str], Path]

STEPS = '''
import subprocess
import time
from pathlib import Path

import torch
from flowrun import NeedsDataError, Unknown, step


@step(outputs="x")
def ones(*, rows: int = 4, columns: int = 3, wait: float = 0.0) -> torch.Tensor:
    """Give ones."""
    time.sleep(wait)
    return torch.ones(rows, columns)


@step(outputs="y")
def times(x: torch.Tensor, *, rows: int = 3) -> torch.Tensor:
    """Multiply by a matrix of so many rows."""
    print("multiplying")
    return x @ torch.ones(rows, 2)


@step(outputs="kept")
def positive(x: torch.Tensor) -> torch.Tensor:
    """Keep what is positive."""
    return x[x > 0]


@step(outputs="kept")
def written(x: torch.Tensor) -> torch.Tensor:
    """Write a file without saying so."""
    Path("written.txt").write_text(str(x.shape))
    return x


@step(outputs="kept")
def started(x: torch.Tensor) -> torch.Tensor:
    """Start a process without saying so."""
    subprocess.run(["touch", "started.txt"], check=True)
    return x


@step(outputs=(), effect=True)
def told(x: torch.Tensor) -> None:
    """Act outside."""
    Path("told.txt").write_text("told")


@step(outputs="metrics")
def mean(x: torch.Tensor, *, digits: int = 3) -> dict:
    """The mean as a number."""
    return {"mean": round(float(x.mean()), digits), "rows": len(x)}


@mean.on_shapes
def mean_on_shapes(x, *, digits=3):
    if not x.is_floating_point():
        raise NeedsDataError("whole numbers are counted first")
    return {"mean": Unknown("float"), "rows": len(x)}


@step(outputs="bounded")
def bounded(metrics: dict) -> float:
    """A number that follows from another one."""
    return metrics["mean"] * 2 + 1


@step(outputs="large")
def compared(metrics: dict) -> str:
    """A text that depends on a number."""
    return "large" if metrics["mean"] > 1 else "small"


@step(outputs=("a", "b"))
def pair(x: torch.Tensor):
    """Promise two, give one."""
    return x
'''


@pytest.fixture
def recipe(write: Write) -> Callable[..., Path]:
    """A recipe of the steps above, one a line from line 4 on."""
    write("steps.py", STEPS)

    def made(*steps: str, more: str = "") -> Path:
        lines = "".join(f"  - {step}\n" for step in steps)
        return write("recipe.yaml", f"recipe: r\nplugins: [./steps.py]\nsteps:\n{lines}{more}")

    return made
