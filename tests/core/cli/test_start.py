"""The start of a command, before it is known what it is: its streams, and Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import processes

# Ctrl-C while the command line is still being imported.
INTERRUPTED = """
import importlib.abc, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "flowrun.cli.main":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
sys.argv = ["flowrun", "steps"]
from flowrun.cli.start import main
main()
"""

# A package that forks a child while it is imported.
FORKING = """
import gc, os
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, str(gc.isenabled()).encode())
    os._exit(0)
SAID = os.read(read, 10).decode()
os.wait()
"""


def test_an_interrupt_of_the_start_is_said_and_ends_with_130(tmp_path: Path) -> None:
    done = processes.run(["-c", INTERRUPTED], cwd=tmp_path, fresh=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


@pytest.mark.parametrize("stream", ["2>&-", "2> /dev/full"])
def test_a_command_runs_though_nothing_can_be_said_on_standard_error(
    tmp_path: Path, stream: str
) -> None:
    done = _started(tmp_path, f"steps gd_train {stream}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "gd_train" in done.stdout


@pytest.mark.parametrize(
    ("stream", "reason"),
    [(">&-", "standard output is closed"),
     ("> /dev/full", "writing to standard output: No space left on device")],
)  # fmt: skip
@pytest.mark.parametrize("command", ["steps gd_train", "r.yaml", "r.yaml --json", "--version"])
def test_output_that_cannot_be_printed_is_said_and_ends_with_2(
    tmp_path: Path, command: str, stream: str, reason: str
) -> None:
    (tmp_path / "r.yaml").write_text("recipe: r\nsteps: [tensor: {a: [1, 2]}]\n")
    for _ in range(2):  # a run, and the same from its note
        done = _started(tmp_path, f"{command} {stream}")
        said = (done.returncode, done.stdout, done.stderr)
        assert said == (2, "", f"error: the output is incomplete: {reason}\n")
    runs = list(tmp_path.glob(".flowrun/runs/*/run.json"))
    assert len(runs) == (2 if command.startswith("r.yaml") else 0)


def _started(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell starts it."""
    return subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m flowrun {line}'],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_child_that_an_import_forks_collects_garbage(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "forking"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(FORKING)
    (tmp_path / "steps.py").write_text(
        "from flowrun import step\n@step(outputs='said')\ndef ask():\n"
        "    import forking\n    return forking.SAID\n"
    )
    (tmp_path / "r.yaml").write_text(
        "recipe: r\nplugins: [./steps.py]\nsteps: [ask]\nexpect: {said: {equals: 'True'}}\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    done = processes.run(["-m", "flowrun", "r.yaml"], cwd=tmp_path, env=environment, fresh=True)
    assert done.returncode == 0, done.stdout + done.stderr
