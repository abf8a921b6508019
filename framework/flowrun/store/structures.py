"""Values taken apart into JSON and the leaves that codecs write, and put together again.

A node of the JSON is a number, a text, or an object of one key, which says what it is. A part that
stands in several places of an instance is labelled in the first (`as`) and named in the others
(`again`).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any
from weakref import ReferenceType, ref

import msgspec

from flowrun.values.aliases import SharedMemoryError, aliases_in
from flowrun.values.codecs import Codec, Codecs
from flowrun.values.instances import Classes, Form, is_definition
from flowrun.values.python_types import PYTHON_TYPES, full_name, python_type, rebuilt

_PLAIN = (type(None), bool)
_USUAL_NAN = struct.pack(">d", math.nan)
_LONGEST = 2**63  # whole numbers from here on are not those of every reader of JSON or MessagePack


class DamagedValueError(Exception):
    """Bytes on disk that are not the value they should be."""


class NoCodecError(DamagedValueError):
    """A value of a type that no loaded plugin has a codec for, or a class for."""


class NotKeepableError(Exception):
    """A value that has no form on disk."""


class Structure(msgspec.Struct, frozen=True):
    """A value split into its JSON part and the leaves that codecs write."""

    document: Any
    leaves: dict[str, dict[str, Any]]


def taken_apart(value: object, codecs: Codecs) -> Structure:
    """A value as JSON with its leaves apart, by the name of their type and by place.

    A place is made of positions alone: with the texts of keys in it, two leaves could share one.
    Raises NotKeepableError for a value that no codec can write.
    """
    splitter = _Splitter(value, codecs)
    return Structure(splitter.whole(value), splitter.leaves)


def plain_document(value: object) -> Any:
    """A value of plain parts alone as JSON; raises NotKeepableError for any other."""
    return _Splitter(value, _NONE).whole(value)


def put_together(document: Any, leaves: dict[str, dict[str, Any]], codecs: Codecs | None) -> Any:
    """The value of a document and its leaves."""
    return _Builder(leaves, codecs or _NONE).of(document)


class _Splitter:
    """Takes one value apart. leaves: those found so far."""

    def __init__(self, value: object, codecs: Codecs) -> None:
        self.leaves: dict[str, dict[str, Any]] = {}
        self._codecs = codecs
        self._aliases = aliases_in(value, codecs)
        self._documents: dict[int, dict[str, Any]] = {}  # of objects that were met, when done
        self._named: set[int] = set()  # the objects that stand in several places

    def whole(self, value: object) -> Any:
        """The document of the value."""
        document = self.of(value, "value")
        for number in self._named:
            one = self._documents[number]
            inner = dict(one)
            one.clear()
            one["as"] = [number, inner]
        return document

    def of(self, value: Any, place: str) -> Any:
        """The document of the value, or of a part of it."""
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind in _JSON:
            return _JSON[kind](value)
        if self._aliases is None:
            return self._content(value, place)
        if kind is ReferenceType:
            return {"weakref": self._name(self._aliases.number_of_met(value()), value())}
        try:
            number = self._aliases.number(value)
        except SharedMemoryError as error:
            raise NotKeepableError(str(error)) from error
        if number is not None:
            return {"again": self._name(number, value)}
        own = self._aliases.number_of_met(value)
        document = self._content(value, place)
        if own is not None:
            self._documents[own] = document
        return document

    def _name(self, number: int | None, value: Any) -> int:
        """The number of an object in another place; it must be there before its parts are."""
        if number is None:
            raise NotKeepableError("a weak reference to what is no part of the value before it")
        if number not in self._documents and not self._is_begun(value):
            raise NotKeepableError(f"a {type(value).__qualname__} contains itself")
        self._named.add(number)
        return number

    def _is_begun(self, value: Any) -> bool:
        """Whether such a value is made before its parts are."""
        form = self._codecs.form(type(value))
        return type(value) in (list, dict) or (form is not None and form.begun is not None)

    def _content(self, value: Any, place: str) -> Any:
        kind = type(value)
        if kind is list or kind is tuple:
            items = [self.of(item, f"{place}.{index}") for index, item in enumerate(value)]
            return {kind.__name__: items}
        if kind is dict:
            return {"dict": self._pairs(value, place)}
        codec = self._codecs.own_codec(value)
        if codec is not None and codec.attributes is None:
            return self._by_codec(codec, value, place)
        python = python_type(kind)
        if python is not None:
            try:
                packed = python.pack(value)
            except ValueError as error:
                raise NotKeepableError(f"a {kind.__qualname__} cannot be kept: {error}") from error
            return {full_name(kind): {"packed": self._packed(packed, place)}}
        classes = self._codecs.classes
        if classes is not None and is_definition(value):
            return {"definition": _reference(value, classes)}
        form = self._codecs.form(kind)
        if classes is None or form is None:
            raise NotKeepableError(f"a {kind.__qualname__} has no codec that keeps it")
        return self._instance(form, value, classes, place)

    def _pairs(self, value: dict[Any, Any], place: str) -> list[list[Any]]:
        return [
            [self.of(key, f"{place}.key{index}"), self.of(item, f"{place}.{index}")]
            for index, (key, item) in enumerate(value.items())
        ]

    def _by_codec(self, codec: Codec, value: Any, place: str) -> Any:
        if codec.pack is not None:
            return {codec.type_name: {"packed": self._packed(codec.pack(value), place)}}
        if codec.write is None:
            raise NotKeepableError(f"the codec of {codec.type_name} does not write")
        self.leaves.setdefault(codec.type_name, {})[place] = value
        return {codec.type_name: {"leaf": place}}

    def _packed(self, packed: Any, place: str) -> Any:
        """The document of what a value was packed into, which is no other part of the whole."""
        kind = type(packed)
        is_scalar = kind in _PLAIN or kind in _JSON
        return self.of(packed, place) if is_scalar else self._content(packed, place)

    def _instance(self, form: Form, value: Any, classes: Classes, place: str) -> Any:
        reference = _reference(type(value), classes)
        try:
            state = form.state(value)
        except ValueError as error:
            raise NotKeepableError(f"a {reference[1]} cannot be kept: {error}") from error
        parts = {
            name: self.of(part, f"{place}.{index}")
            if not isinstance(part, dict)
            else {"dict": self._pairs(part, f"{place}.{index}")}
            for index, (name, part) in enumerate(state.items())
        }
        return {"instance": {"class": reference, "state": parts}}


class _Builder:
    """Puts one value together."""

    def __init__(self, leaves: dict[str, dict[str, Any]], codecs: Codecs) -> None:
        self._leaves = leaves
        self._codecs = codecs
        self._named: dict[int, Any] = {}

    def of(self, document: Any, number: int | None = None) -> Any:
        """The value of a document. number: by which other parts refer to it."""
        if not isinstance(document, dict):
            return document
        ((kind, content),) = document.items()
        if kind == "as":
            return self.of(content[1], content[0])
        if kind == "again":
            return self._named[content]
        if kind == "weakref":
            return ref(self._named[content])
        found = self._begun(kind, content)
        if found is None:
            found = self._made(kind, content)
            self._name(number, found)
        else:
            self._name(number, found)  # before its parts, which may refer to it
            self._fill(kind, content, found)
        return found

    def _name(self, number: int | None, value: Any) -> None:
        if number is not None:
            self._named[number] = value

    def _begun(self, kind: str, content: Any) -> Any:
        """A value that is made before its parts are; None for one of another kind."""
        if kind == "list":
            return []
        if kind == "dict":
            return {}
        if kind != "instance":
            return None
        found = self._class(content)
        form = self._form(found)
        return None if form.begun is None else form.begun(found)

    def _fill(self, kind: str, content: Any, value: Any) -> None:
        if kind == "list":
            value.extend(self.of(item) for item in content)
        elif kind == "dict":
            value.update(self._items(content))
        else:
            form = self._form(type(value))
            assert form.filled is not None  # as it was begun
            form.filled(value, self._state(content))

    def _items(self, pairs: Any) -> dict[Any, Any]:
        return {self.of(key): self.of(item) for key, item in pairs}

    def _made(self, kind: str, content: Any) -> Any:
        if kind == "tuple":
            return tuple(self.of(item) for item in content)
        if kind in _WRITTEN:
            return _WRITTEN[kind](content)
        if kind == "definition":
            return self._definition(content)
        if kind == "instance":
            found = self._class(content)
            form = self._form(found)
            assert form.made is not None  # as it is not begun
            return form.made(found, self._state(content))
        codec = self._codecs.codec_named(kind)
        if codec is None and kind in PYTHON_TYPES:
            return rebuilt(kind, self.of(content["packed"]))
        if codec is None:
            raise NoCodecError(f"no codec for {kind}")
        if "leaf" in content:
            return self._leaves[kind][content["leaf"]]
        if codec.unpack is None:
            raise DamagedValueError(f"the codec of {kind} cannot unpack")
        return codec.unpack(self.of(content["packed"]))

    def _state(self, content: Any) -> dict[str, Any]:
        return {name: self.of(part) for name, part in content["state"].items()}

    def _class(self, content: Any) -> type[Any]:
        found = self._definition(content["class"])
        if not isinstance(found, type):
            raise DamagedValueError(f"{found!r} is no class")
        return found

    def _form(self, kind: type) -> Form:
        form = self._codecs.form(kind)
        if form is None:
            raise DamagedValueError(f"instances of {kind!r} are not kept")
        return form

    def _definition(self, content: Any) -> Any:
        """The class or function of a name, if it has the code it had."""
        classes = self._codecs.classes
        module, name, code = content
        if classes is None:
            raise NoCodecError(f"the plugins that define {module}.{name} are not known here")
        try:
            found = classes.named(module, name)
            if classes.code(found) != code:
                raise NoCodecError(f"the code of {module}.{name} has changed")
        except (LookupError, ValueError) as error:
            raise NoCodecError(str(error)) from error
        return found


def _reference(found: Any, classes: Classes) -> list[str]:
    """The name of a class or function, and what identifies its code."""
    try:
        return [*classes.name(found), classes.code(found)]
    except ValueError as error:
        raise NotKeepableError(str(error)) from error


def _float_document(value: float) -> Any:
    """A float; a nan other than the usual one as its bits: of nans, JSON has that one alone."""
    if value == value or (bits := struct.pack(">d", value)) == _USUAL_NAN:
        return value
    return {"nan": bits.hex()}


def _int_document(value: int) -> Any:
    return value if -_LONGEST <= value < _LONGEST else {"int": f"{value:x}"}


def _str_document(value: str) -> Any:
    """A text; one with half of a surrogate pair, which no file has, as its bytes."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return {"str": value.encode("utf-8", "surrogatepass").hex()}
    return value


_JSON: dict[type, Callable[[Any], Any]] = {
    float: _float_document, int: _int_document, str: _str_document,
}  # fmt: skip
_WRITTEN: dict[str, Callable[[Any], Any]] = {
    "nan": lambda content: struct.unpack(">d", bytes.fromhex(content))[0],
    "int": lambda content: int(content, 16),
    "str": lambda content: bytes.fromhex(content).decode("utf-8", "surrogatepass"),
}


_NONE = Codecs({})
