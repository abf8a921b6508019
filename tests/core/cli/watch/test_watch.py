"""`flowrun watch` in a process of its own, with real edits and a real Ctrl-C."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Flowrun
from tests.processes import Python

Write = Callable[[str, str], Path]

STEPS = '''
from typing import Annotated

from flowrun import Context, Meta, step


@step(outputs="metrics")
def measure(*, by: Annotated[float, Meta(description="Factor.")] = 1.0, ctx: Context):
    """Measure a file."""
    return {"size": by * len(ctx.reads(ctx.path("data.txt")).read_text()), "kind": 1}


@step(outputs="waited")
def wait(*, ctx: Context):
    """Go on until it is interrupted."""
    import time

    print("waiting", flush=True)
    done = 0
    while True:
        time.sleep(0.05)
        done += 1
        ctx.checkpoint(lambda: done)
'''
RECIPE = """
recipe: sizes
extends: base.yaml
plugins: [./steps.py]
steps:
  - measure: {by: 2}
"""
PATIENCE = 60  # seconds for a line of output: the machine may be busy


class Watching:
    """A `flowrun watch` that runs, and its output line by line."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = Python(
            ["-m", "flowrun", "watch", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.seen: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def until(self, text: str) -> list[str]:
        """The lines up to the first that holds a text."""
        start = len(self.seen)
        while True:
            line = self._lines.get(timeout=PATIENCE)
            assert line is not None, f"it ended without `{text}`: {self.seen}"
            self.seen.append(line)
            if text in line:
                return self.seen[start:]

    def interrupt(self) -> int:
        """Ctrl-C; gives the exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE)
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            self.seen.append(line)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)


@pytest.fixture
def watching(write: Write, tmp_path: Path) -> Iterator[Callable[..., Watching]]:
    """Start `flowrun watch` beside a recipe, its plugin, its parent and its data."""
    write("steps.py", STEPS)
    write("base.yaml", "recipe: base\nseed: 1\n")
    write("sizes.yaml", RECIPE)
    write("data.txt", "12345")
    started: list[Watching] = []

    def start(*arguments: str) -> Watching:
        started.append(Watching(tmp_path, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


READY = "watching"


def test_it_runs_again_for_recipe_plugin_data_and_parent_and_shows_the_metrics(
    watching: Callable[..., Watching], write: Write
) -> None:
    watch = watching("sizes.yaml")
    first = watch.until(READY)
    assert any("metrics {size 10, kind 1}" in line for line in first)

    write("sizes.yaml", RECIPE.replace("by: 2", "by: 3"))
    again = watch.until(READY)
    assert "changed: sizes.yaml" in again
    assert "  metrics.size: 10 -> 15 (+5)" in again

    write("data.txt", "1234567")
    again = watch.until(READY)
    assert "changed: data.txt" in again
    assert "  metrics.size: 15 -> 21 (+6)" in again

    write("steps.py", STEPS.replace('"kind": 1', '"kind": 2'))
    again = watch.until(READY)
    assert "changed: steps.py" in again
    assert "  metrics.kind: 1 -> 2 (+1)" in again

    write("base.yaml", "recipe: base\nseed: 2\n")
    again = watch.until(READY)
    assert "changed: base.yaml" in again
    assert "  the metrics are as before" in again
    assert watch.interrupt() == 0
    assert watch.seen[-1] == "no longer watching"
    assert "Traceback" not in "\n".join(watch.seen)


def test_what_breaks_while_one_edits_is_told_and_waited_for(
    watching: Callable[..., Watching], write: Write, tmp_path: Path
) -> None:
    watch = watching("sizes.yaml", "--set", "measure.by=4")
    watch.until(READY)

    write("sizes.yaml", RECIPE + "  - [\n")
    broken = watch.until(READY)
    assert any("nothing was run" in line for line in broken)
    write("sizes.yaml", RECIPE)
    mended = watch.until(READY)
    assert "  the metrics are as before" in mended

    write("steps.py", "def")
    assert any("failed to load" in line for line in watch.until(READY))
    write("steps.py", STEPS.replace("by * len", "1 + by * len"))
    assert "  metrics.size: 20 -> 21 (+1)" in watch.until(READY)

    (tmp_path / "data.txt").unlink()
    assert any("the step `measure` failed" in line for line in watch.until(READY))
    write("data.txt", "1")
    assert "  metrics.size: 21 -> 5 (-16)" in watch.until(READY)

    (tmp_path / "sizes.yaml").unlink()
    assert any("there is no file `sizes.yaml`" in line for line in watch.until(READY))
    write("sizes.yaml", RECIPE)
    assert "  the metrics are as before" in watch.until(READY)
    assert watch.interrupt() == 0


def test_a_table_for_which_a_run_is_refused_is_watched(
    watching: Callable[..., Watching], write: Write
) -> None:
    write("sizes.yaml", "recipe: sizes\nsteps:\n  - load: {source: table.csv}\n")
    watch = watching("sizes.yaml")
    assert any("nothing was run" in line for line in watch.until(READY))
    write("table.csv", "a,b\n1,x\n")
    assert any("`x` is not a finite number" in line for line in watch.until(READY))
    write("table.csv", "a,b\n1,2\n")
    assert any("data (1, 2)" in line for line in watch.until(READY))


def test_a_file_that_is_replaced_as_editors_do_is_seen(
    watching: Callable[..., Watching], write: Write, tmp_path: Path
) -> None:
    watch = watching("sizes.yaml")
    watch.until(READY)
    write("new.tmp", RECIPE.replace("by: 2", "by: 5")).replace(tmp_path / "sizes.yaml")
    assert "  metrics.size: 10 -> 25 (+15)" in watch.until(READY)


def test_ctrl_c_in_a_step_ends_the_run_and_the_watch(
    watching: Callable[..., Watching], write: Write, tmp_path: Path
) -> None:
    write("sizes.yaml", RECIPE.replace("- measure: {by: 2}", "- wait"))
    watch = watching("sizes.yaml")
    watch.until("waiting")
    assert watch.interrupt() == 0
    said = "\n".join(watch.seen)
    assert "interrupted in `wait`, step 1 of 1; a checkpoint of it is saved" in said
    assert watch.seen[-1] == "no longer watching"
    assert "Traceback" not in said


def test_sigterm_ends_the_run_as_well(
    watching: Callable[..., Watching], write: Write, tmp_path: Path
) -> None:
    write("sizes.yaml", RECIPE.replace("- measure: {by: 2}", "- wait"))
    watch = watching("sizes.yaml")
    watch.until("waiting")
    watch.process.terminate()
    watch.until("interrupted in `wait`")
    assert watch.process.wait(PATIENCE) == 0


def test_a_recipe_that_is_not_there_is_refused_at_once(flowrun: Flowrun, write: Write) -> None:
    write("sizes.yaml", RECIPE)
    done = flowrun("watch", "size.yaml")
    assert done.returncode == 2
    assert "did you mean `sizes.yaml`?" in done.stderr


def test_without_the_library_it_says_what_to_install(flowrun: Flowrun, write: Write) -> None:
    write("sizes.yaml", RECIPE)
    write("hidden/watchfiles.py", "raise ImportError\n")
    path = os.pathsep.join(["hidden", os.environ.get("PYTHONPATH", "")])
    done = flowrun("watch", "sizes.yaml", PYTHONPATH=path)
    assert done.returncode == 2
    assert "flowrun-recipes[watch]" in done.stderr
    assert "Traceback" not in done.stderr
