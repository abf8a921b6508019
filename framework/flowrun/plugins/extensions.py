"""What a plugin can give beside steps: file formats and data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from flowrun.errors import PluginError


class Format(msgspec.Struct, frozen=True):
    """A file format for `load` and `save`, chosen by a file's suffix.

    read: called with the path, and with `settings` as keywords if the recipe gives them; returns a
        dict of named values, of which `load` gives `data` by default.
    write: called with the path and a dict of named values; None if a format is only read.
    settings: the names of the settings that `read` understands (`delimiter`, ...); `dtype`, the
        name of the recipe's, is given to a format that lists it.
    header: called as `read` is, returns the same names from the beginning of the file, without
        reading its data: tensors made with torch.empty, which in a check take no memory. If that is
        not possible, it raises NeedsDataError; without it, a check reads only small files.
    outline: called as `read` is before a run, without importing a tensor library, returns by the
        same names what `Step.on_outlines` functions may know of the values. It is fast (below
        10 ms), and raises DataError only if `read` would.
    mapped: whether the tensors that `read` gives lie in the file itself, and take no memory.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[..., dict[str, Any]]
    write: Callable[[Path, dict[str, Any]], None] | None = None
    settings: tuple[str, ...] = ()
    header: Callable[..., dict[str, Any]] | None = None
    outline: Callable[..., dict[str, Any]] | None = None
    mapped: bool = False

    def __post_init__(self) -> None:
        """Raise PluginError if no file could ever be of this format."""
        if isinstance(self.suffixes, str) or not self.suffixes:
            example = f'Format("{self.name}", (".{self.name.lower()}",), ...)'
            raise PluginError(f"the format `{self.name}` names no suffixes in a tuple: {example}")
        for suffix in self.suffixes:
            if not suffix.startswith("."):
                message = f"the suffix {suffix!r} of the format `{self.name}` begins with no dot"
                raise PluginError(f"{message}: write {'.' + suffix!r}")


class Dataset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Named data: its address, its checksum, and a simulated file to use in its place.

    filename: its name in the folders of `FLOWRUN_DATA_PATH` and in the cache.
    sha256: the checksum, in hexadecimal, that any copy must have.
    columns, rows: the names of its columns and the number of its rows, by which a recipe is checked
        before the data is downloaded; empty and None if it is no table, or if they are not known.
    standin: a simulated file that takes its place if the data is not available.
    """

    name: str
    about: str
    url: str
    filename: str
    sha256: str
    licence: str
    citation: str
    columns: tuple[str, ...] = ()
    rows: int | None = None
    standin: str | None = None
