"""The annotated types of options: values converted to them, and the types put into words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import inspect as types

WORDS = "words"  # the key of `Meta(extra={...})` for what a message calls a value of the type


def convert(value: Any, annotation: Any) -> Any:
    """`value` as the annotated type; raises msgspec.ValidationError.

    A number written with an exponent (`1e3`) is a whole number if one is expected, and never if a
    fraction is allowed as well: then `1.0` and `1` may mean different things.
    """
    if annotation is Any:
        return value
    try:
        return msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        whole = whole_number(value)
        if whole is None or takes_a_fraction(annotation):
            raise
        return msgspec.convert(whole, annotation)


def whole_number(value: Any) -> int | None:
    """The whole number that a float stands for as it is written; None for any other value."""
    if not isinstance(value, float) or not value.is_integer():
        return None
    return int(Decimal(str(value)))  # 1e23 is written as a power of ten, the float is beside it


def takes_a_fraction(annotation: Any) -> bool:
    """Whether the annotation is float, alone or with other types."""
    return any(isinstance(part, types.FloatType) for part in _members(annotation))


def takes_a_whole_number(annotation: Any) -> bool:
    """Whether the annotation is int, alone or with other types."""
    return any(isinstance(part, types.IntType) for part in _members(annotation))


def described_type(annotation: Any) -> str:
    """A type in words: `a number greater than 0`, `one of: randn, xavier`."""
    if annotation is Any:
        return "any value"
    return _words(types.type_info(annotation))


def _words(kind: types.Type) -> str:
    if isinstance(kind, types.Metadata):
        return (kind.extra or {}).get(WORDS) or _words(kind.type)
    if isinstance(kind, types.UnionType):
        return " or ".join(_words(part) for part in kind.types)
    if isinstance(kind, types.LiteralType):
        return f"one of: {', '.join(map(str, kind.values))}"
    if isinstance(kind, (types.IntType, types.FloatType)):
        noun = "a whole number" if isinstance(kind, types.IntType) else "a number"
        return noun + _bounds(kind)
    if isinstance(kind, types.StrType):
        return "a string" + (" that is not empty" if kind.min_length else "")
    if isinstance(kind, (types.ListType, types.VarTupleType)):
        few = f" (at least {kind.min_length})" if kind.min_length else ""
        item = _words(kind.item_type)
        return f"a list{few}" + ("" if item == "any value" else f", each {item}")
    if isinstance(kind, types.DictType):
        item = _words(kind.value_type)
        return "a mapping" + ("" if item == "any value" else f" of names to {item}")
    names: dict[type[types.Type], str] = {
        types.BoolType: "true or false",
        types.NoneType: "null",
        types.AnyType: "any value",
    }
    if isinstance(kind, types.CustomType):
        return f"a {annotation_text(kind.cls)}"
    return names.get(type(kind), type(kind).__name__.removesuffix("Type").lower())


def _bounds(kind: types.IntType | types.FloatType) -> str:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    bounds = {sign: getattr(kind, attribute) for attribute, sign in signs.items()}
    return " and".join(f" {sign} {bound:g}" for sign, bound in bounds.items() if bound is not None)


def choices(annotation: Any) -> list[str]:
    """The strings a `Literal` (alone, or within a union or Annotated) allows."""
    if get_origin(annotation) is Literal:
        return [choice for choice in get_args(annotation) if isinstance(choice, str)]
    return [choice for part in get_args(annotation) for choice in choices(part)]


def spoken(message: str, annotation: Any) -> str:
    """msgspec's `Expected `int`, got `str`` with the field's words for types.

    annotation: of the whole option, whose choices it gives if a value is none of them.
    """
    is_of_choices = message.startswith(("Invalid enum value", "Expected `str`"))
    if is_of_choices and (known := choices(annotation)):
        return f"one of: {', '.join(known)}"
    expected = message.partition(", got")[0].removeprefix("Expected ")
    for code, words in (
        ("`int`", "a whole number"),
        ("`float`", "a number"),
        ("`str`", "a string"),
        ("`bool`", "true or false"),
    ):
        expected = expected.replace(code, words)
    return expected


def annotation_text(annotation: Any) -> str:
    """An annotation as it stands in code: `torch.dtype`."""
    if isinstance(annotation, type):
        return f"{annotation.__module__}.{annotation.__qualname__}"
    return str(annotation)


def is_of_a_class(annotation: Any) -> bool:
    """Whether the annotation has a class that YAML cannot express (a torch.dtype, a Path)."""
    return any(isinstance(part, types.CustomType) for part in _members(annotation))


def takes_a_list(annotation: Any) -> bool:
    """Whether the annotation is a list, or a list or null."""
    return all(
        isinstance(part, (types.ListType, types.VarTupleType))
        for part in _members(annotation)
        if not isinstance(part, types.NoneType)
    )


def _members(annotation: Any) -> list[types.Type]:
    """The types that a union allows; a lone one for any other annotation."""
    found, waiting = [], [types.type_info(annotation)]
    while waiting:
        kind = waiting.pop(0)
        if isinstance(kind, types.Metadata):
            waiting.insert(0, kind.type)
        elif isinstance(kind, types.UnionType):
            waiting[:0] = kind.types
        else:
            found.append(kind)
    return found
