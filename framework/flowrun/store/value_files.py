"""Values on disk: a JSON file of the structure, and beside it a file for each type of leaf.

`NAME.json` is written last and names the others by their content, so that a reader finds the old
value or the new one, whole. Tensors go to safetensors, by the tensor plugin's codec.
"""

from __future__ import annotations

import contextlib
import glob
import json
import re
from pathlib import Path
from typing import Any

from flowrun.store.files import replacing
from flowrun.store.structures import DamagedValueError, NoCodecError, put_together, taken_apart
from flowrun.values.codecs import Codecs
from flowrun.values.digests import value_digest
from flowrun.values.files import file_below, is_file, is_link, read_whole

NAME_LENGTH = 32  # digits of a digest or a key, of which a value's name is made
_NAME = re.compile(rf"[0-9a-f]{{{NAME_LENGTH}}}")
_OF_VALUE = re.compile(rf"{_NAME.pattern}(\.json|-[0-9a-f]{{16}}(-\d+)?(\.\w+)*)")
_MOST_JSON = 2**28  # bytes of a value's structure: some ten million numbers in lists


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
