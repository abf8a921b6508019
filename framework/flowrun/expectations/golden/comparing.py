"""A run's values compared with the golden ones of its recipe."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from flowrun.errors import shown_path
from flowrun.errors.escaping import on_one_line
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
from flowrun.store.structures import NotKeepableError
from flowrun.values.codecs import Codecs, is_number
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

    def difference(
        self, group: str, value: Any, options: dict[str, Any], *, is_meant: bool = False
    ) -> str | None:
        """How a value differs from its golden one, a line for each part; None if it does not.

        is_meant: whether the value is about to become golden; else the last line says how.
        """
        try:
            document = self._document(group)
            lines = list(self._differences(document, group, value, options))
        except GoldenError as error:
            return f"{error}{self._cure('made by')}"
        except NotKeepableError as error:
            return f"it cannot be golden: {error}"
        if len(lines) > _MOST_LINES:
            lines[_MOST_LINES:] = [f"and {len(lines) - _MOST_LINES} parts more"]
        if not lines:
            return None
        return "\n".join(lines) + ("" if is_meant else self._cure("if the change is meant"))

    def _cure(self, when: str) -> str:
        """A line with the command that makes the golden values."""
        path = self._recipe.path
        return "" if path is None else f"\n{when}: flowrun test {shown_path(path)} --update-golden"

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
                yield f"{on_one_line(path)} is gone"
        for path, leaf in found.items():
            if path not in golden.leaves:
                yield f"{on_one_line(path)} is new"
            elif difference := self._of_leaf(document, golden, group, path, leaf, tolerances):
                place = "" if path == group else f"{on_one_line(path)}: "
                yield f"{place}{on_one_line(difference)}"

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
            return self._of_plain(leaf, self._read(path, text), tolerances)
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
        wanted = self._read(path, text)
        if _is_same(self._values.plain(leaf), wanted):
            return None
        try:
            return self._values.difference(leaf, wanted, rtol, atol)
        except Exception:  # a codec compares foreign values: it may raise anything
            raise self._malformed(path) from None

    def _read(self, path: str, text: Any) -> Any:
        """The numbers and texts of a leaf; raises GoldenError if it has another form."""
        try:
            return from_text(text)
        except (LookupError, TypeError, ValueError, RecursionError):
            raise self._malformed(path) from None

    def _malformed(self, path: str) -> GoldenError:
        assert self._file is not None
        return GoldenError(f"{shown_path(self._file.path)}: the golden value `{path}` is malformed")

    def _of_plain(self, leaf: Any, wanted: Any, tolerances: GoldenTolerances) -> str | None:
        if _is_same(leaf, wanted):
            return None
        if not (isinstance(leaf, list) and isinstance(wanted, list)):
            return self._of_one(leaf, wanted, tolerances)
        if len(leaf) != len(wanted):
            return f"{len(leaf)} items, golden {len(wanted)}"
        for index, (one, other) in enumerate(zip(leaf, wanted, strict=True)):
            if not _is_same(one, other):
                difference = self._of_one(one, other, tolerances)
                if difference is not None:
                    return f"at [{index}]: {difference}"
        return None

    def _of_one(self, found: Any, wanted: Any, tolerances: GoldenTolerances) -> str | None:
        """How a plain value differs; of numbers with both, and with what is allowed."""
        rtol, atol = tolerances.of_number(found)
        difference = self._values.difference(found, wanted, rtol, atol)
        if difference is None or not (is_number(found) and is_number(wanted)):
            return difference
        allowed = (atol or 0.0) + (rtol or 0.0) * abs(wanted)
        more = f"; at most {allowed:.3g} is allowed" if allowed else ""
        return f"found {found!r}, golden {wanted!r}: {difference}{more}"


def _is_same(found: Any, wanted: Any) -> bool:
    """Whether plain values are the same, `nan` and `nan` included."""
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(_is_same, found, wanted))
    if isinstance(found, float) and isinstance(wanted, float) and found != found:
        return wanted != wanted
    return type(found) is type(wanted) and bool(found == wanted)
