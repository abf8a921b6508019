"""Named values in a folder: tensors in safetensors, everything else and the structure in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flowrun import DataError, replacing
from flowrun_tensors.lazy import torch

_INDEX = "values.json"
_TENSOR = "tensor"


def write_folder(folder: Path, values: dict[str, Any]) -> list[Path]:
    """Write named values; gives the files written.

    The tensors' file is named by its content, and `values.json`, which names it, is replaced
    last: whoever reads meanwhile, or after a crash, finds the old values or the new ones whole.
    Raises DataError for a value that is neither a tensor nor JSON.
    """
    from safetensors.torch import save

    if folder.exists() and not folder.is_dir():
        raise DataError(
            f"{folder} is a file, and the values need a folder of that name\n"
            "    name another folder in `to:`, or move the file away"
        )
    tensors: dict[str, torch.Tensor] = {}
    structure = {name: _split(value, name, tensors) for name, value in values.items()}
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
    from safetensors import safe_open

    index = folder / _INDEX
    if not index.is_file():
        raise DataError(f"{folder} holds no saved values (no {_INDEX}); a `save` step makes them")
    try:
        document = json.loads(index.read_text(encoding="utf-8"))
        with safe_open(folder / document["tensors"], framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return {name: _join(value, tensors) for name, value in document["values"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"the values saved in {folder} cannot be read: {error}") from error
    except Exception as error:  # safetensors raises an exception class of its own
        raise DataError(f"the tensors saved in {folder} cannot be read: {error}") from error


def _split(value: Any, path: str, tensors: dict[str, torch.Tensor]) -> Any:
    """The value with each tensor in it put into `tensors` and replaced by its name there."""
    if isinstance(value, torch.Tensor):
        tensors[path] = value.detach().cpu().contiguous().clone()
        return {_TENSOR: path}
    if isinstance(value, dict):
        return {
            "dict": {
                str(key): _split(item, f"{path}.{key}", tensors) for key, item in value.items()
            }
        }
    if isinstance(value, (list, tuple)):
        return {
            "list": [_split(item, f"{path}.{index}", tensors) for index, item in enumerate(value)]
        }
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    raise DataError(
        f"`{path}` is a {type(value).__name__}, which save cannot keep\n"
        "    it keeps tensors, numbers, strings, bools, None, and a list or dict of these"
    )


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
    """A name for a content. Not BLAKE3's: an exported script does with Python's own library."""
    import hashlib

    return hashlib.sha256(content).hexdigest()[:16]


def _named_file(index: Path) -> str | None:
    """The tensors' file that an index names; None where there is no readable index."""
    try:
        return str(json.loads(index.read_text(encoding="utf-8"))["tensors"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
