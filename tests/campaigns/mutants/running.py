"""Shipped recipes run with a copy of the built-in plugin, in a process of their own.

The process is forked from a server that has imported torch, which would take most of the time, and
nothing of the plugin: the copy is the only one that the process ever sees.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

_SECONDS = 300  # within which the recipes are over
# What recipes import beside the plugin; torch's optimizers load its compiler.
_PRELOADED = (
    "flowrun.api flowrun.plugins.datasets numpy.random pooch safetensors.torch torch._dynamo"
)


class CheckResult(NamedTuple):
    """What came of a recipe.

    status: `ok`, `unmet`, `skipped`, `failed` (a step did) or `refused`. at: the paths of the
    expectations that are not met, or the step that failed. found: what was found there.
    """

    recipe: str
    status: str
    at: tuple[str, ...] = ()
    found: str = ""

    @property
    def is_caught(self) -> bool:
        """Whether the recipe told of a mistake."""
        return self.status in ("unmet", "failed")


def run(recipes: Sequence[str], folder: Path, *, data: str = "") -> list[CheckResult]:
    """Run recipes of the copy in `folder`, in this order. data: folders of real data sets."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED.split())
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(list(recipes), folder, data, sender))
    process.start()
    sender.close()
    try:
        if not receiver.poll(_SECONDS):
            raise TimeoutError(f"the recipes are not over within {_SECONDS} seconds")
        found = receiver.recv()
    finally:
        process.kill()
        process.join()
    assert isinstance(found, list), found
    return found


def _run(recipes: list[str], folder: Path, data: str, sender: Connection) -> None:
    try:
        sender.send(_outcomes(recipes, folder, data))
    except BaseException as error:
        sender.send(f"{type(error).__name__}: {error}")
        raise


def _outcomes(recipes: list[str], folder: Path, data: str) -> list[CheckResult]:
    os.chdir(folder)
    os.environ["FLOWRUN_OFFLINE"] = "1"
    os.environ["FLOWRUN_DATA_PATH"] = data
    sys.path.insert(0, str(folder / "plugins"))
    import flowrun_tensors

    assert Path(str(flowrun_tensors.__file__)).is_relative_to(folder), "the copy is not imported"
    return [_outcome(recipe, folder) for recipe in recipes]


def _outcome(recipe: str, folder: Path) -> CheckResult:
    import flowrun

    try:
        result = flowrun.run(folder / "recipes" / f"{recipe}.yaml", record=False)
    except flowrun.StepError as error:
        cause = error.__cause__
        kind = type(cause).__name__ if cause is not None else "FlowrunError"
        return CheckResult(recipe, "failed", (error.step,), f"{kind}: {error.message}")
    except flowrun.FlowrunError as error:
        return CheckResult(recipe, "refused", (), str(error))
    unmet = [held for held in result.record["expectations"] if not held["met"]]
    found = "; ".join(f"{held['path']} {held['found']}, {held['wanted']}" for held in unmet)
    return CheckResult(
        recipe, result.record["status"], tuple(held["path"] for held in unmet), found
    )
