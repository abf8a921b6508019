"""torch.save into memory and torch.load from there, without data; files that torch maps.

A buffer gets a description of each tensor in place of its elements: so what is read from it is what
was written, also by another step. Only a buffer of this process is believed: unpickling runs code
of whoever wrote the bytes, so they are signed with a key that no file can know.
"""

from __future__ import annotations

import hmac
import io
import os
import pickle
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flowrun import NeedsDataError
from flowrun_tensors.lazy_torch import torch

_MARK, _KEY = secrets.token_bytes(16), secrets.token_bytes(32)  # of this process
_SIGNED = 32  # bytes of a signature
_TRUE = ("1", "y", "yes", "true")
_STORAGE = "storage"  # the only kind of reference that torch reads with `weights_only`


class _Writer(pickle.Pickler):
    """Writes tensors as descriptions."""

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return None
        is_parameter = isinstance(value, torch.nn.Parameter)
        layout = tuple(value.shape), value.stride(), value.dtype, str(value.device)
        return _STORAGE, id(value), *layout, value.requires_grad, is_parameter


class _Described:
    """Makes tensors of their descriptions; the same one for all places of one tensor."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self._made: dict[int, torch.Tensor] = {}

    def tensor(self, description: Any) -> torch.Tensor:
        _, key, shape, stride, dtype, device, requires_grad, is_parameter = description
        if key not in self._made:
            device = self._device or device
            made = torch.empty_strided(shape, stride, dtype=dtype, device=device)
            if is_parameter:
                made = torch.nn.Parameter(made, requires_grad)
            self._made[key] = made.requires_grad_(requires_grad)
        return self._made[key]


class _Reader(pickle.Unpickler):
    """Reads any object, as torch does without `weights_only`."""

    def __init__(self, file: Any, described: _Described) -> None:
        super().__init__(file)
        self._described = described

    def persistent_load(self, description: Any) -> torch.Tensor:
        return self._described.tensor(description)


def save(value: Any, f: Any, *arguments: Any, **keywords: Any) -> None:
    """Replaces `torch.save`; raises NeedsDataError if it would write a file."""
    if isinstance(f, (str, os.PathLike)):
        raise NeedsDataError("it writes a file")
    written = io.BytesIO()
    _Writer(written, protocol=2).dump(value)  # torch's own, which `weights_only` reads
    content = written.getvalue()
    f.write(_MARK + _signature(content) + len(content).to_bytes(8, "big") + content)


def load_with(real: Callable[..., Any]) -> Callable[..., Any]:
    """A function that replaces `torch.load`: of what `save` wrote; of anything else the real."""

    def load(
        f: Any,
        map_location: Any = None,
        pickle_module: Any = None,
        *,
        weights_only: bool | None = None,
        **keywords: Any,
    ) -> Any:
        written = None if isinstance(f, (str, os.PathLike)) else _written_here(f)
        if written is None:
            return real(f, map_location, pickle_module, weights_only=weights_only, **keywords)
        is_one = isinstance(map_location, (str, torch.device))
        described = _Described(map_location if is_one else None)
        if _is_weights_only(pickle_module, weights_only):
            return _weights(written, described)
        return _Reader(io.BytesIO(written), described).load()

    return load


def _signature(written: bytes) -> bytes:
    return hmac.digest(_KEY, written, "sha256")


def _written_here(f: Any) -> bytes | None:
    """What `save` of this process wrote; None if another wrote it, with the buffer as it was."""
    begin = f.tell()
    if f.read(len(_MARK)) == _MARK:
        signature = f.read(_SIGNED)
        written = f.read(int.from_bytes(f.read(8), "big"))
        if hmac.compare_digest(signature, _signature(written)):
            return written
    f.seek(begin)
    return None


def _is_weights_only(pickle_module: Any, weights_only: bool | None) -> bool:
    """As torch decides it."""
    if os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "0").lower() in _TRUE:
        return True
    if weights_only is not None:
        return weights_only
    is_off = os.environ.get("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0").lower() in _TRUE
    return pickle_module is None and not is_off


def _weights(written: bytes, described: _Described) -> Any:
    """What torch reads with `weights_only`; raises its error for what it refuses."""
    from torch._weights_only_unpickler import Unpickler

    reader = Unpickler(io.BytesIO(written), encoding="utf-8")
    reader.persistent_load = described.tensor
    try:
        return reader.load()
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(f"Weights only load failed. {error}") from None


def from_file(
    filename: str, shared: bool | None = None, size: int | None = 0, **keywords: Any
) -> torch.Tensor:
    """Replaces `torch.from_file`, and maps nothing. Raises its errors by the length of the file."""
    made = torch.empty(size or 0, **keywords)
    path = Path(filename)
    needed = made.numel() * made.element_size()
    length = path.stat().st_size if path.is_file() else None
    if shared and (length is None or length < needed):
        raise NeedsDataError("it writes a file")
    if length is None:
        reason = "in read-only mode: No such file or directory (2)"
        raise RuntimeError(f"unable to open file <{filename}> {reason}")
    if length < needed:
        reason = f"size <{length}> is smaller than the required mapping size <{needed}>"
        raise RuntimeError(f"file <{filename}> {reason}")
    return made
