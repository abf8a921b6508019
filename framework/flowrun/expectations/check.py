"""A check of `expect`: how it is read, judged, and described. A subclass is a key of the language.

A new check is one module in `flowrun.expectations.checks`: the reader, the messages, `flowrun
check`, the JSON Schema and the documentation take their information from its class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

import msgspec

from flowrun.errors import Problem, did_you_mean, listed, shortened
from flowrun.recipes.keys import Schema, misfit
from flowrun.recipes.reading import Entry, Node, plain
from flowrun.recipes.recipe import Recipe
from flowrun.values.codecs import Codecs, Summary, number_text

_SHOWN = 60  # characters of a value that a line shows

# Every check by its name, in the order of their definitions; the package `checks` loads them.
CHECKS: dict[str, type[Check]] = {}


class CheckResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one check after a run: the value found, the value wanted, whether it is met.

    check: the name of the check; empty for a step that is expected to fail. difference: if values
    were compared, the largest difference and its place. sizes: those that the names in the pattern
    of a shape stand for.
    """

    path: str
    wanted: str
    found: str
    met: bool
    check: str = ""
    difference: str = ""
    sizes: dict[str, int] = {}


class JudgeContext:
    """Information for checks beside the value: the recipe, the codecs, the run's kind of device.

    shared: values that the checks of one run leave for each other, by the name of the check.
    """

    def __init__(self, recipe: Recipe, kind: str, codecs: Codecs) -> None:
        self.recipe = recipe
        self.kind = kind
        self.codecs = codecs
        self.shared: dict[str, Any] = {}


class Check(msgspec.Struct, frozen=True):
    """One check of a value, with the bound that the recipe gives.

    The first line of its docstring is its description in the schema and the documentation.
    name: its key in a recipe. example: how a recipe writes it. type: of the bound, which is read
    by it and has its schema; expected: the same in words. settings: the schemas of the keys that
    belong to it; needs_settings: whether one of them must be there. is_bare: whether its name
    alone may stand for it. is_of_one_run: whether one run is enough to judge it.
    """

    bound: Any

    name: ClassVar[str]
    example: ClassVar[str]
    type: ClassVar[Any]
    expected: ClassVar[str]
    settings: ClassVar[Mapping[str, Schema]] = {}
    needs_settings: ClassVar[bool] = False
    is_bare: ClassVar[bool] = False
    is_of_one_run: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        if "name" in vars(cls):
            CHECKS[cls.name] = cls

    @classmethod
    def read(cls, node: Node, beside: Mapping[str, Entry], problems: list[Problem]) -> Self | None:
        """The check that a node gives; None (and a problem) if it does not fit.

        beside: all keys of the same value, the check's settings among them.
        """
        bound = plain(node)
        if cls.fits(bound):
            return cls(bound)
        problems.append(misfit(cls.name, node, cls.expected))
        return None

    @classmethod
    def fits(cls, bound: Any) -> bool:
        """Whether this is a bound of the check."""
        return is_of_type(bound, cls.type)

    @classmethod
    def schema(cls) -> Schema:
        """The JSON Schema of the bound, without its description."""
        return msgspec.json.schema(cls.type)

    @classmethod
    def about(cls) -> str:
        """What the check says of a value, in a sentence."""
        return (cls.__doc__ or "").partition("\n")[0]

    @classmethod
    def described_schema(cls) -> Schema:
        """The JSON Schema of the bound, with its description."""
        return {"description": cls.about(), **cls.schema()}

    @property
    def text(self) -> str:
        """What is wanted, as the line of a result says it."""
        return f"{self.name} {short(str(self.bound))}"

    def identity(self, context: JudgeContext) -> object:
        """All that the result depends on beside the value: the same identity, the same result."""
        return msgspec.structs.astuple(self)

    def judge(self, path: str, value: Any, context: JudgeContext) -> CheckResult:
        """The result of the check for a value; path: the place of the value."""
        raise NotImplementedError

    def among_others(self, result: CheckResult, shared: dict[str, Any]) -> CheckResult:
        """The result once those of the checks above are known; shared: as in the context."""
        return result

    def on_shapes(self, path: str, found: Summary | None, shared: dict[str, Any]) -> str | None:
        """Why no run can meet the check, judged without data; None if a run may.

        found: the codec's summary of the value; None for a value without a codec.
        """
        return None

    def result(self, path: str, found: str, met: bool, difference: str | None = "") -> CheckResult:
        """A result of this check."""
        return CheckResult(path, self.text, found, met, self.name, difference or "")


def is_of_type(value: Any, kind: Any) -> bool:
    """Whether a plain value is of a type, without any conversion but of whole numbers to floats."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def unknown_check(name: str, entry: Entry, known: Iterable[str]) -> Problem:
    """The problem of a key that is none of the known ones."""
    names = list(known)
    expected = f"one of: {listed(names, limit=len(names))}"
    hint = did_you_mean(name, names)
    return Problem(f"`{name}` is not a check", entry.key.mark, expected=expected, hint=hint)


def plain_text(value: Any) -> str:
    """A number, a list of numbers or a shape as a line shows it."""
    if isinstance(value, (list, tuple)):
        return short(f"[{', '.join(map(plain_text, value))}]")
    return short(number_text(value))


def short(text: str) -> str:
    """A text, cut to fit in a line."""
    return shortened(text, _SHOWN)
