"""`flowrun diff`: the differences between two runs."""

from __future__ import annotations

import click
import msgspec

from flowrun.cli.plugin_option import plugin_option
from flowrun.history.comparing import Comparison, compare
from flowrun.history.finding import find_run
from flowrun.planning.plan import load_plugins
from flowrun.plugins.registry import Registry
from flowrun.running.record import RunRecord, local_time
from flowrun.store.home import home_folder
from flowrun.store.store import Store

_INDENT = "  "


@click.command("diff")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
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
    store = Store(home_folder(), lambda text: click.echo(f"warning: {text}", err=True))
    try:
        found = compare(old, new, store, lambda: registry)
    finally:
        store.close()
    click.echo(_as_json(old, new, found) if as_json else "\n".join(_lines(old, new, found)))
    return 0 if found.is_same else 1


def _lines(old: RunRecord, new: RunRecord, found: Comparison) -> list[str]:
    lines = [
        f"{sign} {run.id}  {run.recipe}  {run.status}  {local_time(run.started)}"
        for sign, run in (("A", old), ("B", new))
    ]
    for name, changes in found.sections.items():
        if changes:
            lines.append(click.style(name, bold=True))
        for change in changes:
            lines.append(f"{_INDENT}{change.line}")
            lines += [f"{_INDENT * 3}{detail}" for detail in change.details]
    same = [name for name, changes in found.sections.items() if not changes]
    if same:
        lines.append(click.style(f"no difference in: {', '.join(same)}", dim=True))
    return lines


def _as_json(old: RunRecord, new: RunRecord, found: Comparison) -> str:
    document = {"a": old.id, "b": new.id, "same": found.is_same, **found.sections}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
