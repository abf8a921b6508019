"""Values on disk: a JSON file of the structure, and beside it a file for each type of leaf.

`NAME.json` is written last and names the others by their content, so that a reader finds the old
value or the new one, whole. Tensors go to safetensors, by the tensor plugin's codec.

The structure is sealed: nothing is made of one that somebody else has written, as a value's digest
can be compared only when the value is there.
"""

from __future__ import annotations

import contextlib
import glob
import json
import re
from pathlib import Path
from typing import Any

from flowrun.store.files import replacing
from flowrun.store.seals import Seals, is_own_document, sealed_document, without_seal
from flowrun.store.structures import DamagedValueError, NoCodecError, put_together, taken_apart
from flowrun.values.codecs import Codecs
from flowrun.values.digests import value_digest
from flowrun.values.files import file_below, is_file, is_link, read_whole

NAME_LENGTH = 32  # digits of a digest or a key, of which a value's name is made
_NAME = re.compile(rf"[0-9a-f]{{{NAME_LENGTH}}}")
_OF_VALUE = re.compile(rf"{_NAME.pattern}(\.json|-[0-9a-f]{{16}}(-\d+)?(\.\w+)*)")
_MOST_JSON = 2**28  # bytes of a value's structure: some ten million numbers in lists
_SEAL = 100  # bytes of a seal and its key, at most


def write_value(
    folder: Path, name: str, value: object, digest: str, codecs: Codecs, seals: Seals | None
) -> int:
    """Write a value whole or not at all; gives the number of bytes.

    seals: those of the user; None for a folder of this process's own.

    Raises NotKeepableError, OSError, and any exception of a codec.
    """
    apart = taken_apart(value, codecs)
    files: dict[str, str] = {}
    size = 0
    for kind, leaves in apart.leaves.items():
        codec = codecs.codec_named(kind)
        assert codec is not None
        assert codec.write is not None  # `_split` accepted only values that can be written
        number = f"-{len(files)}" if files else ""  # two codecs may have one suffix
        path = folder / f"{name}-{digest[:16]}{number}{codec.suffix}"
        with replacing(path) as temporary:
            codec.write(temporary, leaves)
        files[kind] = path.name
        size += path.stat().st_size
    content = json.dumps({"digest": digest, "files": files, "value": apart.document}).encode()
    if len(content) > _MOST_JSON:
        raise ValueError(
            f"its lists and dicts take {len(content):,} bytes, and {_MOST_JSON:,} at most"
        )
    if seals is not None:
        content = sealed_document(seals, name, content)
    with replacing(folder / f"{name}.json") as temporary:
        temporary.write_bytes(content)
    return size + len(content)


def read_value(
    folder: Path, name: str, digest: str | None, codecs: Codecs, seals: Seals | None
) -> Any:
    """A value written by `write_value`, compared with its digest.

    digest: by default the one in the file. Raises FileNotFoundError if there is no such value, and
    DamagedValueError if it is not the one that was written.
    """
    content = read_whole(folder / f"{name}.json", _MOST_JSON + _SEAL)
    if seals is not None and not is_own_document(seals, name, content):
        raise DamagedValueError(f"{name}: it was not made with your key")
    try:
        document = json.loads(content)
        leaves = {}
        for kind, file in document["files"].items():
            codec = codecs.codec_named(kind)
            if codec is None or codec.read is None:
                raise NoCodecError(f"no codec reads {kind}")
            leaves[kind] = codec.read(file_below(folder, file))
        value = put_together(document["value"], leaves, codecs)
        found = value_digest(value, codecs)
        wanted = document["digest"] if digest is None else digest
    except NoCodecError:
        raise
    except Exception as error:  # a codec reads foreign bytes: it may raise anything
        raise DamagedValueError(f"{name}: {error}") from error
    if found != wanted:
        raise DamagedValueError(f"{name}: its digest is {found}, not {wanted}")
    return value


def sealed_anew(path: Path, seals: Seals) -> bytes:
    """The structure of a value from elsewhere, which is believed from now on, with one's seal."""
    content = without_seal(read_whole(path, _MOST_JSON + _SEAL))
    return sealed_document(seals, path.stem, content)


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
