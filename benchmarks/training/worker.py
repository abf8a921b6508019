"""A contender's own process: `-m benchmarks.training.worker MODULE OPTION FOLDER LR STEPS DEVICE`.

It prepares, and then does what it is told, a JSON object a line on standard input, and answers each
with a JSON object a line on standard output:

    (at the start)            -> {"prepared": seconds}
    {"train": s}              -> {"seconds": of one training, "threads": CPU seconds per second}
    {"result": true}          -> {"params": {...}, "losses": [...] or null, "mse": ..., "note": ...}

To train means to train again and again until `s` seconds have gone, at least once; the mean counts.
A failure is answered with {"failed": why}, or {"unavailable": why} where it is nobody's mistake.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from benchmarks.training.problem import (
    Problem,
    Train,
    Trained,
    UnavailableError,
    mean_squared_error,
    read,
)


class Worker:
    """The prepared contender, and what its last training gave."""

    def __init__(self, problem: Problem, train: Train) -> None:
        self._problem = problem
        self._train = train
        self._last: Trained | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what was asked for."""
        return self.train(request["train"]) if "train" in request else self.result()

    def train(self, least: float) -> dict[str, Any]:
        """Train for at least so many seconds; the mean of the trainings."""
        count = 0
        cpu, begun = time.process_time(), time.perf_counter()
        while True:
            self._last = self._train()
            count += 1
            seconds = time.perf_counter() - begun
            if seconds >= least:
                break
        return {"seconds": seconds / count, "threads": (time.process_time() - cpu) / seconds}

    def result(self) -> dict[str, Any]:
        """What the last training gave, as plain numbers."""
        assert self._last is not None
        params = {name: array(value) for name, value in self._last.params.items()}
        losses = self._last.losses
        return {
            "params": {name: value.ravel().tolist() for name, value in params.items()},
            "losses": None if losses is None else array(losses).tolist(),
            "mse": mean_squared_error(self._problem, params) if params else None,
            "note": self._last.note,
        }


def array(value: Any) -> np.ndarray:
    """An array of NumPy, torch or JAX, or a list, as float64."""
    moved = value.detach().cpu() if hasattr(value, "detach") else value
    return np.asarray(moved, dtype=np.float64)


def begun(
    module: str, option: str, folder: str, lr: str, steps: str, device: str
) -> tuple[Worker, float]:
    """The contender with its problem, prepared; and the seconds of that, without its import."""
    problem = read(Path(folder), float(lr), int(steps), device)
    contender = importlib.import_module(f"benchmarks.training.contenders.{module}")
    start = time.perf_counter()
    worker = Worker(problem, contender.prepare(problem, option))
    return worker, time.perf_counter() - start


def say(out: TextIO, answer: dict[str, Any]) -> None:
    """Send an answer."""
    print(json.dumps(answer), file=out, flush=True)


def main() -> None:
    """Prepare, and answer until the input ends."""
    # Libraries print what they like on standard output, so answers get one of their own.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        worker, seconds = begun(*sys.argv[1:])
        say(out, {"prepared": seconds})
        for line in sys.stdin:
            say(out, worker.answer(json.loads(line)))
    except UnavailableError as error:
        say(out, {"unavailable": str(error)})
    except Exception as error:
        traceback.print_exc()
        say(out, {"failed": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
