"""`flowrun store`: its size by step, cleaning, and verification."""

from __future__ import annotations

import re
from typing import Any

import click

from flowrun.cli.memo_writer import forget_notes
from flowrun.plugins.registry import Registry
from flowrun.store.home import home_folder
from flowrun.store.maintenance import Maintenance
from flowrun.store.store import Store
from flowrun.values.codecs import Codecs
from flowrun.values.sizes import size_text

_MOST_HOLDERS = 8
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


def _store() -> Store:
    return Store(home_folder(), lambda text: click.echo(f"warning: {text}", err=True))


@click.group("store", invoke_without_command=True)
@click.pass_context
def store_command(ctx: click.Context) -> None:
    """Show the size of the store by step; clean it, verify it."""
    if ctx.invoked_subcommand is not None:
        return
    store = _store()
    maintenance = Maintenance(store)
    click.echo(click.style(str(store.folder.parent), bold=True))
    parts = maintenance.parts()
    for part in parts:
        click.echo(f"  {part.name:<24}{part.count:>8}  {size_text(part.bytes):>10}")
    click.echo(f"  {'in all':<24}{'':>8}  {size_text(sum(part.bytes for part in parts)):>10}")
    holders = maintenance.holders(_MOST_HOLDERS)
    if holders:
        click.echo("the owners of the values, the largest first")
    for holder in holders:
        where = f"{holder.recipe} {holder.run}".strip()
        click.echo(f"  {holder.step:<24}{size_text(holder.bytes):>18}  {where}")
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
    """Remove records and values that are not needed; never a record that a remaining run names."""
    if keep_days is None and max_size is None:
        raise click.UsageError(
            "say what may be removed: --keep-days DAYS, --max-size SIZE, or both"
        )
    store = _store()
    cleaned = Maintenance(store).clean(keep_days=keep_days, max_size=max_size, dry_run=dry_run)
    store.close()
    if not dry_run:
        forget_notes()  # they may speak of records that are gone
    click.echo(
        f"{'would remove' if dry_run else 'removed'} {cleaned.runs} runs, "
        f"{cleaned.records} records of steps, {cleaned.values} values ({size_text(cleaned.bytes)})"
    )


@store_command.command("verify")
@click.pass_obj
def verify_command(registry: Registry) -> int:
    """Read everything in the store, and report damage. Exit code 1 if there is any."""
    store = _store()
    wrong = list(Maintenance(store).verify(Codecs(registry.codecs)))
    store.close()
    for text in wrong:
        click.echo(text)
    count = len(store.objects.least_used())
    store.close()
    found = f"found damaged: {len(wrong)}" if wrong else "all records and values are undamaged"
    click.echo(f"{found} ({count} values read)")
    return 1 if wrong else 0
