"""`flowrun watch`: a recipe run again whenever it, its plugins or its data change."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any, NoReturn

import click

from flowrun.cli.completing import FILE
from flowrun.cli.printing import echo
from flowrun.cli.recipe_options import recipe_options, recipe_path
from flowrun.cli.watch.changes import Stamps, require_watchfiles, stamps_of, wait_for_change
from flowrun.cli.watch.dependencies import (
    data_files,
    installed_code,
    named_files,
    recipe_files,
)
from flowrun.cli.watch.running import latest_run, record_of, run_apart
from flowrun.errors import listed, shown_path
from flowrun.errors.escaping import on_one_line
from flowrun.history.changes import changed_metrics
from flowrun.plugins.registry import Registry
from flowrun.recipes.overrides import RecipeOptions
from flowrun.running.record import RunRecord
from flowrun.values.files import real_path

_MOST_NAMES = 3  # of changed files that a line shows


@click.command("watch")
@click.argument("recipe", type=FILE)
@recipe_options
@click.pass_obj
def watch_command(
    registry: Registry,
    recipe: str,
    options: RecipeOptions,
) -> int:
    """Run RECIPE, and again whenever it, its plugins or its data change.

    After each run it shows how the metrics changed since the previous run. If a recipe or a
    plugin is broken, it prints the error and waits for the next change. Each run is a
    process of its own, so changed code is loaded. Ctrl-C ends it, with exit code 0. Needs the extra
    `flowrun-recipes[watch]`.
    """
    path = recipe_path(recipe)
    require_watchfiles()
    signal.signal(signal.SIGTERM, _interrupt)
    watch = _Watch(path, options, installed_code(registry))
    try:
        while True:
            watch.run([recipe, *options.arguments])
            watch.wait()
    except KeyboardInterrupt:
        echo("no longer watching")
    return 0


class _Watch:
    """A watched recipe: its dependencies, and its latest run that gave metrics."""

    def __init__(self, recipe: Path, options: RecipeOptions, code: set[Path]) -> None:
        self._recipe = recipe
        self._options = options
        self._code = code
        self._known: set[Path] = {real_path(recipe)}
        self._data: set[Path] = set()
        self._before: RunRecord | None = None
        self._stamps = Stamps({})

    def run(self, arguments: list[str]) -> None:
        """Run once, and show how the metrics changed."""
        files = recipe_files(self._recipe, self._options.set, self._options.plugins)
        self._known = files or self._known
        moment = time.time_ns()
        self._stamps = stamps_of(self._known | self._code | self._data)
        before = latest_run(self._recipe)
        run_apart(arguments)
        after = latest_run(self._recipe)
        found = record_of(after) if after is not None and after != before else None
        if found is None:  # refused, perhaps for the content of a file that no record names
            self._data |= named_files(self._recipe, self._options.set)
            self._stamps = self._stamps.extended(self._data, moment)
            return
        self._data = data_files(found)
        self._stamps = self._stamps.extended(self._data, moment)
        if found.status in ("ok", "unmet"):
            self._show_metrics(found)
            self._before = found

    def wait(self) -> None:
        """Wait for a change, and print which files changed."""
        echo(f"watching {len(self._stamps.of)} files; Ctrl-C ends")
        changed = wait_for_change(self._stamps)
        echo(f"\nchanged: {listed(map(shown_path, changed), limit=_MOST_NAMES)}")

    def _show_metrics(self, found: RunRecord) -> None:
        if self._before is None:
            return
        changes = list(changed_metrics(self._before.metrics, found.metrics))
        for change in changes:
            echo(f"  {on_one_line(change.line)}")
        if found.metrics and not changes:
            echo("  the metrics are as before")


def _interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt
