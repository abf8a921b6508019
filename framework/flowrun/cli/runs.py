"""`flowrun runs`: a list of runs with their results, selected by recipe, status or figures."""

from __future__ import annotations

import shutil
import sys

import click

from flowrun.cli.document_output import document_text
from flowrun.cli.printing import echo, warn
from flowrun.errors import shown_path
from flowrun.history.filtering import parse_condition
from flowrun.history.listing import as_document, table
from flowrun.history.selecting import select
from flowrun.store.home import home_folder, runs_folder
from flowrun.store.store import Store

_ON_A_TERMINAL = 20  # runs shown there without `-n`
_STATUSES = (
    "ok", "unmet", "failed", "interrupted", "killed", "skipped", "running", "unreadable",
)  # fmt: skip


@click.command("runs")
@click.option("--recipe", metavar="NAME_OR_FILE", help="Only runs of this recipe.")
@click.option("--status", type=click.Choice(_STATUSES), help="Only runs that ended so.")
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="CONDITION",
    help="Only runs that meet this condition: 'metrics.mae<0.5', 'seed=7', 'gd_train.lr>=0.01', "
    "'when>=2026-11-20'. May be repeated; all must be met.",
)
@click.option("-n", "--count", type=click.IntRange(min=0), help="How many runs, the latest first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document: a list of runs.")
def runs_command(
    recipe: str | None,
    status: str | None,
    conditions: tuple[str, ...],
    count: int | None,
    as_json: bool,
) -> None:
    """List runs, the latest first.

    Each with its id, start, recipe, result, seconds and metrics. Without `-n`, a terminal shows the
    last 20, and anything else all of them.
    """
    parsed = [parse_condition(text) for text in conditions]
    store = Store(home_folder(), warn, sets_aside=False)
    try:
        rows = store.runs.rows()
    finally:
        store.close()
    selected = select(rows, runs_folder(), recipe=recipe, status=status, conditions=parsed)
    is_terminal = sys.stdout.isatty()
    if count is None:
        count = _ON_A_TERMINAL if is_terminal and not as_json else len(selected)
    shown = selected[:count]
    if as_json:
        click.echo(document_text(as_document(shown)))
        return
    if not selected:
        folder = shown_path(runs_folder())
        echo(f"no run in {folder} fits" if rows else f"there are no runs in {folder}")
        return
    width = shutil.get_terminal_size().columns if is_terminal else None
    lines = table(shown, [condition.path.text for condition in parsed], width)
    more = len(selected) - len(shown)
    if more and is_terminal:
        lines += f"\n{more:,} earlier ones; `-n {len(selected)}` shows all"
    echo(lines)
