"""Names of columns: each column has one of its own."""

from __future__ import annotations

from pathlib import Path

from flowrun import DataError, OptionError, did_you_mean, listed, on_one_line


def require_names(names: list[str], wanted: list[str] | None, path: Path) -> list[int]:
    """The places of the wanted columns, all if None.

    Raises DataError for two columns of one name, and for a column without a name that is wanted.
    """
    for place, name in enumerate(names):
        first = names.index(name)
        if name and first != place:
            raise DataError(
                f"{on_one_line(path)}: the columns {first + 1} and {place + 1} are both named "
                f"`{on_one_line(name)}`\n    give each a name of its own, in the file, or by "
                "`names: [...]` with `comment` or without the line of names"
            )
    if wanted is not None:
        require_known(wanted, names, "columns")
        return [names.index(name) for name in wanted]
    if "" in names:
        raise DataError(
            f"{on_one_line(path)}: column {names.index('') + 1} has no name\n"
            "    name it in the file, or name the columns to read: `columns: "
            f"[{', '.join(on_one_line(name) for name in names if name)}]`"
        )
    return list(range(len(names)))


def require_known(wanted: list[str], names: list[str], option: str | tuple[str, ...]) -> None:
    """Raise OptionError for a wanted column that is not there, or is wanted twice."""
    for name in wanted:
        if name not in names:
            raise OptionError(
                f"there is no column `{on_one_line(name)}`; there are: "
                f"{listed([on_one_line(one) for one in names])}",
                hint=did_you_mean(name, names) or "a name is written as the table has it",
                option=option,
            )
        if wanted.count(name) > 1:
            raise OptionError(
                f"`{on_one_line(name)}` is named twice", hint="name each column once", option=option
            )
