"""The annotated types of options: values converted to them, and the types put into words."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import inspect as types


def convert(value: Any, annotation: Any) -> Any:
    """`value` as the annotated type; raises msgspec.ValidationError.

    A number written with an exponent (`1e3`) is a whole number where one is expected.
    """
    if annotation is Any:
        return value
    try:
        return msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        if isinstance(value, float) and value.is_integer():
            return msgspec.convert(int(value), annotation)
        raise


def described_type(annotation: Any) -> str:
    """A type in words: `a number greater than 0`, `one of: randn, xavier`."""
    if annotation is Any:
        return "any value"
    return _words(types.type_info(annotation))


def _words(kind: types.Type) -> str:
    if isinstance(kind, types.Metadata):
        return _words(kind.type)
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


def spoken(message: str) -> str:
    """msgspec's `Expected `int`, got `str`` with the field's words for types."""
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
    """Whether a class that YAML knows nothing of (a torch.dtype, a Path) is what is annotated."""
    kind = types.type_info(annotation)
    while isinstance(kind, types.Metadata):
        kind = kind.type
    parts = kind.types if isinstance(kind, types.UnionType) else (kind,)
    return any(isinstance(part, types.CustomType) for part in parts)


def takes_a_list(annotation: Any) -> bool:
    """Whether a list is what is annotated, or a list or null."""
    return _is_a_list(types.type_info(annotation))


def _is_a_list(kind: types.Type) -> bool:
    if isinstance(kind, types.Metadata):
        return _is_a_list(kind.type)
    if isinstance(kind, types.UnionType):
        return all(_is_a_list(one) for one in kind.types if not isinstance(one, types.NoneType))
    return isinstance(kind, (types.ListType, types.VarTupleType))
