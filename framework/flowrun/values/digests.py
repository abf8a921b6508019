"""Content digests: BLAKE3 of a value, the same in every process and on every machine."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
from blake3 import blake3

from flowrun.values.codecs import Codecs


class NoDigestError(Exception):
    """A value that cannot be digested: it has no codec with a digest."""


def value_digest(value: object, values: Codecs) -> str | None:
    """The digest of a value's content, in hexadecimal; None if it cannot be digested.

    Two values have one digest only if no step can distinguish them. Numbers, strings, bools, None,
    and lists, tuples and dicts are digested by type and content, in order; anything else by the
    codec of exactly its type. An instance of a subclass may have more than its base, so it has a
    digest only if a codec names the subclass.
    """
    try:
        return _digest(value, values).hex()
    except (NoDigestError, RecursionError):
        return None


def parts_digest(document: object) -> str:
    """The digest of a document of plain values, independent of the order of keys in its dicts.

    A type that MessagePack lacks is digested by its `repr`: an option may be of any type.
    """
    try:
        encoded = _ENCODER.encode(document)
    except OverflowError:  # a whole number of more than 64 bits
        encoded = repr(document).encode()
    return blake3(encoded).hexdigest()


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
