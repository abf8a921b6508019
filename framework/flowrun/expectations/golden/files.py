"""The files of a recipe's golden values: `golden/<recipe>.json`, and those of large leaves.

The text has one leaf a line if it fits, else one row a line: so a version control system shows
which leaves a commit changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from flowrun.errors import FlowrunError, shown_path
from flowrun.expectations.golden.leaves import is_in_file
from flowrun.recipes.recipe import Recipe
from flowrun.store.files import replacing, write_text
from flowrun.values.codecs import Codecs
from flowrun.values.digests import value_digest
from flowrun.values.files import file_below, read_bytes

GOLDEN = "golden"
_WIDTH = 96  # columns
_MOST_BYTES = 2**26  # of the text: a leaf has at most 256 numbers there


class GoldenError(FlowrunError):
    """Golden values that are missing, or differ from those that were written."""


class Group(msgspec.Struct):
    """The golden value of one expectation.

    device: the kind of device that computed it. leaves: by path, as JSON. digests: of the leaves
    that are in a file of their type, by which a file of another version is noticed.
    """

    device: str
    leaves: dict[str, Any]
    digests: dict[str, str] = {}


class Document(msgspec.Struct):
    """The content of `golden/<recipe>.json`. files: by type of leaf, the file beside it."""

    recipe: str
    values: dict[str, Group]
    files: dict[str, str] = {}


_DECODER = msgspec.json.Decoder(Document)


def golden_path(recipe: Recipe) -> Path | None:
    """The file of a recipe's golden values; None if the recipe is not in a file."""
    path = recipe.path
    return None if path is None else path.parent / GOLDEN / f"{path.stem}.json"


def golden_files(recipe: Recipe) -> list[Path]:
    """The files that a recipe's golden values depend on, whether or not they exist."""
    path = golden_path(recipe)
    if path is None or not any(_has_golden(entry.value) for entry in recipe.expect.values()):
        return []
    siblings = path.parent.glob("*")
    beside = [
        found for found in siblings if found != path and found.name.startswith(f"{path.stem}.")
    ]
    return [path, *sorted(beside)]


def _has_golden(node: object) -> bool:
    return getattr(node, "value", None) == GOLDEN or GOLDEN in getattr(node, "entries", ())


class GoldenFile:
    """One recipe's golden values on disk."""

    def __init__(self, path: Path, values: Codecs) -> None:
        self.path = path
        self._recipes = path.parent.parent
        self._values = values
        self._leaves: dict[str, dict[str, Any]] = {}

    def read(self) -> Document:
        """The content of the file; raises GoldenError if it cannot be read."""
        try:
            content = read_bytes(self.path, most=_MOST_BYTES + 1)
            if len(content) > _MOST_BYTES:
                raise ValueError(f"it has more than {_MOST_BYTES // 2**20} MiB")
            return _DECODER.decode(content)
        except FileNotFoundError:
            raise GoldenError(f"there is no {shown_path(self.path)}") from None
        except (OSError, ValueError, RecursionError) as error:
            raise GoldenError(f"{shown_path(self.path)} cannot be read: {error}") from None

    def leaf(self, document: Document, group: str, path: str) -> Any:
        """A leaf that is in a file of its type; raises GoldenError if it is missing or differs."""
        kind = document.values[group].leaves[path]["type"]
        name = document.files.get(kind, "")
        if kind not in self._leaves:
            self._leaves[kind] = self._read_leaves(kind, name)
        leaf = self._leaves[kind].get(f"{group}/{path}")
        digest = document.values[group].digests.get(path)
        if leaf is None or digest is None or value_digest(leaf, self._values) != digest:
            there, here = shown_path(self.path.parent / name), shown_path(self.path)
            raise GoldenError(f"{there} and {here} do not belong together")
        return leaf

    def write(self, document: Document, leaves: Mapping[str, Any]) -> None:
        """Write a document and the files of its leaves; if that fails, the old document stays.

        leaves: portable ones, by group and path, `group/path`. The document is replaced last: its
        digests say whether the files of the leaves belong to it.
        """
        by_kind: dict[str, dict[str, Any]] = {}
        for group, golden in document.values.items():
            for path, text in golden.leaves.items():
                if is_in_file(text):
                    name = f"{group}/{path}"
                    by_kind.setdefault(text["type"], {})[name] = leaves[name]
        document.files = self._names(by_kind)
        for kind, name in document.files.items():
            codec = self._values.codec_named(kind)
            assert codec is not None
            assert codec.write is not None  # `leaves` gives only values that can be written
            with replacing(self.path.parent / name, self._recipes) as temporary:
                codec.write(temporary, by_kind[kind])
        laid_out = _laid_out(msgspec.to_builtins(document), "") + "\n"
        write_text(self.path, laid_out, self._recipes)
        self._leaves = {}

    def _read_leaves(self, kind: str, name: str) -> dict[str, Any]:
        codec = self._values.codec_named(kind)
        if codec is None or codec.read is None:
            raise GoldenError(f"{shown_path(self.path)}: no plugin reads values of type {kind}")
        try:
            return codec.read(file_below(self.path.parent, name, may_be_hidden=True))
        except Exception as error:  # a codec reads foreign bytes: it may raise anything
            there = shown_path(self.path.parent / name)
            raise GoldenError(f"{there} cannot be read: {error}") from error

    def _names(self, kinds: Iterable[str]) -> dict[str, str]:
        """A file for each type of leaf: `<recipe>.safetensors` for tensors."""
        names: dict[str, str] = {}
        for kind in kinds:
            codec = self._values.codec_named(kind)
            suffix = codec.suffix if codec is not None and codec.suffix else ".values"
            name = f"{self.path.stem}{suffix}"
            names[kind] = f"{self.path.stem}.{kind}{suffix}" if name in names.values() else name
        return names


def _laid_out(value: Any, indent: str) -> str:
    """JSON text that breaks a line only if a list or an object does not fit on it."""
    whole = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(indent) + len(whole) <= _WIDTH or not value or not isinstance(value, (list, dict)):
        return whole
    inner = f"{indent} "
    if isinstance(value, list):
        items = [_laid_out(item, inner) for item in value]
        begin, end = "[", "]"
    else:
        items = [f"{json.dumps(key)}: {_laid_out(item, inner)}" for key, item in value.items()]
        begin, end = "{", "}"
    return f"{begin}\n{inner}" + f",\n{inner}".join(items) + f"\n{indent}{end}"
