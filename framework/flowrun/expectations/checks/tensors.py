"""`dtype` and `device` of a tensor."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from flowrun.expectations.check import Check, CheckResult, JudgeContext, plain_text
from flowrun.recipes.devices import DTYPES, KINDS
from flowrun.values.codecs import Summary


class _Named(Check, frozen=True):
    """A property of a tensor that has a name."""

    expected: ClassVar[str] = "a name: `float32`, `cpu`"

    def judge(self, path: str, value: Any, context: JudgeContext) -> CheckResult:
        found = context.codecs.summary(value).get(self.name)
        return self.result(path, plain_text(found), self.is_met(found))

    def on_shapes(self, path: str, found: Summary | None, shared: dict[str, Any]) -> str | None:
        name = getattr(found, self.name, None)
        return None if self.is_met(name) else f"its {self.name} is {name}, not {self.bound}"

    def is_met(self, found: str | None) -> bool:
        """Whether the tensor's own name is the wanted one."""
        return bool(found == self.bound)


class Dtype(_Named, frozen=True):
    """The value is a tensor of this dtype."""

    name: ClassVar[str] = "dtype"
    example: ClassVar[str] = "dtype: float32"
    type: ClassVar[Any] = Annotated[str, Meta(examples=list(DTYPES))]


class Device(_Named, frozen=True):
    """The value is a tensor on this device; `cuda` is any `cuda:N`."""

    name: ClassVar[str] = "device"
    example: ClassVar[str] = "device: cpu"
    type: ClassVar[Any] = Annotated[str, Meta(examples=list(KINDS))]

    def is_met(self, found: str | None) -> bool:
        return self.bound in (found, str(found).partition(":")[0])
