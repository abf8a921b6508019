"""What the fault campaign shares: the library of faults, and runs without one.

`make test` takes a sample of the campaign, `make campaigns` all of it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from filelock import FileLock

from tests.campaigns.faults.injecting import Faults, compiled
from tests.campaigns.faults.recipes import IN_BATCHES, OF_MODULE, PLAIN, TO_TOLERANCE
from tests.campaigns.faults.undisturbed import Undisturbed, undisturbed
from tests.campaigns.faults.worlds import Shared

OFTEN = {"FLOWRUN_CHECKPOINT_SECONDS": "0.02"}
ALWAYS = {"FLOWRUN_CHECKPOINT_SECONDS": "0"}


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """A folder that all the processes of one test session share, by name."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name: str) -> Path:
        path = root / name
        path.mkdir(exist_ok=True)
        return path.resolve()

    return folder


@pytest.fixture(scope="session")
def library(shared: Shared) -> Faults | str:
    """The library of faults, or the reason why there is none."""
    folder = shared("library")
    with FileLock(folder / "lock"):
        try:
            return compiled(folder)
        except RuntimeError as reason:
            return str(reason)


@pytest.fixture(scope="session")
def faults(library: Faults | str) -> Faults:
    """The library of faults; skips where there can be none."""
    if isinstance(library, str):
        pytest.skip(library)
    return library


@pytest.fixture(scope="session")
def plain(shared: Shared, library: Faults | str) -> Undisturbed:
    """The recipe of plain Python steps."""
    return undisturbed(shared("plain"), PLAIN, ALWAYS, library)


@pytest.fixture(scope="session")
def in_batches(shared: Shared, library: Faults | str) -> Undisturbed:
    """The recipe that trains in batches."""
    return undisturbed(shared("in_batches"), IN_BATCHES, OFTEN, library)


@pytest.fixture(scope="session")
def to_tolerance(shared: Shared, library: Faults | str) -> Undisturbed:
    """The recipe that trains until the loss stands still."""
    return undisturbed(shared("to_tolerance"), TO_TOLERANCE, OFTEN, library)


@pytest.fixture(scope="session")
def of_module(shared: Shared, library: Faults | str) -> Undisturbed:
    """The recipe that trains a torch.nn.Module."""
    return undisturbed(shared("of_module"), OF_MODULE, OFTEN, library)
