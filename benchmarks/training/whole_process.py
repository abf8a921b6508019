"""Whole processes: the recipe, the article's script, and the mere import of torch."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from benchmarks.environments import Environment
from benchmarks.timing import Command, timed
from benchmarks.training.participant import FailedError, variables

RECIPE = "recipes/red_linear.yaml"
STANDIN = "wine-red-standin.csv"
FLOWRUN, SCRIPT, IMPORT = f"flowrun {RECIPE}", "the article's script", 'python -c "import torch"'
# As the recipe expects of both.
LARGEST_ERROR = 0.55

# Gives the table the form that the article's script begins with.
PREPARE = f"""
import numpy, torch
wine = numpy.loadtxt("{STANDIN}", delimiter=";", skiprows=1, dtype="float32")
torch.save(torch.from_numpy(wine), "wine-red.pt")
"""
# What the recipe does, in plain torch and the article's order, without printing each loss.
TRAIN = """
import torch

torch.manual_seed(0)
data = torch.load("wine-red.pt")
data = data[torch.randperm(len(data))]
train, val = data[:1000], data[1000:]
X_train, y_train = train[:, :-1], train[:, -1:]
X_val, y_val = val[:, :-1], val[:, -1:]
mean, std = X_train.mean(0), X_train.std(0)
X_train, X_val = (X_train - mean) / std, (X_val - mean) / std

weights = torch.randn(11, 1, requires_grad=True)
bias = torch.randn(1, requires_grad=True)
for _ in range(1000):
    loss = ((X_train @ weights + bias - y_train) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        weights -= 0.01 * weights.grad
        bias -= 0.01 * bias.grad
    weights.grad = None
    bias.grad = None

with torch.no_grad():
    error = (X_val @ weights + bias - y_val).abs().mean()
torch.save({"W1": weights.detach(), "b1": bias.detach()}, "red_linear.pt")
print(f"mae {error:.4f}")
"""


class WholeProcess:
    """One of the three commands, run in flowrun's environment, with nothing kept from before."""

    def __init__(self, name: str, environment: Environment, checkout: Path) -> None:
        self.name = name
        self._environment = environment
        self._checkout = checkout

    def seconds(self) -> float:
        """From the start of the process to its end, in a new folder and with a new home."""
        with tempfile.TemporaryDirectory(prefix="training-") as scratch:
            folder = Path(scratch)
            if self.name == FLOWRUN:
                return self._recipe(folder)
            if self.name == SCRIPT:
                return self._script(folder)
            return self._run(folder, "python", "-c", "import torch")[0]

    def _run(self, folder: Path, program: str, *arguments: str) -> tuple[float, str]:
        own = variables(self._environment, folder) | {
            "FLOWRUN_HOME": str(folder / "flowrun"),
            "FLOWRUN_CACHE": str(folder / "cache"),
            "FLOWRUN_OFFLINE": "1",  # the stand-in, whatever data the machine could get
        }
        command = [str(self._environment.program(program)), *arguments]
        done = timed(Command(command, folder, own), limit=600)
        return done.seconds, done.output

    def _recipe(self, folder: Path) -> float:
        left_out = shutil.ignore_patterns("out", "__pycache__", ".*")
        shutil.copytree(self._checkout / "recipes", folder / "recipes", ignore=left_out)
        seconds, output = self._run(folder, "flowrun", RECIPE)
        # An expectation that is not met would have ended it with another exit code than 0.
        if not (folder / "recipes" / "out" / "red_linear").exists():
            raise FailedError(f"the recipe saved nothing; it said: {output[-500:]}")
        return seconds

    def _script(self, folder: Path) -> float:
        shutil.copy(self._checkout / "data" / STANDIN, folder)
        self._run(folder, "python", "-c", PREPARE)
        (folder / "train.py").write_text(TRAIN, encoding="utf-8")
        seconds, output = self._run(folder, "python", "train.py")
        found = re.search(r"mae ([0-9.]+)", output)
        if not found or float(found[1]) >= LARGEST_ERROR:
            raise FailedError(f"the script gave another result than expected: {output[-500:]}")
        return seconds
