"""`flowrun test [PATHS]`: recipes as regression tests, through pytest."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import click

from flowrun.cli.completing import FILE
from flowrun.cli.printing import echo
from flowrun.cli.pytest_files import note_on
from flowrun.errors import FlowrunError
from flowrun.values.files import UnsafeFileError, place_to_write
from flowrun.values.streams import lend_output

_SHOWN = (
    "--quiet",
    "--no-header",
    "-rfEs",
)  # one screen: dots, the failures, and the reasons of skips
_SESSION = "flowrun.testing.recipes.session"
_ONLY_RECIPES = ("-p", "flowrun.testing.recipes.screen", "-o", "testpaths=.")
# With no file as the configuration, the root and its cache would be those of that file's folder.
_NOTHING_ELSE = (
    "--noconftest", "-c", os.devnull, "--rootdir=.", "-p", "no:cacheprovider",
)  # fmt: skip
_WRITING = ("--junitxml", "--junit-xml", "--log-file", "--report-log")  # each with a file
_PYTEST_CODES = {4: 2, 5: 2}  # usage, and nothing found: as bad as a bad recipe


@click.command("test", context_settings={"ignore_unknown_options": True})
@click.option(
    "--update-golden",
    is_flag=True,
    help="Write or update the golden values, and show the changes and their size.",
)
@click.option("--fresh", is_flag=True, help="Call every step, even if its result is in the store.")
@click.option(
    "--no-standin",
    is_flag=True,
    help="Skip recipes whose data is not available, instead of using the simulated stand-in.",
)
@click.option("--device", help="auto, cpu, cuda, cuda:N, mps or xpu, in place of the recipes'.")
@click.option(
    "--flaky",
    type=click.IntRange(2),
    metavar="TIMES",
    help="Run each recipe so often, nothing found in the store, and report any bit that differs.",
)
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False),
    metavar="RUN.json",
    help="Compare with the record of a run: at which step do two machines differ?",
)
@click.option(
    "--no-conftest",
    is_flag=True,
    help="Leave out conftest.py files, pytest's configuration and its cache: nothing of the folder "
    "runs but recipes and their plugins.",
)
@click.argument(
    "arguments",
    nargs=-1,
    metavar="[PATHS] [PYTEST OPTIONS]",
    type=FILE,
)
def test_command(
    arguments: tuple[str, ...],
    update_golden: bool,
    fresh: bool,
    no_standin: bool,
    device: str | None,
    flaky: int | None,
    against: str | None,
    no_conftest: bool,
) -> int:
    """Test recipes: each runs once, and each value it expects something of is one test.

    PATHS are files and folders, by default the current folder. Any option of pytest may be given:
    `-k mae`, `-m 'not slow'`, `-x`, `-v`, `-n 4` (with pytest-xdist), `--junitxml=FILE`. pytest
    runs the conftest.py files of the folder and heeds its configuration; a line says so.

    Exit code: 0 all well, 1 an expectation not met, 2 a bad recipe or usage, or no recipe found, 3
    a step failed, 130 interrupted.
    """
    if importlib.util.find_spec("pytest") is None:
        raise FlowrunError(
            "`flowrun test` needs pytest, which is not installed\n"
            "    pip install 'flowrun-recipes[pytest]'"
        )
    given = {
        "--update-golden": update_golden,
        "--recipe-fresh": fresh,
        "--recipe-no-standin": no_standin,
    }
    _require_no_way_out(arguments)
    options = [name for name, is_given in given.items() if is_given]
    values = {"device": device, "flaky": flaky, "against": against}
    options += [f"--recipe-{name}={value}" for name, value in values.items() if value is not None]
    if no_conftest:
        options += _NOTHING_ELSE
    elif text := note_on(arguments):
        echo(text, err=True)
    code = _run_pytest([*_SHOWN, *_ONLY_RECIPES, *options, *_in_groups(arguments), *arguments])
    return _PYTEST_CODES.get(code, code)


def _require_no_way_out(arguments: tuple[str, ...]) -> None:
    """Raise FlowrunError if pytest would write through a link that leads out of this folder."""
    written = []
    for text, following in pairwise((*arguments, "")):
        option, _, value = text.partition("=")
        if option in _WRITING:
            written.append(value or following)
    for name in filter(None, written):
        try:
            place_to_write(Path(name))
        except UnsafeFileError as error:
            raise FlowrunError(f"{name} is not written: {error}") from None


def _in_groups(arguments: tuple[str, ...]) -> list[str]:
    """Make xdist, if it is used, take each recipe as a whole, so that it runs once."""
    is_spread = any(text.startswith(("-n", "--numprocesses")) for text in arguments)
    is_chosen = any(text.startswith("--dist") for text in arguments)
    return ["--dist=loadfile"] if is_spread and not is_chosen else []


def _run_pytest(arguments: list[str]) -> int:
    """Run pytest in a process of its own, which no module of this one has got into the way of."""
    # -P: as for the command `pytest`, the current folder is no place to import from.
    process = subprocess.Popen([sys.executable, "-P", "-m", _SESSION, *arguments])
    lend_output()
    while True:
        with contextlib.suppress(KeyboardInterrupt):  # pytest hears of it too, and ends
            return process.wait()
