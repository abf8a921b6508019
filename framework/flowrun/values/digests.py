"""Content digests: BLAKE3 of a value, the same in every process and on every machine."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any
from weakref import ReferenceType

import msgspec
from blake3 import blake3

from flowrun.values.aliases import Aliases, SharedMemoryError, aliases_in
from flowrun.values.codecs import Codec, Codecs
from flowrun.values.instances import Classes, Form, is_definition
from flowrun.values.python_types import PythonType, full_name, python_type
from flowrun.values.texts import each_text


class NoDigestError(Exception):
    """A value that cannot be digested: it has no codec with a digest.

    path: the attributes that lead to it, from the value that was to be digested.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        self.reason = reason
        self.path = path
        super().__init__(f"its `{path}`: {reason}" if path else reason)

    def within(self, name: str) -> NoDigestError:
        """The same, of the value that has this one as an attribute."""
        return NoDigestError(self.reason, f"{name}.{self.path}" if self.path else name)


def value_digest(value: object, values: Codecs) -> str | None:
    """The digest of a value's content, in hexadecimal; None if it cannot be digested.

    Two values have one digest only if no step can distinguish them. Numbers, strings, bools, None,
    lists, tuples, dicts and the classes of `python_types` are digested by type and content, in
    order; instances of classes by their attributes and the code of the class; anything else by the
    codec of exactly its type. An instance of a subclass may have more than its base, so it has a
    digest only if a codec names the subclass.
    """
    try:
        return _Digester(value, values).of(value).hex()
    except (NoDigestError, RecursionError):
        return None


def digest_and_classes(value: object, values: Codecs) -> tuple[str | None, dict[str, str]]:
    """The digest of a value, and what identifies the plan's classes and functions in it."""
    digester = _Digester(value, values)
    try:
        return digester.of(value).hex(), digester.classes
    except (NoDigestError, RecursionError):
        return None, {}


def change_digest(value: object, values: Codecs) -> str | None:
    """A digest by which a change of a value is noticed in this process.

    It is that of `value_digest`, and values have it as well whose class no other process finds.
    """
    try:
        return _Digester(value, values, is_local=True).of(value).hex()
    except (NoDigestError, RecursionError):
        return None


def why_no_digest(value: object, values: Codecs) -> str:
    """Why a value has no digest, in a few words; empty if it has one."""
    try:
        _Digester(value, values).of(value)
    except NoDigestError as error:
        return str(error)
    except RecursionError:
        return "it is nested too deeply"
    return ""


def parts_digest(document: object) -> str:
    """The digest of a document of plain values, independent of the order of keys in its dicts.

    A type that MessagePack lacks is digested by its `repr`: an option may be of any type.
    """
    try:
        encoded = _ENCODER.encode(document)
    except OverflowError:  # more than 64 bits
        encoded = repr(document).encode()
    except UnicodeEncodeError:  # half a pair of surrogates: every text by its bytes, none is lost
        plain = msgspec.to_builtins(document, enc_hook=repr, str_keys=True)
        encoded = _ENCODER.encode(["bytes", each_text(plain, _hexadecimal)])
    return blake3(encoded).hexdigest()


def in_order(value: object) -> object:
    """A document that differs if the order of keys in one of the value's dicts does."""
    if isinstance(value, dict):
        return ["dict", *([in_order(key), in_order(item)] for key, item in value.items())]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(in_order, value)]
    if isinstance(value, msgspec.Struct):
        return [type(value).__name__, in_order(msgspec.structs.asdict(value))]
    if is_dataclass(value) and not isinstance(value, type):
        fields_by_name = {field.name: getattr(value, field.name) for field in fields(value)}
        return [type(value).__name__, in_order(fields_by_name)]
    return value


def _hexadecimal(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").hex()


class _Digester:
    """Digests one value. is_local: for this process alone. classes: those met of the plan."""

    def __init__(self, value: Any, codecs: Codecs, *, is_local: bool = False) -> None:
        self._codecs = codecs
        self._is_local = is_local
        self.classes: dict[str, str] = {}
        self._aliases = aliases_in(value, codecs)

    def of(self, value: Any) -> bytes:
        """The digest of the value, or of a part of it."""
        kind = type(value)
        if kind in _ENCODERS:
            return blake3(_ENCODERS[kind](value)).digest()
        if self._aliases is not None:
            try:
                number = self._aliases.number(value)
            except SharedMemoryError as error:
                raise NoDigestError(str(error)) from error
            if number is not None:
                return blake3(b"again:%d" % number).digest()
        return self._of_content(value)

    def _of_content(self, value: Any) -> bytes:
        kind = type(value)
        if kind is list or kind is tuple:
            parts = [self.of(item) for item in value]
            return blake3(kind.__name__.encode() + b":" + b"".join(parts)).digest()
        if kind is dict:
            return blake3(b"dict:" + self._of_items(value)).digest()
        codec = self._codecs.own_codec(value)
        if codec is not None and codec.attributes is None:
            return self._by_codec(codec, value)
        python = python_type(kind)
        if python is not None:
            return self._of_python(python, value)
        if self._codecs.classes is not None and is_definition(value):
            return blake3(b"definition:" + self._code(value, self._codecs.classes)).digest()
        if kind is ReferenceType and self._aliases is not None:
            return blake3(b"weakref:%d" % self._referred(value(), self._aliases)).digest()
        form = self._codecs.form(kind)
        if form is None or self._codecs.classes is None:
            raise NoDigestError(f"no codec names the type {kind.__qualname__}")
        return self._of_instance(form, value, self._codecs.classes)

    def _by_codec(self, codec: Codec, value: Any) -> bytes:
        name = f"{codec.type_name}:".encode()
        try:
            if codec.digest is not None:
                return blake3(name + codec.digest(value)).digest()
            if codec.pack is not None:
                return blake3(name + self._of_packed(codec.pack(value))).digest()
        except (NoDigestError, RecursionError):
            raise
        except Exception as error:  # the codec is a plugin's, and the value may be of a rare kind
            raise NoDigestError(str(error)) from error
        raise NoDigestError(f"the codec of {codec.type_name} gives no digest")

    def _of_packed(self, packed: Any) -> bytes:
        """The digest of what a value was packed into, which is no other part of the whole."""
        is_scalar = type(packed) in _ENCODERS
        return self.of(packed) if is_scalar else self._of_content(packed)

    def _of_python(self, python: PythonType, value: Any) -> bytes:
        name = f"{full_name(type(value))}:".encode()
        if isinstance(value, (bytes, bytearray)):  # which may be many
            return blake3(name).update(value).digest()
        try:
            packed = python.pack(value)
        except ValueError as error:
            raise NoDigestError(str(error)) from error
        return blake3(name + self._of_packed(packed)).digest()

    def _of_instance(self, form: Form, value: Any, classes: Classes) -> bytes:
        """The digest of an instance: of the code of its class, and of its attributes by name."""
        code = self._code(type(value), classes)
        try:
            state = form.state(value)
        except ValueError as error:
            raise NoDigestError(str(error)) from error
        if form.belongs is not None and not self._is_local:
            self._require_met(form.belongs(value), type(value))
        parts = [
            self.of(kind) + self._of_content(found)  # a dict of attributes is no other part
            if isinstance(found, dict)
            else self.of(kind) + self.of(found)
            for kind, found in state.items()
        ]
        return blake3(b"instance:" + code + b"".join(parts)).digest()

    def _of_items(self, items: dict[Any, Any]) -> bytes:
        found = []
        for key, item in items.items():
            try:
                found.append(self.of(key) + self.of(item))
            except NoDigestError as error:
                if type(key) is not str:
                    raise
                raise error.within(key) from error
        return b"".join(found)

    def _referred(self, value: Any, aliases: Aliases) -> int:
        """The number of the part to which a weak reference leads."""
        number = aliases.number_of_met(value)
        if number is None:
            raise NoDigestError("a weak reference to what is no part of the value before it")
        return number

    def _code(self, found: Any, classes: Classes) -> bytes:
        try:
            code = classes.code(found)
            module, name = classes.name(found)
            if classes.is_own(module):
                self.classes[f"{module}:{name}"] = code
            return blake3(code.encode()).digest()
        except ValueError as error:
            if self._is_local:
                return b"%d" % id(found)
            raise NoDigestError(str(error)) from error

    def _require_met(self, parts: Iterable[Any], kind: type) -> None:
        """Raise NoDigestError unless all these were met: alone they would be others."""
        aliases = self._aliases
        if aliases is None or any(aliases.number_of_met(one) is None for one in parts):
            raise NoDigestError(
                f"{kind.__qualname__} would come back apart from what it changes: return its "
                "state_dict(), or both in one dict, what it changes first"
            )


def _int_bytes(value: int) -> bytes:
    """The digits of a whole number; of one too long for Python to write in decimals, in hex."""
    return b"int:%d" % value if value.bit_length() <= _DECIMAL_BITS else b"int:0x%x" % value


_ENCODER = msgspec.msgpack.Encoder(enc_hook=repr, order="deterministic")

_DECIMAL_BITS = 2048  # Python can be set to write no more than 640 digits, some 2100 bits

_ENCODERS: dict[type, Any] = {
    type(None): lambda value: b"none",
    bool: lambda value: b"bool:1" if value else b"bool:0",
    int: _int_bytes,
    float: lambda value: b"float:" + struct.pack("<d", value),
    str: lambda value: b"str:" + value.encode("utf-8", "surrogatepass"),
}
