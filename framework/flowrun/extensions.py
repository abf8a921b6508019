"""What a plugin can give beside steps: file formats, data sets, models, and codecs for values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from flowrun.errors import PluginError


class Format(msgspec.Struct, frozen=True):
    """A file format for `load` and `save`, chosen by a file's suffix.

    read: called with the path, and with `settings` as keywords where the recipe gives them;
        returns a dict of named values, of which `data` is what `load` gives by default.
    write: called with the path and a dict of named values; None where a format is only read.
    settings: the names of the settings that `read` understands (`delimiter`, ...); `dtype`, the
        name of the recipe's, is given to a format that lists it.
    header: called as `read` is, gives the same names from what the file's beginning says, without
        reading its data: tensors made with torch.empty, which in a check take no memory. Where it
        cannot tell, it raises NeedsDataError; without it, a check reads small files alone.
    mapped: whether the tensors that `read` gives lie in the file itself, and take no memory.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[..., dict[str, Any]]
    write: Callable[[Path, dict[str, Any]], None] | None = None
    settings: tuple[str, ...] = ()
    header: Callable[..., dict[str, Any]] | None = None
    mapped: bool = False

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


class Model(msgspec.Struct, frozen=True):
    """A model with a forward pass of its own, which `init_params: {model: NAME}` names.

    init: called with the rows to train on, and with `settings` as keywords where the recipe gives
        them; returns the first parameters, tensors by name. It draws them from torch's generator.
    forward: called with the parameters and rows, and the same settings; returns predictions.
    gradient: where it is given, training calls it in place of torch's autograd, with the
        parameters, rows, a function `slope_of`, and the same settings. It returns the gradient by
        name of parameter. `slope_of`, called once with the predictions, gives the derivative of
        the loss by them, of their shape.
    """

    name: str
    init: Callable[..., dict[str, Any]]
    forward: Callable[..., Any]
    gradient: Callable[..., dict[str, Any]] | None = None


class Summary(msgspec.Struct, frozen=True):
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


class Codec(msgspec.Struct, frozen=True):
    """How values of one type are summarised, compared, digested and kept.

    type: the type, or its full name, such as `torch.Tensor`, so that naming it imports nothing.
    summary: a `Summary` of the value.
    plain: the value as numbers, strings and lists, for expectations and JSON.
    difference: called with the value, a wanted plain value or another value of the type, `rtol`
        and `atol` (None where not given); None where they are equal within that, else how and
        where they differ. Without it the plain values are compared.

    For the store, either `pack` and `unpack`, or the four that follow; a type that has neither is
    never kept, and the steps that take such a value run each time.

    pack, unpack: the value as values of other types (tensors, numbers, lists, dicts), and back.
    digest: bytes that tell the content, the same in every process: of equal values equal ones.
    write: called with a path and a dict of values by name, writes them as one file. It may raise
        for a value that has no form on disk; that value is then not kept.
    read: called with such a path, gives the dict back.
    suffix: the suffix of these files.
    layout: what else of a value results may depend on, to the last bit, beside its content (how it
        lies in memory); it belongs to the name under which bytes are kept.
    portable: gives a value of the same content as every machine can read it back: a tensor on the
        CPU. Golden values are written so.
    """

    type: str | type
    summary: Callable[[Any], Summary]
    plain: Callable[[Any], Any]
    difference: Callable[[Any, Any, float | None, float | None], str | None] | None = None
    pack: Callable[[Any], Any] | None = None
    unpack: Callable[[Any], Any] | None = None
    digest: Callable[[Any], bytes] | None = None
    write: Callable[[Path, dict[str, Any]], None] | None = None
    read: Callable[[Path], dict[str, Any]] | None = None
    suffix: str = ""
    layout: Callable[[Any], str] | None = None
    portable: Callable[[Any], Any] | None = None

    @property
    def type_name(self) -> str:
        """The full name of the type: its module, a dot, and its own name."""
        return self.type if isinstance(self.type, str) else full_name(self.type)


def full_name(kind: type) -> str:
    """The name of a type that no other type has: its module, a dot, and its own name."""
    return f"{kind.__module__}.{kind.__qualname__}"


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
