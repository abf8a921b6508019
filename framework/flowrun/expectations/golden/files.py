"""The files of a recipe's golden values, `golden/<recipe>.json` and those of large leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flowrun.errors import FlowrunError, shown_path
from flowrun.expectations.golden.documents import Document, document_text, read_document
from flowrun.expectations.golden.leaves import is_in_file
from flowrun.expectations.golden.options import GOLDEN
from flowrun.recipes.recipe import Recipe
from flowrun.store.files import replacing, write_text
from flowrun.values.codecs import Codecs
from flowrun.values.digests import value_digest


class GoldenError(FlowrunError):
    """Golden values that are not there, or are not what was written."""


def golden_path(recipe: Recipe) -> Path | None:
    """The file of a recipe's golden values; None for a recipe that is in no file."""
    path = recipe.path
    return None if path is None else path.parent / GOLDEN / f"{path.stem}.json"


def golden_files(recipe: Recipe) -> list[Path]:
    """Every file that a recipe's golden values depend on, there or not; none where it has none."""
    path = golden_path(recipe)
    if path is None or not any(_has_golden(entry.value) for entry in recipe.expect.values()):
        return []
    there = path.parent.glob("*")
    beside = [found for found in there if found != path and found.name.startswith(f"{path.stem}.")]
    return [path, *sorted(beside)]


def _has_golden(node: object) -> bool:
    return getattr(node, "value", None) == GOLDEN or GOLDEN in getattr(node, "entries", ())


class GoldenFile:
    """One recipe's golden values as they stand on disk."""

    def __init__(self, path: Path, values: Codecs) -> None:
        self.path = path
        self._values = values
        self._leaves: dict[str, dict[str, Any]] = {}

    def read(self) -> Document:
        """What the file holds; raises GoldenError where it cannot be read."""
        try:
            return read_document(self.path.read_bytes())
        except FileNotFoundError:
            raise GoldenError(f"there is no {shown_path(self.path)}") from None
        except (OSError, ValueError) as error:
            raise GoldenError(f"{shown_path(self.path)} cannot be read: {error}") from None

    def leaf(self, document: Document, group: str, path: str) -> Any:
        """A leaf that is kept in a file of its type; raises GoldenError where it is not there."""
        kind = document.values[group].leaves[path]["type"]
        name = document.files.get(kind, "")
        file = self.path.parent / name
        if kind not in self._leaves:
            self._leaves[kind] = self._read_leaves(kind, file)
        leaf = self._leaves[kind].get(f"{group}/{path}")
        digest = document.values[group].digests.get(path)
        if leaf is None or digest is None or value_digest(leaf, self._values) != digest:
            there, here = shown_path(file), shown_path(self.path)
            raise GoldenError(f"{there} and {here} do not belong together")
        return leaf

    def write(self, document: Document, leaves: Mapping[str, Any]) -> None:
        """Write a document, and its leaves that are in files; what was there stays if that fails.

        leaves: by group and path, `group/path`. The document is replaced last, and tells by the
        digests of the leaves whether both files were.
        """
        by_kind: dict[str, dict[str, Any]] = {}
        for group, held in document.values.items():
            for path, told in held.leaves.items():
                if is_in_file(told):
                    name = f"{group}/{path}"
                    by_kind.setdefault(told["type"], {})[name] = leaves[name]
        document.files = self._names(by_kind)
        for kind, name in document.files.items():
            codec = self._values.codec_named(kind)
            assert codec is not None
            assert codec.write is not None  # `leaves` gives only what can be written
            portable = codec.portable or _as_it_is
            with replacing(self.path.parent / name) as temporary:
                codec.write(temporary, {key: portable(leaf) for key, leaf in by_kind[kind].items()})
        write_text(self.path, document_text(document))
        self._leaves = {}

    def _read_leaves(self, kind: str, file: Path) -> dict[str, Any]:
        codec = self._values.codec_named(kind)
        if codec is None or codec.read is None:
            raise GoldenError(f"{shown_path(self.path)}: no plugin reads values of type {kind}")
        try:
            return codec.read(file)
        except Exception as error:  # a codec reads foreign bytes: it may raise anything
            raise GoldenError(f"{shown_path(file)} cannot be read: {error}") from error

    def _names(self, kinds: Iterable[str]) -> dict[str, str]:
        """A file for each type of leaf: `<recipe>.safetensors` for tensors."""
        names: dict[str, str] = {}
        for kind in kinds:
            codec = self._values.codec_named(kind)
            suffix = codec.suffix if codec is not None and codec.suffix else ".values"
            name = f"{self.path.stem}{suffix}"
            names[kind] = f"{self.path.stem}.{kind}{suffix}" if name in names.values() else name
        return names


def _as_it_is(leaf: Any) -> Any:
    return leaf
