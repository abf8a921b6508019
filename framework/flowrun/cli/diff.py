"""`flowrun diff`: the differences between two runs."""

from __future__ import annotations

import click

from flowrun.cli.completing import complete_run
from flowrun.cli.document_output import document_text
from flowrun.cli.plugin_option import plugin_option
from flowrun.cli.printing import echo, warn
from flowrun.errors.escaping import on_one_line
from flowrun.history.comparing import Comparison, compare
from flowrun.history.finding import find_run, is_elsewhere
from flowrun.planning.plan import load_plugins
from flowrun.plugins.registry import Registry
from flowrun.running.record import RunRecord, local_time
from flowrun.store.home import home_folder
from flowrun.store.store import Store

_INDENT = "  "


@click.command("diff")
@click.argument("first", metavar="A", shell_complete=complete_run)
@click.argument("second", metavar="B", shell_complete=complete_run)
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def diff_command(
    registry: Registry, first: str, second: str, plugins: tuple[str, ...], as_json: bool
) -> int:
    """Show the differences between two runs.

    Recipe, options, code, data, environment, result, down to the first output that differs.
    A and B are ids, unambiguous beginnings of them, `last`, or `last~1` for the one before. A
    plugin is needed only to read kept values of its own types.
    Exit code: 0 if the results are the same, 1 if they differ.
    """
    load_plugins(registry, plugins)
    old, new = find_run(first), find_run(second)
    store = Store(home_folder(), warn, sets_aside=False)
    try:
        found = compare(old, new, store, lambda: registry)
    finally:
        store.close()
    if as_json:
        click.echo(_as_json(old, new, found))
    else:
        echo("\n".join(_lines(old, new, found)))
    return 0 if found.is_same else 1


def _lines(old: RunRecord, new: RunRecord, found: Comparison) -> list[str]:
    lines = [
        on_one_line(f"{sign} {run.id}  {run.recipe}  {run.status}  {local_time(run.started)}")
        + f"{'  made elsewhere' if is_elsewhere(run) else ''}"
        for sign, run in (("A", old), ("B", new))
    ]
    for name, changes in found.sections.items():
        if changes:
            lines.append(click.style(name, bold=True))
        for change in changes:
            lines.append(f"{_INDENT}{on_one_line(change.line)}")
            lines += [f"{_INDENT * 3}{on_one_line(detail)}" for detail in change.details]
    same = [name for name, changes in found.sections.items() if not changes]
    if same:
        lines.append(click.style(f"no difference in: {', '.join(same)}", dim=True))
    return lines


def _as_json(old: RunRecord, new: RunRecord, found: Comparison) -> str:
    return document_text({"a": old.id, "b": new.id, "same": found.is_same, **found.sections})
