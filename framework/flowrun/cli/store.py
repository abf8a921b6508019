"""`flowrun store`: its size by step, cleaning, and verification."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from flowrun.cli.help_texts import WholeSentences
from flowrun.cli.memo_writer import forget_notes
from flowrun.cli.plugin_option import plugin_option
from flowrun.cli.printing import echo, warn
from flowrun.errors import FlowrunError, shown_path
from flowrun.errors.escaping import on_one_line
from flowrun.planning.plan import load_plugins
from flowrun.plugins.registry import Registry
from flowrun.store.adopting import adopt
from flowrun.store.home import home_folder
from flowrun.store.maintenance import Cleaned, Maintenance, Verified
from flowrun.store.plan_classes import PlanClasses
from flowrun.store.store import Store
from flowrun.values.codecs import Codecs
from flowrun.values.sizes import size_text

_MOST_HOLDERS = 8
_EXAMPLE_DAYS = 90, 30, 7, 0  # ages for which `gc` without options shows what it would remove
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(|B|[KMGT]i?B?)\s*", re.IGNORECASE)


class SizeType(click.ParamType[int]):
    """A number of bytes with a unit: `500MiB`, `2GB`, `1024`."""

    name = "size"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """The bytes, or click's usage error."""
        match = _SIZE.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is no size; write a number and a unit: 500MiB, 2GB", param, ctx)
        unit = match[2].upper()
        power = "BKMGT".index(unit[0]) if unit else 0
        base = 1000 if unit.endswith("B") and "I" not in unit else 1024
        return int(float(match[1]) * base**power)


def _store(*, sets_aside: bool = False) -> Store:
    return Store(home_folder(), warn, sets_aside=sets_aside)


@click.group("store", cls=WholeSentences, invoke_without_command=True)
@click.pass_context
def store_command(ctx: click.Context) -> None:
    """Show the size of the store by step; clean it, verify it."""
    if ctx.invoked_subcommand is not None:
        return
    store = _store()
    maintenance = Maintenance(store)
    echo(click.style(on_one_line(str(store.folder.parent)), bold=True))
    parts = maintenance.parts()
    for part in parts:
        echo(f"  {part.name:<24}{part.count:>8}  {size_text(part.bytes):>10}")
    echo(f"  {'in all':<24}{'':>8}  {size_text(sum(part.bytes for part in parts)):>10}")
    holders = maintenance.holders(_MOST_HOLDERS)
    if holders:
        echo("the owners of the values, the largest first")
    for holder in holders:
        where = on_one_line(f"{holder.recipe} {holder.run}".strip())
        echo(f"  {on_one_line(holder.step):<24}{size_text(holder.bytes):>18}  {where}")
    store.close()


@store_command.command("gc")
@click.option(
    "--keep-days",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Remove runs older than that, records no remaining run names, and values not used since.",
)
@click.option(
    "--max-size",
    type=SizeType(),
    metavar="SIZE",
    help="Remove the least recently used values until the rest take no more: 500MiB, 2GB.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
def gc_command(keep_days: float | None, max_size: int | None, dry_run: bool) -> None:
    """Remove records and values that are not needed; never a record that a remaining run names.

    Without --keep-days and --max-size nothing is removed: what some ages would remove is shown.
    """
    store = _store()
    maintenance = Maintenance(store)
    if keep_days is None and max_size is None:
        for days in _EXAMPLE_DAYS:
            cleaned = maintenance.clean(keep_days=days, max_size=None, dry_run=True)
            echo(f"  --keep-days {days:<4} would remove {_cleaned_text(cleaned)}")
        echo("nothing is removed yet: choose --keep-days DAYS, --max-size SIZE, or both")
        store.close()
        return
    cleaned = maintenance.clean(keep_days=keep_days, max_size=max_size, dry_run=dry_run)
    is_done = store.errors.may_write
    store.close()
    if not dry_run:
        forget_notes()  # they may speak of records that are gone
    if not is_done:
        raise FlowrunError("not everything could be removed")
    echo(f"{'would remove' if dry_run else 'removed'} {_cleaned_text(cleaned)}")


def _cleaned_text(cleaned: Cleaned) -> str:
    return (
        f"{cleaned.runs} runs, {cleaned.records} records of steps, {cleaned.values} values "
        f"({size_text(cleaned.bytes)})"
    )


@store_command.command("adopt")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def adopt_command(folder: Path | None) -> None:
    """Take over a store from elsewhere, and the runs: seal their records with your key.

    FOLDER is a store, or a folder that has one; by default the one that was set aside last. Every
    result in it will be believed: do this only if you trust whoever made it. A row without the form
    of a record is refused. FOLDER stays as it is.
    """
    store = _store(sets_aside=True)
    try:
        found = adopt(store, folder)
    finally:
        store.close()
    echo(
        f"adopted {found.records} records of steps, {found.values} values and {found.runs} runs"
        f"{f' of {shown_path(found.folder)}' if found.folder else ''}"
        f"; records refused as malformed: {found.refused}"
    )


@store_command.command("verify")
@plugin_option
@click.pass_obj
def verify_command(registry: Registry, plugins: tuple[str, ...]) -> int:
    """Read everything in the store, and report damage. Exit code 1 if there is any.

    Values of types that only other plugins know are counted, and not read: name these with -p.
    """
    load_plugins(registry, plugins)
    store = _store()
    if not store.database.is_in_reach:
        store.close()
        echo("nothing could be verified: the store cannot be used")
        return 1
    codecs = Codecs(registry.codecs, classes=PlanClasses(registry, store.code))
    found = Maintenance(store).verify(codecs)
    read = len(store.objects.least_used()) - found.unchecked
    store.close()
    echo(_verified_text(found, read))
    return 1 if found.wrong else 0


def _verified_text(found: Verified, read: int) -> str:
    wrong, unchecked = found.wrong, found.unchecked
    lines = [on_one_line(text) for text in wrong]
    told = f"found damaged: {len(wrong)}" if wrong else "all records and values are undamaged"
    lines.append(f"{told} ({read} values read)")
    if unchecked:
        lines.append(
            f"not checked: {unchecked} (their types or classes belong to plugins that are not "
            "loaded, or have changed since: add -p PLUGIN)"
        )
    return "\n".join(lines)
