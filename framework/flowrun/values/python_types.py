"""Values of Python's own classes, made of values that are digested and stored anyway.

Each is taken apart into numbers, texts, lists and dicts, and rebuilt from them. Of what a set
contains, the order is no part of the value: Python gives it no order either.
"""

from __future__ import annotations

import base64
import importlib
import re
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections import defaultdict
    from datetime import datetime, time
    from zoneinfo import ZoneInfo


class PythonType(msgspec.Struct, frozen=True):
    """How values of one class are taken apart. The class is named: naming it imports nothing.

    pack: the value as values of other types. It raises ValueError for one that cannot be
        rebuilt from them.
    unpack: called with the class and such values, gives the value.
    plain: the value as numbers, texts, lists and dicts, for expectations and JSON.
    shown: the same for a step's line and the record, if `plain` may be long.
    packed: the type that pack returns.
    """

    pack: Callable[[Any], Any]
    unpack: Callable[[type[Any], Any], Any]
    plain: Callable[[Any], Any]
    shown: Callable[[Any], Any] | None = None
    packed: type = list


def full_name(kind: Any) -> str:
    """The name of a type that no other type has: its module, a dot, and its own name."""
    return f"{kind.__module__}.{kind.__qualname__}"


def python_type(kind: type) -> PythonType | None:
    """How values of exactly this class are taken apart; None if it is not one of these."""
    return PYTHON_TYPES.get(full_name(kind))


def rebuilt(name: str, packed: Any) -> Any:
    """The value of the class of this full name; raises ValueError for other parts than its own."""
    known = PYTHON_TYPES[name]
    if type(packed) is not known.packed:  # a range of 10**12 in place of a list would be read out
        raise ValueError(f"a {name} is stored as a {known.packed.__name__}")
    module, _, kind = name.rpartition(".")
    return known.unpack(getattr(importlib.import_module(module), kind), packed)


def is_mutable(name: str) -> bool:
    """Whether values of the class of this full name can be changed in place."""
    return name in _MUTABLE or name == "collections.deque"


def own_copy(value: Any) -> Any:
    """A copy of a value of one of these classes if it can be changed in place, else the value."""
    return value.copy() if full_name(type(value)) in _MUTABLE else value


def _in_order(items: Any) -> list[Any]:
    """The items of a set in an order that is the same in every process.

    Raises ValueError if an item's text is its address, as that of a function is.
    """
    if any(_has_address(item) for item in items):
        raise ValueError("its items have no text by which they could be put in order")
    return _shown_items(items)


def _shown_items(items: Any) -> list[Any]:
    """The items of a set in an order, which may be this process's own."""
    return sorted(items, key=_sorting_text)


def _has_address(item: Any) -> bool:
    """Whether the text of an object, or of a part of it, is its address."""
    kind = type(item)
    if kind is frozenset or kind is tuple:
        return any(map(_has_address, item))
    is_known = isinstance(item, (str, bytes, *_NAMED))
    return not is_known and _ADDRESS.search(repr(item)) is not None


def _sorting_text(item: Any) -> str:
    kind = type(item)
    if kind is frozenset or kind is tuple:
        parts = [_sorting_text(part) for part in item]
        return f"{kind.__name__} {parts if kind is tuple else sorted(parts)}"
    if isinstance(item, _NAMED):
        return f"{full_name(kind)} {full_name(item)}"
    return f"{full_name(kind)} {item!r}"


def _defaultdict_parts(value: defaultdict[Any, Any]) -> list[Any]:
    factory = value.default_factory
    name = None if factory is None else getattr(factory, "__name__", "")
    if name is not None and _FACTORIES.get(name) is not factory:
        raise ValueError(f"its default_factory {factory!r} has no name that is known everywhere")
    return [name, dict(value)]


def _zone_key(value: ZoneInfo) -> str:
    if value.key is None:
        raise ValueError("a time zone that was read from a file has no name")
    return value.key


def _beginning(value: bytes | bytearray) -> str:
    """The first bytes in hexadecimal; of more than these, their number as well."""
    is_short = len(value) <= _SHOWN_BYTES
    return value.hex() if is_short else f"{value[:_SHOWN_BYTES].hex()}... ({len(value):,} bytes)"


def _number(value: Any) -> float | str:
    """A number that floats have not, such as one that is too large, as a text."""
    try:
        return float(value)
    except (OverflowError, ValueError):
        return str(value)


def _date_parts(value: Any) -> list[int]:
    return [value.year, value.month, value.day]


def _time_parts(value: datetime | time) -> list[Any]:
    clock = [value.hour, value.minute, value.second, value.microsecond]
    return [*clock, value.tzinfo, value.fold]


def _span(value: range | slice) -> list[Any]:
    parts = [value.start, value.stop, value.step]
    if not all(part is None or type(part) is int for part in parts):
        raise ValueError("a slice of other parts than whole numbers has no form on disk")
    return parts


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise ValueError(f"a {kind.__name__} is expected, and not {type(value).__name__}")
    return value


def _deque_of(kind: type[Any], packed: list[Any]) -> Any:
    items, most = packed
    return kind(_exactly(list, items), most)


def _called(kind: type[Any], packed: Any) -> Any:
    return kind(packed)


def _called_with_all(kind: type[Any], packed: list[Any]) -> Any:
    return kind(*packed)


def _called_with_fold(kind: type[Any], packed: list[Any]) -> Any:
    return kind(*packed[:-1], fold=packed[-1])


_SHOWN_BYTES = 16
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
_NAMED = (type, FunctionType, BuiltinFunctionType)  # known by their names
_FACTORIES: dict[str, Callable[[], Any]] = {
    kind.__name__: kind for kind in (bool, int, float, complex, str, list, tuple, dict, set)
}
_MUTABLE = {
    "builtins.bytearray", "builtins.set", "collections.Counter", "collections.OrderedDict",
    "collections.defaultdict",
}  # fmt: skip
_BYTES = PythonType(
    lambda value: base64.b85encode(value).decode(),
    lambda kind, packed: kind(base64.b85decode(packed)),
    lambda value: value.hex(),
    lambda value: _beginning(value),
    packed=str,
)
_TEXT = PythonType(str, _called, str, packed=str)

PYTHON_TYPES: dict[str, PythonType] = {
    "builtins.bytearray": _BYTES,
    "builtins.bytes": _BYTES,
    "builtins.complex": PythonType(lambda value: [value.real, value.imag], _called_with_all, str),
    "builtins.frozenset": PythonType(_in_order, _called, _shown_items),
    "builtins.range": PythonType(_span, _called_with_all, str),
    "builtins.set": PythonType(_in_order, _called, _shown_items),
    "builtins.slice": PythonType(_span, _called_with_all, str),
    "collections.Counter": PythonType(dict, _called, dict, packed=dict),
    "collections.OrderedDict": PythonType(dict, _called, dict, packed=dict),
    "collections.defaultdict": PythonType(
        _defaultdict_parts,
        lambda kind, packed: kind(packed[0] and _FACTORIES[packed[0]], _exactly(dict, packed[1])),
        dict,
    ),
    "collections.deque": PythonType(lambda value: [list(value), value.maxlen], _deque_of, list),
    "datetime.date": PythonType(_date_parts, _called_with_all, str),
    "datetime.datetime": PythonType(
        lambda value: [*_date_parts(value), *_time_parts(value)], _called_with_fold, str
    ),
    "datetime.time": PythonType(_time_parts, _called_with_fold, str),
    "datetime.timedelta": PythonType(
        lambda value: [value.days, value.seconds, value.microseconds],
        _called_with_all,
        lambda value: value.total_seconds(),
    ),
    "datetime.timezone": PythonType(
        lambda value: list(value.__getinitargs__()), _called_with_all, str
    ),
    "decimal.Decimal": PythonType(str, _called, _number, packed=str),
    "fractions.Fraction": PythonType(
        lambda value: [value.numerator, value.denominator], _called_with_all, _number
    ),
    "uuid.UUID": _TEXT,
    "zoneinfo.ZoneInfo": PythonType(_zone_key, _called, str, packed=str),
    **{
        f"{module}.{kind}": _TEXT
        for module in ("pathlib", "pathlib._local")  # the latter in Python 3.13
        for kind in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
    },
}
