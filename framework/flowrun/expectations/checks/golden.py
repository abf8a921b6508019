"""`golden`: a value that is compared with the one in the file of golden values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from flowrun.errors import Problem, did_you_mean, listed
from flowrun.expectations.check import Check, CheckResult, JudgeContext
from flowrun.expectations.golden.comparing import Golden
from flowrun.expectations.golden.files import GOLDEN
from flowrun.expectations.tolerances import TOLERANCES, read_tolerance
from flowrun.recipes import reading
from flowrun.recipes.devices import KINDS
from flowrun.recipes.keys import Schema, misfit
from flowrun.recipes.reading import Entry, Node, Scalar

_OF_KIND: Schema = {
    "description": "The same for a run on this kind of device.",
    "type": "object",
    "properties": TOLERANCES,
    "additionalProperties": False,
}


class GoldenCheck(Check, frozen=True):
    """The value equals the one in the folder `golden`, within tolerances.

    bound: `rtol` and `atol`, and the same by kind of device.
    """

    name: ClassVar[str] = GOLDEN
    example: ClassVar[str] = "golden"
    expected: ClassVar[str] = "nothing, or `{rtol: 1e-5, atol: 1e-6, cuda: {rtol: 1e-3}}`"
    is_bare: ClassVar[bool] = True

    @classmethod
    def read(cls, node: Node, beside: Mapping[str, Entry], problems: list[Problem]) -> Self | None:
        if isinstance(node, Scalar) and node.value in (None, cls.name):
            return cls({})
        if isinstance(node, reading.Mapping):
            return cls(_read_options(node, problems))
        problems.append(misfit(cls.name, node, cls.expected))
        return None

    @classmethod
    def schema(cls) -> Schema:
        return {
            "type": ["object", "null"],
            "properties": {**TOLERANCES, **dict.fromkeys(KINDS, _OF_KIND)},
            "additionalProperties": False,
        }

    @property
    def text(self) -> str:
        return f"{self.name}{_tolerances_text(self.bound)}"

    def identity(self, context: JudgeContext) -> object:
        return [self.bound, self._golden(context).identity]

    def judge(self, path: str, value: Any, context: JudgeContext) -> CheckResult:
        difference = self._golden(context).difference(path, value, self.bound)
        found = context.codecs.text(context.codecs.summary(value))
        return self.result(path, found, difference is None, difference)

    def _golden(self, context: JudgeContext) -> Golden:
        """The golden values of the recipe, whose file is read once in a run."""
        if self.name not in context.shared:
            context.shared[self.name] = Golden(context.recipe, context.kind, context.codecs)
        found = context.shared[self.name]
        assert isinstance(found, Golden)
        return found


def _read_options(node: reading.Mapping, problems: list[Problem]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, entry in node:
        if name not in KINDS:
            options[name] = _read_tolerance(name, entry, (*TOLERANCES, *KINDS), problems)
        elif isinstance(entry.value, reading.Mapping):
            options[name] = {
                key: _read_tolerance(key, item, tuple(TOLERANCES), problems)
                for key, item in entry.value
            }
        else:
            problems.append(misfit(name, entry.value, "`{rtol: 1e-3, atol: 1e-4}`"))
    return options


def _read_tolerance(
    name: str, entry: Entry, known: tuple[str, ...], problems: list[Problem]
) -> float | None:
    if name in TOLERANCES:
        return read_tolerance(name, entry.value, problems)
    message, expected = f"`{name}` is no key of a golden value", f"one of: {listed(known)}"
    hint = did_you_mean(name, known)
    problems.append(Problem(message, entry.key.mark, expected=expected, hint=hint))
    return None


def _tolerances_text(options: Mapping[str, Any], kind: str = "") -> str:
    """The tolerances in a line: `, rtol 0.001, cuda rtol 0.01`."""
    return "".join(
        _tolerances_text(value, f"{name} ")
        if isinstance(value, dict)
        else f", {kind}{name} {value}"
        for name, value in options.items()
    )
