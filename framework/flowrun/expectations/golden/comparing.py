"""A run's values compared with the golden ones of its recipe."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from flowrun.errors import shown_path
from flowrun.expectations.golden.files import (
    Document,
    GoldenError,
    GoldenFile,
    Group,
    golden_files,
    golden_path,
)
from flowrun.expectations.golden.leaves import (
    described,
    from_text,
    is_in_file,
    is_plain,
    leaves,
    portable,
)
from flowrun.expectations.tolerances import GoldenTolerances
from flowrun.recipes.recipe import Recipe
from flowrun.store.files import digest_of
from flowrun.store.value_files import NotKeepableError
from flowrun.values.codecs import Codecs
from flowrun.values.digests import parts_digest, value_digest

_MOST_LINES = 4  # of one value's differences


class Golden:
    """The golden values of one recipe.

    kind: of the device that computed the run's values.
    """

    def __init__(self, recipe: Recipe, kind: str, values: Codecs) -> None:
        self._recipe = recipe
        self._kind = kind
        self._values = values
        path = golden_path(recipe)
        self._file = None if path is None else GoldenFile(path, values)

    @cached_property
    def identity(self) -> str:
        """All that a comparison depends on beside the value: files, device and dtype."""
        files = {str(path): digest_of(path) for path in golden_files(self._recipe)}
        return parts_digest([files, self._kind, self._recipe.dtype])

    def difference(self, group: str, value: Any, options: dict[str, Any]) -> str | None:
        """How a value differs from its golden one, a line for each part; None if it does not."""
        try:
            document = self._document(group)
            lines = list(self._differences(document, group, value, options))
        except GoldenError as error:
            return f"{error}{self._cure()}"
        except NotKeepableError as error:
            return f"it cannot be golden: {error}"
        if len(lines) > _MOST_LINES:
            lines[_MOST_LINES:] = [f"and {len(lines) - _MOST_LINES} parts more"]
        return "\n".join(lines) or None

    def _cure(self) -> str:
        path = self._recipe.path
        return "" if path is None else f"\nmade by: flowrun test {shown_path(path)} --update-golden"

    def _document(self, group: str) -> Document:
        if self._file is None:
            raise GoldenError("a recipe that is in no file has no golden values")
        document = self._document_read
        if group not in document.values:
            raise GoldenError(f"there is no golden value of `{group}`")
        return document

    @cached_property
    def _document_read(self) -> Document:
        assert self._file is not None
        return self._file.read()

    def _differences(
        self, document: Document, group: str, value: Any, options: dict[str, Any]
    ) -> Iterator[str]:
        golden = document.values[group]
        tolerances = GoldenTolerances(options, self._kind, golden.device, self._recipe.dtype)
        found = dict(leaves(value, self._values, group))
        for path in golden.leaves:
            if path not in found:
                yield f"{path} is gone"
        for path, leaf in found.items():
            if path not in golden.leaves:
                yield f"{path} is new"
            elif difference := self._of_leaf(document, golden, group, path, leaf, tolerances):
                place = "" if path == group else f"{path}: "
                yield f"{place}{difference}"

    def _of_leaf(
        self,
        document: Document,
        golden: Group,
        group: str,
        path: str,
        leaf: Any,
        tolerances: GoldenTolerances,
    ) -> str | None:
        text = golden.leaves[path]
        now = described(leaf, self._values)
        if is_plain(text) != (not now):
            kinds = [one.get("type", "plain") for one in (now, {} if now else text)]
            return f"a value of type {kinds[0]}, golden {kinds[1]}"
        if not now:
            return self._of_plain(leaf, from_text(text), tolerances)
        for name in ("type", "dtype", "shape"):
            if now.get(name) != text.get(name):
                return f"{name} {now.get(name)}, golden {text.get(name)}"
        rtol, atol = tolerances.of_dtype(now.get("dtype"))
        if is_in_file(text):
            assert self._file is not None
            wanted = self._file.leaf(document, group, path)
            if value_digest(portable(leaf, self._values), self._values) == golden.digests.get(path):
                return None
            return self._values.difference(leaf, wanted, rtol, atol)
        if "values" not in text or 0 in now.get("shape", ()):
            return None
        wanted = from_text(text)
        if _is_same(self._values.plain(leaf), wanted):
            return None
        return self._values.difference(leaf, wanted, rtol, atol)

    def _of_plain(self, leaf: Any, wanted: Any, tolerances: GoldenTolerances) -> str | None:
        if _is_same(leaf, wanted):
            return None
        if not (isinstance(leaf, list) and isinstance(wanted, list)):
            return self._values.difference(leaf, wanted, *tolerances.of_number(leaf))
        if len(leaf) != len(wanted):
            return f"{len(leaf)} items, golden {len(wanted)}"
        for index, (one, other) in enumerate(zip(leaf, wanted, strict=True)):
            if not _is_same(one, other):
                difference = self._values.difference(one, other, *tolerances.of_number(one))
                if difference is not None:
                    return f"at [{index}]: {difference}"
        return None


def _is_same(found: Any, wanted: Any) -> bool:
    """Whether plain values are the same, `nan` and `nan` included."""
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(_is_same, found, wanted))
    if isinstance(found, float) and isinstance(wanted, float) and found != found:
        return wanted != wanted
    return type(found) is type(wanted) and bool(found == wanted)
