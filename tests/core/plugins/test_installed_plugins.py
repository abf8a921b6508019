"""Plugins that are installed: what their distributions require of flowrun."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from flowrun.errors import UnfitPluginError
from flowrun.plugins.compatibility import require_fit
from flowrun.plugins.distributions import OWN, InstalledPlugin, installed_plugins
from tests import processes
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]
PICK = """
from flowrun import step

@step(outputs="grapes")
def pick():
    "Pick grapes."
    return 3
"""
OURS = version("flowrun-recipes")


@pytest.fixture
def grapes(write: Write) -> Callable[[str], str]:
    """Install a plugin whose distribution has a requirement; gives the folder for PYTHONPATH."""

    def install(requirement: str) -> str:
        info = "site/flowrun_grapes-2.5.dist-info"
        write(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: flowrun-grapes\nVersion: 2.5\n"
            f"Requires-Dist: torch\nRequires-Dist: {requirement}\n",
        )
        write(f"{info}/entry_points.txt", "[flowrun]\ngrapes = flowrun_grapes\n")
        return str(write("site/flowrun_grapes.py", PICK).parent)

    return install


def test_a_plugin_that_needs_another_flowrun_is_not_loaded_and_says_so_in_a_line(
    grapes: Callable[[str], str], write: Write, flowrun: Flowrun
) -> None:
    site = grapes("flowrun-recipes<9,>=8.1")
    write("r.yaml", "recipe: r\nsteps: [pick]\n")
    write("other.yaml", "recipe: other\nsteps: [compute: {two: 1 + 1}]\n")
    line = (
        "the plugin `grapes` 2.5 (installed by flowrun-grapes) is not loaded: it needs "
        f"flowrun-recipes<9,>=8.1, and this is flowrun-recipes {OURS}\n"
    )
    what_to_do = "pip install 'flowrun-recipes<9,>=8.1', or another version of flowrun-grapes"
    needs = flowrun("r.yaml", PYTHONPATH=site)
    assert needs.returncode == 2
    listed = flowrun("plugins", PYTHONPATH=site)
    assert listed.returncode == 0
    for done in (needs, listed):
        assert line in done.stderr
        assert what_to_do in done.stderr
        assert "failed to load" not in done.stderr
    assert "grapes" not in listed.stdout
    does_not = flowrun("other.yaml", PYTHONPATH=site)
    assert (does_not.returncode, does_not.stderr) == (0, "")


def test_a_plugin_that_fits_is_loaded_without_the_library_that_reads_requirements(
    grapes: Callable[[str], str], write: Write, flowrun: Flowrun, tmp_path: Path
) -> None:
    site = grapes("flowrun-recipes<1,>=0.1")
    write("r.yaml", "recipe: r\nsteps: [pick]\nexpect: {grapes: {equals: 3}}\n")
    done = flowrun("r.yaml", PYTHONPATH=site)
    assert done.returncode == 0, done.stderr
    seen = (
        "import sys\nfrom flowrun.api import new_registry\n"
        "print('grapes' in new_registry().plugins, 'packaging.requirements' in sys.modules)"
    )
    looked = processes.run(["-c", seen], cwd=tmp_path, env={**os.environ, "PYTHONPATH": site})
    assert looked.stdout == "True False\n", looked.stderr


@pytest.mark.parametrize(
    ("requirement", "fits"),
    [
        ("flowrun-recipes", True),
        ("torch>=99", True),
        ("flowrun-recipes-extra>=99", True),
        ("flowrun>=99", True),  # another distribution
        ("flowrun-recipes>=1.2", True),
        ("flowrun-recipes>=1.2.0.0", True),
        ("flowrun-recipes>1.2", False),
        ("flowrun-recipes<=1.2.0", True),
        ("flowrun-recipes<1.2", False),
        ("flowrun-recipes<1.10", True),
        ("flowrun-recipes (>=1,<2)", True),
        ("Flowrun_Recipes[watch] >= 1.3", False),
        ("flowrun-recipes~=1.1", True),
        ("flowrun-recipes~=1.1.0", False),
        ("flowrun-recipes!=1.2.*", False),
        ("flowrun-recipes==1.2", True),
        ("flowrun-recipes>=1.2rc1,<2", True),
        ('flowrun-recipes>=9; extra == "test"', True),
        ('flowrun-recipes>=9; python_version >= "3"', False),
        ("flowrun-recipes @ file:///somewhere", True),
    ],
)
def test_a_requirement_is_read_as_the_standard_says(
    requirement: str, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowrun.plugins.compatibility.version_of", {OWN: "1.2.0"}.get)
    (point, *_) = (plugin.point for plugin in installed_plugins("flowrun"))
    plugin = InstalledPlugin(point, "flowrun-grapes", "2.5", (requirement,))
    if fits:
        require_fit(plugin)
        return
    with pytest.raises(UnfitPluginError, match="is not loaded: it needs flowrun-recipes"):
        require_fit(plugin)


COMMANDS = """
import click
from flowrun import hookimpl


class OwnError(click.ClickException):
    def show(self, file=None):
        click.echo(f"grapes: {self.message}", file=file)


@hookimpl
def flowrun_commands(cli):
    @cli.command()
    @click.argument("kind")
    def pick(kind):
        raise {"plain": click.ClickException, "usage": click.UsageError, "own": OwnError}[kind](
            "first\\x1b[2J\\n    hint\\nerror: more"
        )
"""


@pytest.mark.parametrize(
    ("kind", "begin"), [("plain", "Error: "), ("usage", "Error: "), ("own", "grapes: ")]
)
def test_an_error_of_a_command_of_a_plugin_has_its_lines(
    grapes: Callable[[str], str], write: Write, flowrun: Flowrun, kind: str, begin: str
) -> None:
    site = grapes("flowrun-recipes")
    write("site/flowrun_grapes.py", COMMANDS)
    done = flowrun("pick", kind, PYTHONPATH=site)
    assert done.returncode == 2
    assert done.stderr.endswith(f"{begin}first\\x1b[2J\n    hint\n    error: more\n")
