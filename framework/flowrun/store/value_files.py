"""Values on disk: a JSON file of the structure, and beside it a file for each type of leaf.

`NAME.json` is written last and names the others by their content, so that a reader finds the old
value or the new one, whole. Tensors go to safetensors, by the tensor plugin's codec.
"""

from __future__ import annotations

import contextlib
import glob
import json
import math
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from flowrun.store.files import replacing
from flowrun.values.codecs import Codec, Codecs
from flowrun.values.digests import value_digest
from flowrun.values.files import file_below, is_file, is_link, read_whole
from flowrun.values.python_types import PYTHON_TYPES, full_name, python_type, rebuilt

NAME_LENGTH = 32  # digits of a digest or a key, of which a value's name is made
_NAME = re.compile(rf"[0-9a-f]{{{NAME_LENGTH}}}")
_OF_VALUE = re.compile(rf"{_NAME.pattern}(\.json|-[0-9a-f]{{16}}(-\d+)?(\.\w+)*)")
_PLAIN = (type(None), bool)
_USUAL_NAN = struct.pack(">d", math.nan)
_MOST_JSON = 2**28  # bytes of a value's structure: some ten million numbers in lists
_LONGEST = 2**63  # whole numbers from here on are not those of every reader of JSON or MessagePack


class DamagedValueError(Exception):
    """Bytes on disk that are not the value they should be."""


class NoCodecError(DamagedValueError):
    """A value of a type that no loaded plugin has a codec for."""


class NotKeepableError(Exception):
    """A value that has no form on disk."""


class Structure(msgspec.Struct, frozen=True):
    """A value split into its JSON part and the leaves that codecs write."""

    document: Any
    leaves: dict[str, dict[str, Any]]


def taken_apart(value: object, values: Codecs) -> Structure:
    """A value as JSON with its leaves apart, by the name of their type and by place.

    A place is made of positions alone: with the texts of keys in it, two leaves could share one.
    Raises NotKeepableError for a value that no codec can write.
    """
    leaves: dict[str, dict[str, Any]] = {}
    return Structure(_split(value, "value", values, leaves), leaves)


def plain_document(value: object) -> Any:
    """A value of plain parts alone as JSON; raises NotKeepableError for any other."""
    return _split(value, "value", None, {})


def put_together(document: Any, leaves: dict[str, dict[str, Any]], values: Codecs | None) -> Any:
    """The value of a document and its leaves."""
    if not isinstance(document, dict):
        return document
    ((kind, content),) = document.items()
    if kind == "list":
        return [put_together(item, leaves, values) for item in content]
    if kind == "tuple":
        return tuple(put_together(item, leaves, values) for item in content)
    if kind in _WRITTEN:
        return _WRITTEN[kind](content)
    if kind == "dict":
        return {
            put_together(key, leaves, values): put_together(item, leaves, values)
            for key, item in content
        }
    codec = None if values is None else values.codec_named(kind)
    if codec is None and kind in PYTHON_TYPES:
        return rebuilt(kind, put_together(content["packed"], leaves, values))
    if codec is None:
        raise NoCodecError(f"no codec for {kind}")
    if "leaf" in content:
        return leaves[kind][content["leaf"]]
    if codec.unpack is None:
        raise DamagedValueError(f"the codec of {kind} cannot unpack")
    return codec.unpack(put_together(content["packed"], leaves, values))


def write_value(
    folder: Path, name: str, value: object, digest: str, values: Codecs, seal: bytes = b""
) -> int:
    """Write a value whole or not at all; gives the number of bytes.

    seal: of the digest, for a value that no sealed record names.

    Raises NotKeepableError, OSError, and any exception of a codec.
    """
    apart = taken_apart(value, values)
    files: dict[str, str] = {}
    size = 0
    for kind, leaves in apart.leaves.items():
        codec = values.codec_named(kind)
        assert codec is not None
        assert codec.write is not None  # `_split` accepted only values that can be written
        number = f"-{len(files)}" if files else ""  # two codecs may have one suffix
        path = folder / f"{name}-{digest[:16]}{number}{codec.suffix}"
        with replacing(path) as temporary:
            codec.write(temporary, leaves)
        files[kind] = path.name
        size += path.stat().st_size
    document = {"digest": digest, "files": files, "value": apart.document, "seal": seal.hex()}
    text = json.dumps(document)
    if len(text) > _MOST_JSON:
        raise ValueError(
            f"its lists and dicts take {len(text):,} bytes, and {_MOST_JSON:,} at most"
        )
    with replacing(folder / f"{name}.json") as temporary:
        temporary.write_text(text, encoding="utf-8")
    return size + len(text)


def read_value(folder: Path, name: str, digest: str | None, values: Codecs) -> Any:
    """A value written by `write_value`, compared with its digest.

    digest: by default the one in the file. Raises FileNotFoundError if there is no such value, and
    DamagedValueError if it is not the one that was written.
    """
    content = read_whole(folder / f"{name}.json", _MOST_JSON)
    try:
        document = json.loads(content)
        leaves = {}
        for kind, file in document["files"].items():
            codec = values.codec_named(kind)
            if codec is None or codec.read is None:
                raise NoCodecError(f"no codec reads {kind}")
            leaves[kind] = codec.read(file_below(folder, file))
        value = put_together(document["value"], leaves, values)
        found = value_digest(value, values)
        wanted = document["digest"] if digest is None else digest
    except NoCodecError:
        raise
    except Exception as error:  # a codec reads foreign bytes: it may raise anything
        raise DamagedValueError(f"{name}: {error}") from error
    if found != wanted:
        raise DamagedValueError(f"{name}: its digest is {found}, not {wanted}")
    return value


def written_seal(folder: Path, name: str) -> tuple[str, bytes]:
    """The digest that a written value says it has, and the seal of that; no codec reads anything.

    Raises FileNotFoundError if there is no such value, and DamagedValueError if it has no seal.
    """
    content = read_whole(folder / f"{name}.json", _MOST_JSON)
    try:
        document = json.loads(content)
        return str(document["digest"]), bytes.fromhex(document["seal"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DamagedValueError(f"{name}: {error}") from error


def value_paths(folder: Path, name: str) -> list[Path]:
    """The files of a written value that are there."""
    found = [folder / f"{name}.json", *folder.glob(f"{glob.escape(name)}-*")]
    return [path for path in found if is_file(path) or is_link(path)]


def is_value_name(name: object) -> bool:
    """Whether a name that was read from a file or a table can be that of a value in the store."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def is_of_value(path: Path) -> bool:
    """Whether a path is that of a file of a value in the store, by its name and by what it is."""
    return _OF_VALUE.fullmatch(path.name) is not None and is_file(path)


def remove_value(folder: Path, name: str) -> None:
    """Remove the files of a written value, as far as they can be removed."""
    with contextlib.suppress(OSError):  # not even the folder may be readable
        for path in value_paths(folder, name):
            with contextlib.suppress(OSError):
                path.unlink()


def _split(value: Any, place: str, values: Codecs | None, leaves: dict[str, dict[str, Any]]) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind in _JSON:
        return _JSON[kind](value)
    if kind is list or kind is tuple:
        items = [_split(item, f"{place}.{index}", values, leaves)
                 for index, item in enumerate(value)]  # fmt: skip
        return {kind.__name__: items}
    if kind is dict:
        pairs = [
            [_split(key, f"{place}.key{index}", values, leaves),
             _split(item, f"{place}.{index}", values, leaves)]
            for index, (key, item) in enumerate(value.items())
        ]  # fmt: skip
        return {"dict": pairs}
    codec = None if values is None else values.own_codec(value)
    python = python_type(kind) if codec is None else None
    if python is not None:
        try:
            packed = python.pack(value)
        except ValueError as error:
            raise NotKeepableError(f"a {kind.__qualname__} cannot be kept: {error}") from error
        return {full_name(kind): {"packed": _split(packed, place, values, leaves)}}
    if codec is None:
        raise NotKeepableError(f"a {kind.__qualname__} has no codec that keeps it")
    return _split_by(codec, value, place, values, leaves)


def _split_by(
    codec: Codec, value: Any, place: str, values: Codecs | None, leaves: dict[str, dict[str, Any]]
) -> Any:
    if codec.pack is not None:
        return {codec.type_name: {"packed": _split(codec.pack(value), place, values, leaves)}}
    if codec.write is None:
        raise NotKeepableError(f"the codec of {codec.type_name} does not write")
    leaves.setdefault(codec.type_name, {})[place] = value
    return {codec.type_name: {"leaf": place}}


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
