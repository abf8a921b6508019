"""Another project's distribution named `flowrun`, beside flowrun's own or over its files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import processes
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]
ROOT = Path(__file__).parents[3]
WHAT_TO_DO = (
    "    python -m pip uninstall flowrun\n"
    "    python -m pip install --force-reinstall --no-deps flowrun-recipes\n"
)


@pytest.fixture
def other(write: Write) -> Path:
    """The other distribution, as pip leaves it; gives the folder for PYTHONPATH."""
    metadata = "Metadata-Version: 2.1\nName: flowrun\nVersion: 0.2.0\nRequires-Dist: requests\n"
    return write("site/flowrun-0.2.0.dist-info/METADATA", metadata).parents[1]


def test_the_other_distribution_is_named_once_with_what_to_do(
    other: Path, write: Write, flowrun: Flowrun
) -> None:
    write("r.yaml", "recipe: r\nsteps: [compute: {two: 1 + 1}]\n")
    done = flowrun("r.yaml", PYTHONPATH=str(other))
    assert done.returncode == 0
    assert done.stderr == (
        "warning: another project's distribution `flowrun` 0.2.0 is installed in site; its files "
        "stand in the way of flowrun's own, which is flowrun-recipes. Remove it, and install "
        f"flowrun again, as files may be missing\n{WHAT_TO_DO}"
    )
    assert flowrun("r.yaml", "--set", "compute.two=2 + 1").stderr == ""


def test_a_plugin_that_asks_for_the_other_distribution_is_named(
    other: Path, write: Write, flowrun: Flowrun
) -> None:
    info = "site/flowrun_grapes-2.5.dist-info"
    write(
        f"{info}/METADATA",
        "Metadata-Version: 2.1\nName: flowrun-grapes\nVersion: 2.5\nRequires-Dist: flowrun>=0.1\n",
    )
    write(f"{info}/entry_points.txt", "[flowrun]\ngrapes = flowrun_grapes\n")
    write("site/flowrun_grapes.py", "")
    done = flowrun("plugins", PYTHONPATH=str(other))
    assert (
        f"{WHAT_TO_DO}    flowrun-grapes asks for it: its `dependencies` should name "
        "flowrun-recipes\n"
    ) in done.stderr


@pytest.mark.parametrize("replaced", ["by its own", "removed"])
def test_files_that_it_has_replaced_or_taken_away_are_said_to_be_missing(
    replaced: str, tmp_path: Path
) -> None:
    """As after `pip uninstall flowrun`, which takes the file that both have."""
    site = tmp_path / "site"
    for folder in (ROOT / "framework" / "flowrun", ROOT / "plugins" / "flowrun_tensors"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folder, site / folder.name, ignore=ignored)
    init = site / "flowrun" / "__init__.py"
    if replaced == "removed":
        init.unlink()
    else:
        init.write_text("__version__ = '0.0.1'\n__all__ = ['flowrun', 'step', 'utils']\n")
    done = processes.run(
        ["-m", "flowrun", "plugins"], cwd=site, env={**os.environ, "PYTHONPATH": str(site)},
        fresh=True,
    )  # fmt: skip
    assert (
        "warning: files of flowrun are missing: another distribution has replaced or removed "
        "them; install flowrun again\n"
        "    python -m pip install --force-reinstall --no-deps flowrun-recipes\n"
    ) in done.stderr
    assert "Traceback" not in done.stderr
