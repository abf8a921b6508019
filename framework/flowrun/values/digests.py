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

    Numbers, strings, bools, None, and lists, tuples and dicts are digested by type and content, in
    order; anything else by its codec: a tensor by dtype, shape and bytes, not by its strides.
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
    codec = values.codec(value)
    if codec is None:
        raise NoDigestError(f"a {kind.__qualname__} has no codec")
    name = f"{codec.type_name}:".encode()
    if codec.digest is not None:
        try:
            return blake3(name + codec.digest(value)).digest()
        except Exception as error:  # the codec is a plugin's, and the value may be of a rare kind
            raise NoDigestError(str(error)) from error
    if codec.pack is not None:
        return blake3(name + _digest(codec.pack(value), values)).digest()
    raise NoDigestError(f"the codec of {codec.type_name} gives no digest")


_ENCODER = msgspec.msgpack.Encoder(enc_hook=repr, order="deterministic")

_ENCODERS: dict[type, Any] = {
    type(None): lambda value: b"none",
    bool: lambda value: b"bool:1" if value else b"bool:0",
    int: lambda value: b"int:%d" % value,
    float: lambda value: b"float:" + struct.pack("<d", value),
    str: lambda value: b"str:" + value.encode("utf-8", "surrogatepass"),
}
