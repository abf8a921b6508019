"""Instances of classes: kept as their class, by its name and its code, and their attributes.

The class is one of Python's, of a library that has a codec for it, or of the plan's own code. It is
found by what knows these (`Classes`), and an instance is made without calling it: by `__new__` of
`object` or `tuple`, and by setting the attributes.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from enum import Enum, Flag
from types import BuiltinFunctionType, FunctionType, MemberDescriptorType
from typing import Any, Protocol

import msgspec

from flowrun.values.python_types import PYTHON_TYPES, full_name

_HEAP_TYPE = 1 << 9  # the flag of types that can be changed, as a `class` statement makes them
_POINTER = struct.calcsize("P")
_DICT_AND_WEAKREF = 2  # pointers that an instance may have beside its slots


class Classes(Protocol):
    """Knows the classes and functions that values may refer to by their names."""

    def code(self, found: Any) -> str:
        """What identifies a class or function: its name, and its code.

        Raises ValueError with the reason if another process could not find it by its name.
        """

    def name(self, found: Any) -> tuple[str, str]:
        """The module of a class or function, and its name there; raises ValueError as well."""

    def is_own(self, module: str) -> bool:
        """Whether a module is of the plan's own code, which changes more often than libraries."""

    def named(self, module: str, name: str) -> Any:
        """The class or function of a name in a module; raises LookupError if there is none."""


def changed_class(codes: Mapping[str, str], classes: Classes | None) -> str | None:
    """The first class or function, of those by `module:name`, whose code is not as it was."""
    for name, code in codes.items():
        try:
            if classes is None or classes.code(classes.named(*name.split(":"))) != code:
                return name.partition(":")[2]
        except (LookupError, ValueError):
            return name.partition(":")[2]
    return None


class Form(msgspec.Struct, frozen=True):
    """How the instances of some classes are taken apart.

    state: the instance as values of other types. Raises ValueError for one that has more.
    made: called with the class and such values, gives the instance; None if `begun` makes it.
    begun: an instance without attributes, to which its own parts may refer, and filled: sets them.
    belongs: the values that must be parts of the whole value, met before the instance.
    """

    state: Callable[[Any], dict[str, Any]]
    made: Callable[[type[Any], dict[str, Any]], Any] | None = None
    begun: Callable[[type[Any]], Any] | None = None
    filled: Callable[[Any, dict[str, Any]], None] | None = None
    belongs: Callable[[Any], Iterable[Any]] | None = None


def form_of(kind: type) -> Form | None:
    """How instances of a class are taken apart that needs no codec; None for another class."""
    if full_name(kind) in PYTHON_TYPES:
        return None
    if issubclass(kind, Enum):
        return _MEMBER
    if issubclass(kind, msgspec.Struct):
        return _STRUCT
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _NAMED_TUPLE
    return _OBJECT if is_dataclass(kind) else None


def form_by(
    attributes: Callable[[Any], dict[str, Any]],
    belongs: Callable[[Any], Iterable[Any]] | None = None,
) -> Form:
    """How instances are taken apart of whose class a codec gives the attributes."""

    def state(value: Any) -> dict[str, Any]:
        _require_plain(type(value))
        found = attributes(value)
        kept = {name: one for name, one in found.items() if not _is_computed(type(value), name)}
        return {"slots": _slots(value), "attributes": kept}

    return Form(state, begun=object.__new__, filled=_filled, belongs=belongs)


def is_definition(value: object) -> bool:
    """Whether a value is a class or a function, which is known by its name."""
    return isinstance(value, (type, FunctionType, BuiltinFunctionType))


def fields_of(value: Any) -> dict[str, Any] | None:
    """The attributes by which such an instance is shown; None for a value of another kind."""
    form = form_of(type(value))
    if form is None or isinstance(value, Enum):
        return None
    if form is _NAMED_TUPLE:
        return dict(zip(value._fields, value, strict=False))
    return {**_slots(value), **_attributes(value)}


def member_plain(member: Enum) -> Any:
    """The value of an enumeration's member if that is a number or a text, else its name."""
    value = member.value
    return value if type(value) in (bool, int, float, str) else member.name


def _slot_descriptors(kind: type) -> Iterator[tuple[str, MemberDescriptorType]]:
    for one in reversed(kind.__mro__):
        for name, found in vars(one).items():
            if isinstance(found, MemberDescriptorType) and _is_own(one):
                yield name, found


def _is_own(kind: type) -> bool:
    """Whether a `class` statement made a class. Instances of any other may have a part in C.

    The flag alone does not tell: `_random.Random` and `functools.partial` have it as well. But they
    have a built-in `__new__` of their own, as in `copyreg`, or are larger than their attributes.
    """
    made = getattr(vars(kind).get("__new__"), "__self__", None)
    if not kind.__flags__ & _HEAP_TYPE or made is kind or kind.__base__ is None:
        return False
    slots = sum(isinstance(one, MemberDescriptorType) for one in vars(kind).values())
    more = kind.__basicsize__ - kind.__base__.__basicsize__
    return more <= (slots + _DICT_AND_WEAKREF) * _POINTER


def _require_no_slot_twice(kind: type) -> None:
    names = [name for name, _ in _slot_descriptors(kind)]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two of its classes have a slot `{name}`")


def _slots(value: Any) -> dict[str, Any]:
    """The slots that are set; of two of one name that of the nearer class."""
    found: dict[str, Any] = {}
    for name, slot in _slot_descriptors(type(value)):
        try:
            found[name] = slot.__get__(value)
        except AttributeError:  # not set
            continue
    return found


def _attributes(value: Any) -> dict[str, Any]:
    """The attributes beside the slots, without the values that a `cached_property` has computed."""
    found: dict[str, Any] = getattr(value, "__dict__", {})
    return {name: one for name, one in found.items() if not _is_computed(type(value), name)}


def _is_computed(kind: type, name: str) -> bool:
    owner = next((one for one in kind.__mro__ if name in vars(one)), None)
    return owner is not None and isinstance(vars(owner)[name], functools.cached_property)


def _require_plain(kind: type, *layouts: type) -> None:
    """Raise ValueError if a class extends a built-in one, which has more than attributes."""
    for one in kind.__mro__:
        if not _is_own(one) and one not in (object, *layouts):
            raise ValueError(f"it extends `{one.__qualname__}`, whose part of it is not known")
    _require_no_slot_twice(kind)


def _object_state(value: Any) -> dict[str, Any]:
    _require_plain(type(value))
    return {"slots": _slots(value), "attributes": _attributes(value)}


def _filled(instance: Any, state: dict[str, Any]) -> None:
    slots = dict(_slot_descriptors(type(instance)))
    for name, value in state["slots"].items():
        slots[name].__set__(instance, value)
    _set_attributes(instance, state)


def _set_attributes(instance: Any, state: dict[str, Any]) -> None:
    if state["attributes"]:
        vars(instance).update(state["attributes"])


def _named_tuple_state(value: Any) -> dict[str, Any]:
    _require_plain(type(value), tuple)
    return {"items": tuple(value), "attributes": _attributes(value)}


def _named_tuple(kind: type[Any], state: dict[str, Any]) -> Any:
    found = tuple.__new__(kind, state["items"])
    _set_attributes(found, state)
    return found


def _struct_state(value: msgspec.Struct) -> dict[str, Any]:
    if hasattr(type(value), "__post_init__"):
        raise ValueError("its class has `__post_init__`, and msgspec makes no instance without it")
    fields = {name: getattr(value, name) for name in value.__struct_fields__}
    return {"fields": fields, "attributes": _attributes(value)}


def _struct(kind: type[Any], state: dict[str, Any]) -> Any:
    if hasattr(kind, "__post_init__"):
        raise ValueError("it has `__post_init__`")
    found = kind(**state["fields"])
    _set_attributes(found, state)
    return found


def _member_state(member: Enum) -> dict[str, Any]:
    kind = type(member)
    if kind.__members__.get(str(member.name)) is member:
        # The class's text may not show the value, if a file gives it.
        return {"member": member.name, "value": member.value}
    if isinstance(member, Flag) and kind(member.value) is member:
        return {"flags": member.value}
    raise ValueError("it is no member that its class knows")


def _member(kind: type[Any], state: dict[str, Any]) -> Any:
    if "member" in state:
        return kind.__members__[state["member"]]
    value = state["flags"]
    if type(value) is not int or not issubclass(kind, Flag):
        raise ValueError(f"{value!r} is no combination of flags")
    return kind(value)


_MEMBER = Form(_member_state, _member)
_STRUCT = Form(_struct_state, _struct)
_NAMED_TUPLE = Form(_named_tuple_state, _named_tuple)
_OBJECT = Form(_object_state, begun=object.__new__, filled=_filled)
