"""The values of a source that a recipe wants, and their names in the recipe."""

from __future__ import annotations

from typing import NamedTuple

from flowrun import OptionError


class Selection(NamedTuple):
    """The values that a recipe wants of a source, by the options of `load`."""

    values: tuple[str, ...]
    names: dict[str, str] | None
    into: str | None

    @property
    def keys(self) -> list[str]:
        """The keys that the source must have."""
        return [key for name, key in self.by_name.items() if name != self.into]

    @property
    def by_name(self) -> dict[str, str]:
        """The key of each output, by its name; that of the whole dict is no key of the source."""
        found = {**{name: name for name in self.values}, **(self.names or {})}
        if self.into:
            found[self.into] = ""
        return found or {"data": "data", "columns": "columns"}

    def require_distinct(self) -> None:
        """Raise OptionError if two of the options name the same output."""
        names = self.names or {}
        for name in self.values:
            if name in names:
                raise OptionError(
                    f"`{name}` is an output by `values` and by `names` (for `{names[name]}`)",
                    option=("names",), hint="name one of them otherwise in `names`",
                )  # fmt: skip
        if self.into and self.into in {*self.values, *names}:
            option = "values" if self.into in self.values else "names"
            raise OptionError(
                f"`{self.into}` is an output by `{option}` and by `into`",
                option=("into",), hint="give the dict of all values another name",
            )  # fmt: skip
