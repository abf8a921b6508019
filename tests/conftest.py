"""What every test has: no network, folders of its own, and the command line as a user runs it."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import processes, sampling

# The tests run side by side: more threads than that for each would only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Python tells a compiled file from its source by the second and the size, and a test writes a file
# of steps anew within the second. (pytest keeps what it makes of the tests themselves.)
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"

# The key with which stores are sealed is the session's, and not the developer's own.
os.environ["XDG_STATE_HOME"] = str(processes.folder(os.environ[processes.OWNER]) / "state")

Flowrun = Callable[..., subprocess.CompletedProcess[str]]


def pytest_unconfigure() -> None:
    """Leave nothing of this session's fork server, which ends as soon as the session has."""
    if os.environ[processes.OWNER] == str(os.getpid()):
        shutil.rmtree(processes.folder(os.environ[processes.OWNER]), ignore_errors=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `make campaigns` alone runs."""
    if not sampling.IS_WHOLE:
        left_out = sampling.left_out(items)
        config.hook.pytest_deselected(items=left_out)
        unwanted = set(left_out)
        items[:] = [item for item in items if item not in unwanted]


def pytest_collection_finish() -> None:
    """Have no collection of garbage look through torch and the tests, which stay to the end."""
    import torch  # noqa: F401

    sys.dont_write_bytecode = True
    gc.collect()
    gc.freeze()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests of the campaigns before any are chosen by their marks."""
    sampling.mark(item)


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test in an empty folder, offline, with a cache of its own and without real data.

    Steps of tests note their calls in the file CALLS: one outside the folder of the recipe and
    among temporary files, because a step that writes beside its recipe acts outside.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALLS", f"{tmp_path}.calls")
    monkeypatch.setenv("FLOWRUN_OFFLINE", "1")
    monkeypatch.setenv("FLOWRUN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FLOWRUN_DATA_PATH", raising=False)
    monkeypatch.delenv("FLOWRUN_HOME", raising=False)
    monkeypatch.delenv("FLOWRUN_STORE_KEY", raising=False)
    # A pytest that a test starts would rewrite all of these anew, and keep nothing of it.
    plugins = "-p no:hypothesispytest -p no:anyio -p no:platformdirs"
    monkeypatch.setenv("PYTEST_ADDOPTS", f"{plugins} --assert=plain")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a text file into the test's folder."""

    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


def run_module(
    folder: Path, *arguments: str | Path, fresh: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`python -m` with these arguments in a folder, in a process of its own; see `processes`."""
    return processes.run(
        ["-m", *arguments], cwd=folder, env={**os.environ, **environment}, fresh=fresh
    )


@pytest.fixture
def flowrun(tmp_path: Path) -> Flowrun:
    """Run the command line in a process of its own; `fresh=True`: in a new Python."""

    def run(
        *arguments: str | Path, fresh: bool = False, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return run_module(tmp_path, "flowrun", *arguments, fresh=fresh, **environment)

    return run
