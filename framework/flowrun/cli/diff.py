"""`flowrun diff`: what differs between two runs."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click
import msgspec

from flowrun.errors import PluginError
from flowrun.history.comparing import Comparison, compare
from flowrun.history.finding import find_run
from flowrun.history.past_run import PastRun, local_time
from flowrun.plugins.registry import Registry
from flowrun.store.home import home_folder
from flowrun.store.store import Store

_INDENT = "  "


@click.command("diff")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def diff_command(registry: Registry, first: str, second: str, as_json: bool) -> int:
    """Show what differs between two runs.

    Recipe, options, code, data, environment, result, down to the first output that differs.
    A and B are ids, unambiguous beginnings of them, `last`, or `last~1` for the one before.
    Exit code: 0 if the results are the same, 1 if they differ.
    """
    old, new = find_run(first), find_run(second)
    store = Store(home_folder(), lambda text: click.echo(f"warning: {text}", err=True))
    try:
        found = compare(old, new, store, lambda: _with_plugins_of(registry, old, new))
    finally:
        store.close()
    click.echo(_as_json(old, new, found) if as_json else "\n".join(_lines(old, new, found)))
    return 0 if found.is_same else 1


def _with_plugins_of(registry: Registry, *runs: PastRun) -> Registry:
    """The plugins of the runs: the codecs of their values. One that is gone reads no value."""
    both = registry.copy()
    for run in runs:
        for place in run.plugins:
            with contextlib.suppress(PluginError):
                both.load_named(place.name, Path(place.folder))
    return both


def _lines(old: PastRun, new: PastRun, found: Comparison) -> list[str]:
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


def _as_json(old: PastRun, new: PastRun, found: Comparison) -> str:
    document = {"a": old.id, "b": new.id, "same": found.is_same, **found.sections}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
