"""The step `read_table`."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

from flowrun import (
    CheckContext,
    Context,
    DataError,
    Meta,
    NeedsDataError,
    OptionError,
    Unknown,
    download,
    listed,
    on_one_line,
    step,
)
from flowrun_tables.outlines import NamesOutline
from flowrun_tables.reading.names import require_known
from flowrun_tables.reading.records import WHITE_SPACE, Layout
from flowrun_tables.reading.tables import Settings, outlined_names, read_tables
from flowrun_tables.reading.typing import MISSING, Rules, Type
from flowrun_tables.sources import QUICKLY_READ, paths_of

if TYPE_CHECKING:
    import polars

Sign = Annotated[str, Meta(min_length=1, max_length=1)]


@step(outputs="table")
def read_table(
    *,
    source: Annotated[
        str,
        Meta(
            min_length=1,
            description="A path from the recipe's folder, a pattern of paths such as "
            "`logs/*.csv`, or an https address with `sha256`.",
        ),
    ],
    columns: Annotated[
        Annotated[list[str], Meta(min_length=1)] | None,
        Meta(description="The columns to read, in this order; all by default."),
    ] = None,
    types: Annotated[
        dict[str, Type], Meta(description="Types of columns of a text, where one is to be forced.")
    ] = {},  # noqa: B006 - a default is copied for each plan
    missing: Annotated[
        tuple[str, ...], Meta(description="How a text spells a missing cell.")
    ] = MISSING,
    separator: Annotated[
        str | None,
        Meta(description="The sign between cells, or `white space`; found by default."),
    ] = None,
    quote: Annotated[Sign, Meta(description="The sign around a cell.")] = '"',
    comment: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(description="What a line begins with that is no record."),
    ] = None,
    header: Annotated[
        bool | None, Meta(description="Whether a text begins with the names of its columns.")
    ] = None,
    names: Annotated[
        Annotated[list[str], Meta(min_length=1)] | None,
        Meta(description="Names of the columns of a text that has no line of them."),
    ] = None,
    decimal: Annotated[Sign, Meta(description="The sign before decimals.")] = ".",
    thousands: Annotated[
        Sign | None, Meta(description="The sign between groups of three digits.")
    ] = None,
    dates: Annotated[
        str | dict[str, str] | None,
        Meta(description="Format of dates, such as `%d.%m.%Y`, of all columns or by column."),
    ] = None,
    encoding: Annotated[
        str | None, Meta(description="Of a text; UTF-8, or UTF-16 with its mark, by default.")
    ] = None,
    sha256: Annotated[
        str | None, Meta(description="The checksum an https address must have, in hexadecimal.")
    ] = None,
    ctx: Context,
) -> polars.DataFrame:
    """Read a table of typed columns with missing cells: `read_table: {source: passengers.csv}`.

    Returns `table`, a `polars.DataFrame`. Files named `.parquet`, `.arrow` (`.feather`, `.ipc`)
    and `.jsonl` (`.ndjson`) have types of their own; every other file is a text. Of a text the
    type of a column is that of all its filled cells: whole numbers (int64), numbers (float64),
    true and false, ISO dates, ISO dates with a time; texts otherwise. Whole numbers with leading
    zeros, or beyond int64, are texts. Spaces around a cell are no part of it.

    Raises DataError, with row, line and column, for a cell that does not fit: if half of the
    filled cells of a column or more are numbers (or true and false, or dates), the others must be
    so too, or be spelled in `missing`, or `types` makes the column a text. Also for rows with
    another number of cells, for two columns of one name, and for columns without a name.
    """
    settings = _settings(
        columns, types, missing, separator, quote, comment, header, names, decimal, thousands,
        dates, encoding,
    )  # fmt: skip
    paths = paths_of(source, sha256, ctx, download)
    table = read_tables([ctx.reads(path) for path in paths], settings)
    _check_named(table.columns, types, dates)
    ctx.log(f"{', '.join(_kinds(table))}")
    return table


@read_table.check_options
def _check_options(options: SimpleNamespace) -> None:
    """Check that signs differ, and that a line of names is not wanted twice."""
    if options.names is not None and options.header:
        raise OptionError(
            "`names` is for a text without a line of names, and `header: true` says it has one",
            option=("names",),
        )
    if options.thousands is not None and options.thousands == options.decimal:
        raise OptionError("`thousands` and `decimal` are one sign", option=("thousands",))
    if options.decimal not in ".,":
        raise OptionError("`decimal` is a point or a comma", option=("decimal",))
    if options.separator not in (None, WHITE_SPACE) and len(options.separator) != 1:
        raise OptionError(f"`separator` is one sign, or `{WHITE_SPACE}`", option=("separator",))


@read_table.on_shapes
def _on_shapes(
    *,
    source: str,
    columns: list[str] | None,
    types: dict[str, Type],
    missing: tuple[str, ...],
    separator: str | None,
    quote: str,
    comment: str | None,
    header: bool | None,
    names: list[str] | None,
    decimal: str,
    thousands: str | None,
    dates: str | dict[str, str] | None,
    encoding: str | None,
    sha256: str | None,
    ctx: CheckContext,
) -> polars.DataFrame:
    """The table itself, if its files are small."""
    settings = _settings(
        columns, types, missing, separator, quote, comment, header, names, decimal, thousands,
        dates, encoding,
    )  # fmt: skip
    paths = paths_of(source, sha256, ctx, partial(download, fetch=False))
    if sum(path.stat().st_size for path in paths) > QUICKLY_READ:
        raise NeedsDataError(f"{paths[0].name} is large, and its categories are known in a run")
    table = read_tables(paths, settings)
    _check_named(table.columns, types, dates)
    return table


@read_table.on_outlines
def _on_outlines(
    *,
    source: str,
    columns: list[str] | None,
    types: dict[str, Type],
    missing: tuple[str, ...],
    separator: str | None,
    quote: str,
    comment: str | None,
    header: bool | None,
    names: list[str] | None,
    decimal: str,
    thousands: str | None,
    dates: str | dict[str, str] | None,
    encoding: str | None,
    sha256: str | None,
    ctx: Context,
) -> Any:
    """The names of the columns of a text."""
    settings = _settings(
        columns, types, missing, separator, quote, comment, header, names, decimal, thousands,
        dates, encoding,
    )  # fmt: skip
    try:
        paths = paths_of(source, sha256, ctx, partial(download, fetch=False))
        outlined = outlined_names(paths, settings)
    except NeedsDataError:
        return Unknown("table")
    except DataError as error:
        raise OptionError(str(error), option="source") from error
    if outlined is None:
        return Unknown("table")
    _check_named(outlined, types, dates)
    return NamesOutline(outlined)


def _check_named(
    columns: list[str], types: dict[str, Type], dates: str | dict[str, str] | None
) -> None:
    """Raise OptionError for a column of `types` or `dates` that is not read."""
    for option, named in (("types", types), ("dates", dates)):
        for name in named if isinstance(named, dict) else ():
            require_known([name], columns, (option, name))


def _settings(
    columns: list[str] | None,
    types: dict[str, Type],
    missing: tuple[str, ...],
    separator: str | None,
    quote: str,
    comment: str | None,
    header: bool | None,
    names: list[str] | None,
    decimal: str,
    thousands: str | None,
    dates: str | dict[str, str] | None,
    encoding: str | None,
) -> Settings:
    layout = Layout(separator, quote, comment, encoding, header, names, decimal)
    return Settings(columns, layout, Rules(types, missing, decimal, thousands, dates))


def _kinds(table: polars.DataFrame) -> list[str]:
    """The columns by their types, for a message."""
    kinds: dict[str, list[str]] = {}
    for name, dtype in table.schema.items():
        kinds.setdefault(str(dtype), []).append(on_one_line(name))
    return [f"{kind}: {listed(names)}" for kind, names in kinds.items()]
