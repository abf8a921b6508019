"""Content digests: BLAKE3 of a value, the same in every process and on every machine."""

from __future__ import annotations

import struct
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec
from blake3 import blake3

from flowrun.values.codecs import Codecs
from flowrun.values.python_types import PythonType, full_name, python_type
from flowrun.values.texts import each_text


class NoDigestError(Exception):
    """A value that cannot be digested: it has no codec with a digest."""


def value_digest(value: object, values: Codecs) -> str | None:
    """The digest of a value's content, in hexadecimal; None if it cannot be digested.

    Two values have one digest only if no step can distinguish them. Numbers, strings, bools, None,
    lists, tuples, dicts and the classes of `python_types` are digested by type and content, in
    order; anything else by the codec of exactly its type. An instance of a subclass may have more
    than its base, so it has a digest only if a codec names the subclass.
    """
    try:
        return _digest(value, values).hex()
    except (NoDigestError, RecursionError):
        return None


def why_no_digest(value: object, values: Codecs) -> str:
    """Why a value has no digest, in a few words; empty if it has one."""
    try:
        _digest(value, values)
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


def _digest(value: Any, values: Codecs) -> bytes:
    kind = type(value)
    if kind in _ENCODERS:
        return blake3(_ENCODERS[kind](value)).digest()
    if kind is list or kind is tuple:
        parts = [_digest(item, values) for item in value]
        return blake3(kind.__name__.encode() + b":" + b"".join(parts)).digest()
    if kind is dict:
        pairs = [_digest(key, values) + _digest(item, values) for key, item in value.items()]
        return blake3(b"dict:" + b"".join(pairs)).digest()
    codec = values.own_codec(value)
    python = python_type(kind) if codec is None else None
    if python is not None:
        return _python_digest(python, value, values)
    if codec is None:
        raise NoDigestError(f"no codec names the type {kind.__qualname__}")
    name = f"{codec.type_name}:".encode()
    try:
        if codec.digest is not None:
            return blake3(name + codec.digest(value)).digest()
        if codec.pack is not None:
            return blake3(name + _digest(codec.pack(value), values)).digest()
    except (NoDigestError, RecursionError):
        raise
    except Exception as error:  # the codec is a plugin's, and the value may be of a rare kind
        raise NoDigestError(str(error)) from error
    raise NoDigestError(f"the codec of {codec.type_name} gives no digest")


def _python_digest(python: PythonType, value: Any, values: Codecs) -> bytes:
    name = f"{full_name(type(value))}:".encode()
    if isinstance(value, (bytes, bytearray)):  # which may be many
        return blake3(name).update(value).digest()
    try:
        packed = python.pack(value)
    except ValueError as error:
        raise NoDigestError(str(error)) from error
    return blake3(name + _digest(packed, values)).digest()


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
