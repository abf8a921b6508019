"""The settings of torch on which the results of steps may depend."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

from flowrun import Setting, shown_unless
from flowrun_tensors.lazy_torch import torch

# Where the precision of products of float32 may be set, each after those that it follows.
_PRECISIONS = (
    ("generic", "all"),
    *((backend, "all") for backend in ("cuda", "mkldnn")),
    *((one, what) for one in ("cuda", "mkldnn") for what in ("matmul", "conv", "rnn")),
)
_KINDS = ("cpu", "cuda")  # of devices, of which each has its own settings of `autocast`
# Flags of `torch._C`: the ends of the names by which they are read and written, and the usual one.
_FLAGS = (
    ("cudnn_enabled", "cudnn_enabled", True),
    ("cudnn_benchmark", "cudnn_benchmark", False),
    ("cudnn_deterministic", "cudnn_deterministic", False),
    ("mkldnn_enabled", "mkldnn_enabled", True),
    ("flash_sdp_enabled", "sdp_use_flash", True),
    ("mem_efficient_sdp_enabled", "sdp_use_mem_efficient", True),
    ("math_sdp_enabled", "sdp_use_math", True),
    ("cudnn_sdp_enabled", "sdp_use_cudnn", True),
    ("cublas_allow_fp16_accumulation", "cublas_allow_fp16_accumulation", False),
)


def torch_settings() -> tuple[Setting, ...]:
    """All of them; torch is not imported, and until it is, none is read."""
    return (
        _setting("printing", _read_printing, _write_printing, (4, 1000, 3, 80, None)),
        _setting("deterministic algorithms", _read_deterministic, _write_deterministic,
                 (False, False)),
        Setting("torch's precision of float32", _read_precisions, _write_precisions,
                _precisions_shown, "torch"),
        Setting("torch's number of threads", lambda: torch.get_num_threads(),
                lambda before: torch.set_num_threads(before), _threads_shown, "torch"),
        _setting("default device", _read_device, lambda one: torch.set_default_device(one[0]),
                 (None, None)),
        _setting("autocast", _read_autocast, _write_autocast, (False, False)),
        _setting("kernels", _read_flags, _write_flags, tuple(usual for *_, usual in _FLAGS)),
    )  # fmt: skip


def _setting(
    name: str, read: Callable[[], Any], write: Callable[[Any], None], fresh: Any
) -> Setting:
    return Setting(f"torch's {name}", read, write, shown_unless(fresh), "torch", fresh)


def _read_printing() -> tuple[Any, ...]:
    options = torch._tensor_str.PRINT_OPTS
    return tuple(getattr(options, name) for name in _PRINTING)


def _write_printing(before: tuple[Any, ...]) -> None:
    for name, value in zip(_PRINTING, before, strict=True):
        setattr(torch._tensor_str.PRINT_OPTS, name, value)


_PRINTING = ("precision", "threshold", "edgeitems", "linewidth", "sci_mode")


def _read_deterministic() -> tuple[bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def _write_deterministic(before: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(before[0], warn_only=before[1])


def _read_precisions() -> tuple[str | None, ...]:
    """By the old way to set it, which cannot be read after the new one was used, and by that."""
    try:
        old = torch.get_float32_matmul_precision()
    except RuntimeError:
        old = None
    return (old, *(torch._C._get_fp32_precision_getter(*one) for one in _PRECISIONS))


def _write_precisions(before: tuple[str | None, ...]) -> None:
    if before[0] is not None:
        torch.set_float32_matmul_precision(before[0])
    for one, value in zip(_PRECISIONS, before[1:], strict=True):
        torch._C._set_fp32_precision_setter(*one, value)


@functools.cache
def _precisions_shown(value: tuple[str | None, ...]) -> str:
    found = {
        f"{backend}.{operation}": precision
        for (backend, operation), precision in zip(_PRECISIONS, value[1:], strict=True)
        if precision not in ("none", "ieee")  # which is the same
        if (backend, precision) != ("cuda", "tf32") or operation not in ("conv", "rnn")
    }
    return repr([value[0], found]) if found or value[0] != "highest" else ""


def _threads_shown(count: int) -> str:
    """Of the usual numbers, torch takes the one that the system or its library of threads gives."""
    asked = os.environ.get("OMP_NUM_THREADS") or os.environ.get("MKL_NUM_THREADS")
    usual = (asked,) if asked else (str(_cores()), str(_cores() // 2))
    return "" if str(count) in usual else str(count)


@functools.cache
def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read_device() -> tuple[Any, Any]:
    """The device that was set for good, and the one that a context may have set instead."""
    context = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    module = sys.modules.get("torch.utils._device")  # torch imports it when it is first needed
    return None if context is None else context.device, getattr(module, "CURRENT_DEVICE", None)


def _read_autocast() -> tuple[Any, ...]:
    return tuple(
        torch.is_autocast_enabled(kind) and str(torch.get_autocast_dtype(kind)) for kind in _KINDS
    )


def _write_autocast(before: tuple[Any, ...]) -> None:
    for kind, value in zip(_KINDS, before, strict=True):
        torch.set_autocast_enabled(kind, bool(value))
        if value:
            torch.set_autocast_dtype(kind, getattr(torch, value.removeprefix("torch.")))


def _read_flags() -> tuple[bool, ...]:
    return tuple([read() for read in _flag_readers()])


@functools.cache
def _flag_readers() -> list[Callable[[], bool]]:
    return [getattr(torch._C, f"_get_{name}") for name, *_ in _FLAGS]


def _write_flags(before: tuple[bool, ...]) -> None:
    for (_, name, _), value in zip(_FLAGS, before, strict=True):
        getattr(torch._C, f"_set_{name}")(value)
