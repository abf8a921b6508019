"""Values just outside the bounds of an option's `Meta`."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from flowrun.plugins.option_types import convert

_LISTS = (list, tuple, set, frozenset)
_LONGEST = 10_000  # items or characters of a value
_SAMPLES: tuple[Any, ...] = (None, True, 0, 1, 2, 10, 0.5, -1, "x", [], {})


def out_of_bounds(annotation: Any) -> Iterator[tuple[str, Any]]:
    """Yield each bound as text, with a value just outside: `("gt=0", 0.0)`.

    Includes the bounds within lists, mappings and unions, except values that another member of the
    union accepts.
    """
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *extras = get_args(annotation)
        metas = [extra for extra in extras if isinstance(extra, msgspec.Meta)]
        fewest = max((meta.min_length or 0 for meta in metas), default=0)
        for meta in metas:
            yield from _outside_meta(base, meta)
        yield from _within(base, max(1, fewest))
    else:
        yield from _within(annotation, 1)


def _within(annotation: Any, fewest: int) -> Iterator[tuple[str, Any]]:
    """The bounds of the parts of a type. fewest: the least length of a list."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        for part in parts:
            others = [other for other in parts if other is not part]
            for bound, value in out_of_bounds(part):
                if not any(_is_accepted(value, other) for other in others):
                    yield bound, value
    elif origin in _LISTS and parts:
        yield from (
            (f"items {bound}", [value] * fewest) for bound, value in out_of_bounds(parts[0])
        )
    elif origin is dict:
        for bound, value in out_of_bounds(parts[1]):
            yield f"values {bound}", {f"name_{index}": value for index in range(fewest)}


def _outside_meta(base: Any, meta: msgspec.Meta) -> Iterator[tuple[str, Any]]:
    numbers = [part for part in (base, *get_args(base)) if part in (int, float)]
    if numbers:
        is_whole = float not in numbers
        for sign in ("gt", "ge", "lt", "le"):
            bound = getattr(meta, sign)
            if bound is not None:
                yield f"{sign}={bound:g}", _beyond(sign, bound, is_whole)
        if meta.multiple_of is not None and meta.multiple_of != 1:
            bound = meta.multiple_of
            yield f"multiple_of={bound:g}", bound + 1 if is_whole else bound * 1.5
    if meta.min_length:
        yield f"min_length={meta.min_length}", _of_length(base, meta.min_length - 1)
    if meta.max_length is not None and meta.max_length < _LONGEST:
        yield f"max_length={meta.max_length}", _of_length(base, meta.max_length + 1)
    if meta.pattern is not None:
        for text in ("", " ", "-", "0", "a", "A", "\n", "?"):
            if not re.search(meta.pattern, text):
                yield f"pattern={meta.pattern!r}", text
                break


def _beyond(sign: str, bound: float, is_whole: bool) -> float:
    """The number nearest to a bound that it excludes."""
    if is_whole:
        return int({"gt": bound, "ge": bound - 1, "lt": bound, "le": bound + 1}[sign])
    towards = {"ge": -math.inf, "le": math.inf}
    return math.nextafter(bound, towards[sign]) if sign in towards else float(bound)


def _of_length(base: Any, length: int) -> Any:
    """A text, list or mapping of so many items, each of the right type."""
    if base is str:
        return "x" * length
    parts = get_args(base)
    item = _sample(parts[-1] if get_origin(base) is dict else parts[0]) if parts else 0
    if get_origin(base) is dict or base is dict:
        return {f"name_{index}": item for index in range(length)}
    return [item] * length


def _sample(annotation: Any) -> Any:
    """A value of a type, if one of a few samples is."""
    choices = get_args(annotation) if get_origin(annotation) is Literal else ()
    samples = (*choices, *_SAMPLES)
    return next((value for value in samples if _is_accepted(value, annotation)), None)


def _is_accepted(value: Any, annotation: Any) -> bool:
    try:
        convert(value, annotation)
    except (msgspec.ValidationError, TypeError):
        return False
    return True
