"""Named values in a folder: tensors in safetensors, everything else and the structure in JSON."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

from flowrun import DataError, Unknown, replacing
from flowrun_tensors.formats.limits import HEADER, require_held
from flowrun_tensors.lazy_torch import torch

_INDEX = "values.json"
_TENSOR = "tensor"
_PLAIN = (str, int, float, bool, type(None))


def write_folder(folder: Path, values: dict[str, Any]) -> list[Path]:
    """Write named values; gives the files written.

    The tensors' file is named by its content, and `values.json`, which names it, is replaced
    last: whoever reads meanwhile, or after a crash, finds the old values or the new ones whole.
    Raises DataError for a value that is neither a tensor nor JSON.
    """
    from safetensors.torch import save

    structure, tensors = _structure(folder, values, _PLAIN)
    content = save(tensors)
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / f"tensors-{_short_digest(content)}.safetensors"
    with replacing(data) as temporary:
        temporary.write_bytes(content)
    index = folder / _INDEX
    before = _named_file(index)
    with replacing(index) as temporary:
        text = json.dumps({"tensors": data.name, "values": structure}, indent=1, allow_nan=True)
        temporary.write_text(text + "\n", encoding="utf-8")
    if before is not None and before != data.name:
        (folder / before).unlink(missing_ok=True)
    return [index, data]


def read_folder(folder: Path) -> dict[str, Any]:
    """The named values of a folder; tensors are memory-mapped. Raises DataError."""
    from flowrun_tensors.formats.tensor_files import tensors_in

    return _folder_values(folder, tensors_in)


def folder_header(folder: Path) -> dict[str, Any]:
    """The result of `read_folder`, with tensors without data. For a check."""
    from flowrun_tensors.formats.headers import tensors_without_data

    return _folder_values(folder, tensors_without_data)


def values_as_saved(folder: Path, values: dict[str, Any]) -> dict[str, Any]:
    """The values that `read_folder` will return after `write_folder`; writes nothing.

    For a check. Raises the errors of `write_folder`. A value known only in a run stays unknown.
    """
    structure, tensors = _structure(folder, values, (*_PLAIN, Unknown))
    return {name: _join(value, tensors) for name, value in structure.items()}


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
    index = folder / _INDEX
    if not index.is_file():
        raise DataError(f"{folder} has no saved values (no {_INDEX}); a `save` step makes them")
    try:
        document = json.loads(index.read_text(encoding="utf-8"))
        tensors = tensors_of(folder / document["tensors"])
        return {name: _join(value, tensors) for name, value in document["values"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"the values saved in {folder} cannot be read: {error}") from error
    except Exception as error:  # safetensors raises an exception class of its own
        raise DataError(f"the tensors saved in {folder} cannot be read: {error}") from error


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


def _named_file(index: Path) -> str | None:
    """The tensors' file that an index names; None if there is no readable index."""
    try:
        return str(json.loads(index.read_text(encoding="utf-8"))["tensors"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
