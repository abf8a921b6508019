"""Named values in a folder: tensors in safetensors, everything else and the structure in JSON."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

from flowrun import DataError, Unknown, file_below, listed, place_to_write, replacing
from flowrun_tensors.formats.bounds import MOST_TEXT, require_bounded
from flowrun_tensors.formats.limits import HEADER, require_held
from flowrun_tensors.lazy_torch import torch

_INDEX = "values.json"
_TENSORS = re.compile(r"tensors-[0-9a-f]{16}\.safetensors")  # the names that `write_folder` gives
_TENSOR = "tensor"
_MOST_DIGITS = 4_000  # of a whole number; Python neither reads nor prints more than 4,300
_PLAIN = (str, int, float, bool, type(None))


def write_folder(folder: Path, values: dict[str, Any], within: Path | None) -> list[Path]:
    """Write named values; gives the files written.

    The tensors' file is named by its content, and `values.json`, which names it, is replaced
    last: whoever reads meanwhile, or after a crash, finds the old values or the new ones whole.
    within: as for `replacing`. Raises DataError for a value that is neither a tensor nor JSON.
    """
    from safetensors.torch import save

    structure, tensors = _structure(folder, values, _PLAIN)
    content = save(tensors)
    data = folder / f"tensors-{_short_digest(content)}.safetensors"
    document = {"tensors": data.name, "values": structure}
    _require_loadable(folder, structure)
    text = f"{json.dumps(document, indent=1, allow_nan=True)}\n".encode()
    if len(text) > MOST_TEXT:
        raise DataError(f"the values cannot be saved in {folder}: {_too_long()}")
    with replacing(data, within) as temporary:
        temporary.write_bytes(content)
    index = folder / _INDEX
    before = _tensors_file(folder)
    with replacing(index, within) as temporary:
        temporary.write_bytes(text)
    if before is not None and before != data:
        before.unlink(missing_ok=True)
    return [index, data]


def _require_loadable(folder: Path, values: dict[str, Any]) -> None:
    """Raise DataError for values, alone or together, that could not be loaded again."""
    for part in [*({name: value} for name, value in values.items()), values]:
        try:
            require_bounded({"values": part})  # as deep as in the document
        except DataError as error:
            raise DataError(
                f"{listed(part)} cannot be saved in {folder}: {error}\n"
                "    make tensors of long lists, or save them to several folders"
            ) from None


def read_folder(folder: Path) -> dict[str, Any]:
    """The named values of a folder; tensors are memory-mapped. Raises DataError."""
    from flowrun_tensors.formats.tensor_files import tensors_in

    return _folder_values(folder, tensors_in)


def folder_header(folder: Path) -> dict[str, Any]:
    """The result of `read_folder`, with tensors without data. For a check."""
    from flowrun_tensors.formats.headers import tensors_without_data

    return _folder_values(folder, tensors_without_data)


def folder_outline(folder: Path) -> dict[str, Any]:
    """The values of a folder as its JSON has them, without the tensors. Raises DataError."""

    def read(document: Any) -> dict[str, Any]:
        file_below(folder, document["tensors"])
        return dict(document["values"].items())  # fails for a list, of which dict may make one

    return _of_document(folder, read)


def values_as_saved(folder: Path, values: dict[str, Any]) -> dict[str, Any]:
    """The values that `read_folder` will return after `write_folder`; writes nothing.

    For a check. Raises the errors of `write_folder`. A value known only in a run stays unknown.
    """
    structure, tensors = _structure(folder, values, (*_PLAIN, Unknown))
    return {name: _join(value, tensors) for name, value in structure.items()}


def require_no_way_out(path: Path, within: Path | None, *, is_folder: bool) -> None:
    """Raise DataError if a link would lead what is written to a path out of the folder.

    Also if a pipe or a device is in its place. within: as for `replacing`.
    """
    try:
        place_to_write(path / _INDEX if is_folder else path, within)
    except OSError as error:
        raise DataError(f"{path} is not written: {error.strerror}") from None


def require_writable(path: Path, *, is_folder: bool) -> None:
    """Raise the OSError with which writing a file, or files into a folder, would end."""
    folder = path if is_folder else path.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    if not is_folder and path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))


def _folder_values(
    folder: Path, tensors_of: Callable[[Path], dict[str, torch.Tensor]]
) -> dict[str, Any]:
    def read(document: Any) -> dict[str, Any]:
        tensors = tensors_of(file_below(folder, document["tensors"]))
        return {name: _join(value, tensors) for name, value in document["values"].items()}

    return _of_document(folder, read)


def _of_document(folder: Path, read: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """What `read` makes of the document in a folder; raises DataError if it cannot."""
    index = folder / _INDEX
    if not index.exists():
        raise DataError(f"{folder} has no saved values (no {_INDEX}); a `save` step makes them")
    try:
        return read(read_index(index))
    except (OSError, ValueError, DataError) as error:
        raise DataError(f"the values saved in {folder} cannot be read: {error}") from error
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{_INDEX} is not as `save` writes it ({type(error).__name__}: {error})"
        raise DataError(f"the values saved in {folder} cannot be read: {reason}") from error
    except Exception as error:  # safetensors raises an exception class of its own
        raise DataError(f"the tensors saved in {folder} cannot be read: {error}") from error


def read_index(index: Path) -> Any:
    """The document of a saved folder; raises OSError, ValueError, RecursionError, DataError."""
    with file_below(index.parent, index.name).open("rb") as file:
        text = file.read(MOST_TEXT + 1)
    if len(text) > MOST_TEXT:
        raise DataError(_too_long())
    document = json.loads(text.decode("utf-8"), parse_int=_whole_number)
    require_bounded(document)
    return document


def _whole_number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise DataError(f"it holds a whole number of {len(digits):,} digits")
    return int(digits)


def _too_long() -> str:
    return (
        f"{_INDEX} has more than {MOST_TEXT // 2**20} MiB\n"
        "    make tensors of long lists, which are saved apart"
    )


def _structure(
    folder: Path, values: dict[str, Any], plain: tuple[type, ...]
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The values as JSON has them, and the tensors that these name; raises DataError."""
    if folder.exists() and not folder.is_dir():
        raise DataError(
            f"{folder} is a file, and the values need a folder of that name\n"
            "    name another folder in `to:`, or move the file away"
        )
    tensors: dict[str, torch.Tensor] = {}
    return {name: _split(value, name, tensors, plain) for name, value in values.items()}, tensors


def _split(value: Any, path: str, tensors: dict[str, torch.Tensor], plain: tuple[type, ...]) -> Any:
    """The value with each tensor in it put into `tensors` and replaced by its name there.

    plain: the types that stay as they are.
    """
    if isinstance(value, torch.Tensor):
        name = _unused(path, tensors)
        require_held("safetensors", {name: value})
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {_TENSOR: name}
    if isinstance(value, dict):
        _check_keys(value, path)
        return {
            "dict": {
                str(key): _split(item, f"{path}.{key}", tensors, plain)
                for key, item in value.items()
            }
        }
    if isinstance(value, (list, tuple)):
        return {
            "list": [
                _split(item, f"{path}.{index}", tensors, plain) for index, item in enumerate(value)
            ]
        }
    if isinstance(value, plain):
        return value
    raise DataError(
        f"`{path}` is a {type(value).__name__}, which save cannot keep\n"
        "    it keeps tensors, numbers, strings, bools, None, and a list or dict of these"
    )


def _unused(path: str, tensors: Container[str]) -> str:
    """A name for the tensor at a path: `a.b` may be a key `b` of `a`, or a key `a.b`."""
    name, count = path, 1
    while name in tensors or name == HEADER:
        count += 1
        name = f"{path}#{count}"
    return name


def _check_keys(value: dict[Any, Any], path: str) -> None:
    """Raise DataError for two keys that are one in the folder, whose keys are strings."""
    keys: dict[str, Any] = {}
    for key in value:
        if str(key) in keys:
            raise DataError(
                f"`{path}` has the keys {keys[str(key)]!r} and {key!r}, which save writes alike\n"
                "    it writes keys as strings: give one of them another text"
            )
        keys[str(key)] = key


def _join(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == _TENSOR:
        return tensors[content]
    if kind == "list":
        return [_join(item, tensors) for item in content]
    return {key: _join(item, tensors) for key, item in content.items()}


def _short_digest(content: bytes) -> str:
    """A name for a content."""
    import hashlib

    return hashlib.sha256(content).hexdigest()[:16]


def _tensors_file(folder: Path) -> Path | None:
    """The tensors' file that an index names, if an earlier `write_folder` has written it."""
    try:
        name = read_index(folder / _INDEX)["tensors"]
        return file_below(folder, name) if _TENSORS.fullmatch(name) is not None else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError, DataError):
        return None
