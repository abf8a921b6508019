"""Values as text, as `print` shows them: tensors as torch prints them, arrays as NumPy does."""

from __future__ import annotations

import re
import string
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import msgspec

from flowrun_tensors.lazy_torch import torch

_MOST_CHARACTERS = 20_000  # of the text of one value
_SPEC = frozenset("0123456789.,+-<>^=_ %defgEFGs")  # characters of a format of numbers
_WIDEST = 100
_DIGITS = re.compile("[0-9]+")
_MOST_DIGITS = 10  # of a width


class PrintOptions(msgspec.Struct, frozen=True):
    """How numbers are printed; None leaves each library's own default.

    The names and meanings are those of `torch.set_printoptions` and `numpy.set_printoptions`.
    """

    precision: int | None = None
    threshold: int | None = None
    edgeitems: int | None = None
    sci_mode: bool | None = None


def printed(value: Any, options: PrintOptions) -> str:
    """The text that `print` shows of a value, whatever options the process itself has set.

    A very long text, such as that of a long list, is cut.
    """
    found = msgspec.structs.asdict(options)
    given = {name: one for name, one in found.items() if name != "sci_mode" and one is not None}
    with ExitStack() as stack:
        stack.enter_context(_of_torch({**given, "sci_mode": options.sci_mode}))
        if "numpy" in sys.modules:
            stack.enter_context(_of_numpy(given, options.sci_mode))
        text = str(value)
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[:_MOST_CHARACTERS]}... ({len(text)} characters)"
    return text


def _of_torch(given: dict[str, Any]) -> Any:
    from torch._tensor_str import printoptions  # torch's own; it restores them, as NumPy's does

    usual = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80}
    return printoptions(**(usual | given))


def _of_numpy(given: dict[str, Any], sci_mode: bool | None) -> Any:
    import numpy

    usual = {"precision": 8, "threshold": 1000, "edgeitems": 3, "linewidth": 75}
    return numpy.printoptions(**(usual | given), suppress=sci_mode is False, legacy=False)


def check_format(text: str) -> str | None:
    """What is wrong with a format of numbers such as `loss {:.4f}`; None if nothing is."""
    try:
        fields = [field for field in string.Formatter().parse(text) if field[1] is not None]
    except ValueError as error:
        return str(error)
    if len(fields) != 1:
        return f"it has {len(fields)} places for a number, and needs one"
    _, name, spec, conversion = fields[0]
    if name or conversion or not _SPEC.issuperset(spec or ""):
        return (
            f"`{name}{'!' if conversion else ''}{conversion or ''}{spec}` is no format of a number"
        )
    # Before the spec is used: with 1000000000 digits that takes seconds, and gigabytes.
    widths = _DIGITS.findall(spec or "")
    if any(len(width) > _MOST_DIGITS or int(width) > _WIDEST for width in widths):
        return f"`{spec}` is wider than {_WIDEST} columns"
    try:
        is_short = len(format(0.0, spec or "")) <= _WIDEST
    except ValueError as error:
        return str(error)
    return None if is_short else f"`{spec}` is wider than {_WIDEST} columns"


def formatted(value: Any, text: str, options: PrintOptions) -> Iterator[str]:
    """Yield a line for each number of a value, in the given format, `...` for the middle of many.

    value: a number, a tensor or array, or a list of numbers. Raises ValueError if it has others.
    """
    items = _numbers(value)
    edge = 3 if options.edgeitems is None else options.edgeitems
    most = 1000 if options.threshold is None else options.threshold
    is_cut = len(items) > max(most, 2 * edge)
    for item in items[:edge] if is_cut else items:
        yield text.format(item)
    if is_cut:
        yield "..."
        for item in items[len(items) - edge :]:
            yield text.format(item)


def _numbers(value: Any) -> list[Any]:
    if isinstance(value, torch.Tensor):
        value = value.detach()
    items = value.flatten().tolist() if hasattr(value, "flatten") else value
    items = items if isinstance(items, (list, tuple)) else [items]
    if not all(isinstance(item, (int, float)) for item in items):
        raise ValueError("only numbers have a format")
    return list(items)
