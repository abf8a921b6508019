"""What a plugin can give beside steps: file formats, named data sets, and codecs for values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from flowrun.errors import PluginError


@dataclass(frozen=True, slots=True)
class Format:
    """A file format for `load` and `save`, chosen by a file's suffix.

    read: called with the path, and with `settings` as keywords where the recipe gives them;
        returns a dict of named values, of which `data` is what `load` gives by default.
    write: called with the path and a dict of named values; None where a format is only read.
    settings: the names of the settings that `read` understands (`delimiter`, ...).
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[..., dict[str, Any]]
    write: Callable[[Path, dict[str, Any]], None] | None = None
    settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise PluginError where no file could ever be of this format."""
        if isinstance(self.suffixes, str) or not self.suffixes:
            example = f'Format("{self.name}", (".{self.name.lower()}",), ...)'
            raise PluginError(f"the format `{self.name}` names no suffixes in a tuple: {example}")
        for suffix in self.suffixes:
            if not suffix.startswith("."):
                message = f"the suffix {suffix!r} of the format `{self.name}` begins with no dot"
                raise PluginError(f"{message}: write {'.' + suffix!r}")


class Dataset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Named data: where it is to be had, how it is known to be whole, and what stands in for it.

    filename: its name in the folders of `FLOWRUN_DATA_PATH` and in the cache.
    sha256: the checksum, in hexadecimal, that any copy must have.
    standin: a simulated file that takes its place where the data cannot be had.
    """

    name: str
    about: str
    url: str
    filename: str
    sha256: str
    licence: str
    citation: str
    columns: tuple[str, ...] = ()
    standin: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a message and a record say of a value without holding it."""

    type: str
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    device: str | None = None
    bytes: int | None = None

    def __str__(self) -> str:
        parts = [] if self.shape is None else [_shape_text(self.shape)]
        parts += [part for part in (self.dtype, self.device) if part]
        return " ".join(parts) or self.type


@dataclass(frozen=True, slots=True)
class Codec:
    """How values of one type are summarised and turned into plain numbers.

    type: the type, or its full name, such as `torch.Tensor`, so that naming it imports nothing.
    summary: a `Summary` of the value.
    plain: the value as numbers, strings and lists, for expectations and JSON.
    difference: called with the value, a wanted plain value, `rtol` and `atol` (None where not
        given); None where they are equal within that, else how and where they differ. Without it
        the plain values are compared.
    """

    type: str | type
    summary: Callable[[Any], Summary]
    plain: Callable[[Any], Any]
    difference: Callable[[Any, Any, float | None, float | None], str | None] | None = None

    @property
    def type_name(self) -> str:
        """The full name of the type: its module, a dot, and its own name."""
        return self.type if isinstance(self.type, str) else full_name(self.type)


def full_name(kind: type) -> str:
    """The name of a type that no other type has: its module, a dot, and its own name."""
    return f"{kind.__module__}.{kind.__qualname__}"


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
