"""`shape`: the sizes of a tensor, each a number or a name that is the same size in a whole run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from msgspec import Meta
from msgspec.structs import replace

from flowrun.expectations.check import Check, CheckResult, JudgeContext, plain_text
from flowrun.values.codecs import Summary

_Size = Annotated[int, Meta(ge=0)] | Annotated[str, Meta(pattern="^[A-Za-z][A-Za-z0-9_]*$")]


class Shape(Check, frozen=True):
    """The value is a tensor of this shape; a name is any size, the same wherever it stands.

    A name stands for any size, and for the same one in all shapes that a recipe expects.
    """

    name: ClassVar[str] = "shape"
    example: ClassVar[str] = "shape: [n, 11]"
    type: ClassVar[Any] = list[_Size]
    expected: ClassVar[str] = "a list of whole numbers, or names for sizes: `[1000, 11]`, `[n, 11]`"

    @property
    def text(self) -> str:
        return f"shape {plain_text(self.bound)}"

    def judge(self, path: str, value: Any, context: JudgeContext) -> CheckResult:
        shape = context.codecs.summary(value).get("shape")
        sizes = self._sizes(shape)
        result = self.result(path, plain_text(shape), sizes is not None)
        return replace(result, sizes=sizes or {})

    def among_others(self, result: CheckResult, shared: dict[str, Any]) -> CheckResult:
        conflict = _conflict(result.path, result.sizes, shared)
        if conflict is None:
            return result
        return replace(result, met=False, difference=conflict, sizes={})

    def on_shapes(self, path: str, found: Summary | None, shared: dict[str, Any]) -> str | None:
        shape = None if found is None else found.shape
        sizes = self._sizes(shape)
        if sizes is None:
            shown = list(shape) if isinstance(shape, tuple) else shape
            return f"its shape is {shown}, not {plain_text(self.bound)}"
        return _conflict(path, sizes, shared)

    def _sizes(self, shape: Sequence[int] | None) -> dict[str, int] | None:
        """The sizes that the names stand for; None if the shape is another."""
        if shape is None or len(shape) != len(self.bound):
            return None
        sizes: dict[str, int] = {}
        for wanted, size in zip(self.bound, shape, strict=True):
            known = sizes.setdefault(wanted, size) if isinstance(wanted, str) else wanted
            if known != size:
                return None
        return sizes


def _conflict(path: str, sizes: dict[str, int], shared: dict[str, Any]) -> str | None:
    """Which name stands for another size above; None, and the sizes remembered, if none does."""
    known: dict[str, tuple[int, str]] = shared.setdefault(Shape.name, {})
    for name, size in sizes.items():
        if name in known and known[name][0] != size:
            return f"`{name}` is {size} here, and {known[name][0]} in `{known[name][1]}`"
    for name, size in sizes.items():
        known.setdefault(name, (size, path))
    return None
