"""The pytest plugin: YAML files that are recipes become tests. PYTEST_DONT_REWRITE

Every start of pytest imports this module, in projects without a recipe as well, so it imports
nothing before the first YAML file is met.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flowrun.testing.recipes.properties import GOLDEN_PROPERTY

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options by which recipes are run; `flowrun test` has them under shorter names."""
    group = parser.getgroup("flowrun", "recipes of flowrun")
    group.addoption(
        "--update-golden",
        action="store_true",
        help="create or update the golden values of the tested recipes, and show the changes",
    )
    group.addoption(
        "--recipe-fresh",
        action="store_true",
        help="call every step of a recipe, even those with stored results",
    )
    group.addoption(
        "--recipe-no-standin",
        action="store_true",
        help="skip recipes whose data is not available, instead of using the simulated stand-in",
    )
    group.addoption(
        "--recipe-device",
        metavar="DEVICE",
        help="auto, cpu, cuda, cuda:N, mps or xpu, in place of the recipes' own",
    )
    group.addoption(
        "--recipe-flaky",
        metavar="TIMES",
        type=int,
        help="run each recipe so often, nothing found in the store; report any bit that differs",
    )
    group.addoption(
        "--recipe-against",
        metavar="RUN.json",
        help="hold the recipe of a run's record against that record, made on another machine",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Read the record that recipes are compared with before anything is collected."""
    if config.getoption("recipe_against") is not None:
        from flowrun.testing.recipes.collecting import other_run

        other_run(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A YAML file that is a recipe, as a collector of its expectations."""
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    from flowrun.recipes.texts import holds_recipe

    if not holds_recipe(file_path):
        return None
    from flowrun.testing.recipes.collecting import RecipeFile

    return RecipeFile.from_parent(parent, path=file_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put a recipe that writes a file before those that read it."""
    if "flowrun.testing.recipes.collecting" in sys.modules:
        from flowrun.testing.recipes.collecting import arrange

        arrange(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The changes of the golden values, if they were created or updated."""
    if not terminalreporter.config.getoption("update_golden"):
        return
    terminalreporter.section("golden values")
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    from flowrun.errors.escaping import below

    told = [
        text
        for report in reports
        for name, text in getattr(report, "user_properties", ())
        if name == GOLDEN_PROPERTY and report.when == "call"
    ]
    for text in told or ["no recipe that was tested has golden values"]:
        terminalreporter.line(below(str(text)))
