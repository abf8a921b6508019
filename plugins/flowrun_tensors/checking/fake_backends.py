"""Replaces `torch.cuda`, `torch.accelerator` and others, to act as on the machine of the recipe."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

from flowrun import NeedsDataError, Unknown
from flowrun_tensors.checking.device_args import DeviceNames
from flowrun_tensors.checking.patches import Replacements
from flowrun_tensors.lazy_torch import torch

_NOTHING = (
    "synchronize empty_cache ipc_collect reset_peak_memory_stats reset_max_memory_allocated "
    "reset_max_memory_cached reset_accumulated_memory_stats manual_seed manual_seed_all seed "
    "seed_all set_rng_state set_rng_state_all init _lazy_init set_per_process_memory_fraction "
    "set_stream"
).split()
_OF_MEMORY = (
    "memory_allocated max_memory_allocated memory_reserved max_memory_reserved memory_cached "
    "max_memory_cached initial_seed utilization current_allocated_memory driver_allocated_memory "
    "recommended_max_memory"
).split()
_UNKNOWABLE = "get_device_properties get_device_capability memory_stats memory_snapshot".split()


def patch_backends(replacements: Replacements, names: DeviceNames) -> None:
    """Replace functions of absent kinds of device, which act as if the recipe's were present."""
    for kind in ("cuda", "xpu", "mps"):
        if names.is_absent(kind):
            for name, value in _answers(names, kind).items():
                if hasattr(getattr(torch, kind), name):
                    replacements.replace(getattr(torch, kind), name, value)
    if names.is_absent("mps"):
        replacements.replace(torch.backends.mps, "is_available", lambda: names.count("mps") > 0)
    if hasattr(torch, "accelerator") and names.is_absent(names.accelerator):
        for name, value in _of_accelerator(names).items():
            if hasattr(torch.accelerator, name):
                replacements.replace(torch.accelerator, name, value)
    replacements.replace(torch.autocast, "__init__", _autocast_init(names))
    replacements.replace(sys.modules["torch"], "Generator", _generator_class(names))


def _answers(names: DeviceNames, kind: str) -> dict[str, Any]:
    """Replacements of the functions of `torch.cuda` and the like, by name."""

    def set_device(device: Any) -> None:
        names.current[kind] = _index(names, kind, device)

    class device:  # noqa: N801 - as torch.cuda has it
        """As torch.cuda.device: inside, another device is the current one."""

        def __init__(self, device: Any) -> None:
            self.idx = _index(names, kind, device)

        def __enter__(self) -> None:
            self._before, names.current[kind] = names.current[kind], self.idx

        def __exit__(self, *error: object) -> None:
            names.current[kind] = self._before

    def nothing(*arguments: Any, **keywords: Any) -> None:
        """Nothing runs on an absent device, and nothing is drawn or stored there."""

    def number(*arguments: Any, **keywords: Any) -> Unknown:
        return Unknown("int")

    def unknowable(*arguments: Any, **keywords: Any) -> NoReturn:
        raise NeedsDataError(f"it asks for the properties of the device {kind}")

    return {
        **dict.fromkeys(_NOTHING, nothing),
        **dict.fromkeys(_OF_MEMORY, number),
        **dict.fromkeys(_UNKNOWABLE, unknowable),
        "is_available": lambda: names.count(kind) > 0,
        "is_initialized": lambda: True,
        "is_current_stream_capturing": lambda: False,
        "device_count": lambda: names.count(kind),
        "current_device": lambda: names.current[kind],
        "set_device": set_device,
        "device": device,
        "get_device_name": lambda device=None: f"{kind}:{_index(names, kind, device)}",
        "mem_get_info": lambda device=None: (Unknown("int"), Unknown("int")),
        "is_bf16_supported": lambda including_emulation=True: True,
        "get_rng_state": lambda device=None: torch.zeros(16, dtype=torch.uint8, device="cpu"),
        "get_rng_state_all": lambda: [
            torch.zeros(16, dtype=torch.uint8, device="cpu") for _ in range(names.count(kind))
        ],
        "Event": _Event,
        "Stream": _Stream,
        "stream": lambda stream: stream or _Stream(),
        "current_stream": lambda device=None: _Stream(),
        "default_stream": lambda device=None: _Stream(),
    }


def _of_accelerator(names: DeviceNames) -> dict[str, Any]:
    """Replacements of the functions of `torch.accelerator`, by name."""
    kind = names.accelerator
    count = names.count(kind)
    return {
        "is_available": lambda: count > 0,
        "device_count": lambda: count,
        "current_accelerator": lambda check_available=False: torch.device(kind) if count else None,
        "current_device_index": lambda: names.current[kind],
        "synchronize": lambda device=None: None,
        "empty_cache": lambda: None,
    }


def _index(names: DeviceNames, kind: str, device: Any) -> int:
    """The index of a device given by index, name or torch.device; the current one for None."""
    if isinstance(device, int):
        return names.current[kind] if device < 0 else device
    index = None if device is None else torch.device(device).index
    return names.current[kind] if index is None else int(index)


class _Event:
    """As torch.cuda.Event; the times it measures are unknown."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        """Nothing is recorded."""

    def record(self, stream: Any = None) -> None:
        """Nothing is recorded."""

    def wait(self, stream: Any = None) -> None:
        """Nothing runs."""

    def synchronize(self) -> None:
        """Nothing runs."""

    def query(self) -> bool:
        return True

    def elapsed_time(self, end_event: Any) -> Unknown:
        return Unknown("float")


class _Stream(_Event):
    """As torch.cuda.Stream, on which nothing runs."""

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing runs."""

    def wait_stream(self, stream: Any) -> None:
        """Nothing runs."""

    def wait_event(self, event: Any) -> None:
        """Nothing runs."""

    def record_event(self, event: Any = None) -> Any:
        return event or _Event()


def _autocast_init(names: DeviceNames) -> Any:
    """torch.autocast, refused for absent devices: the dtypes it would choose are not known."""
    real = torch.autocast.__init__

    def init(self: torch.autocast, device_type: str, *arguments: Any, **settings: Any) -> None:
        is_enabled = arguments[1] if len(arguments) > 1 else settings.get("enabled", True)
        if names.is_absent(device_type) and is_enabled:
            raise NeedsDataError(
                f"it lets autocast choose dtypes for {device_type}, which this machine lacks"
            )
        real(self, device_type, *arguments, **settings)

    return init


def _generator_class(names: DeviceNames) -> type:
    """A torch.Generator that can be made for an absent device as well."""
    real = torch.Generator

    class Kind(type(real)):  # type: ignore[misc]
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, real)

    class Generator(real, metaclass=Kind):  # type: ignore[misc, valid-type]
        def __new__(cls, device: Any = "cpu") -> Any:
            raw = torch.device(names.raw(device))
            made = super().__new__(cls, "cpu" if names.is_standin(raw) else raw)
            made.meant = names.shown(raw)
            return made

        @property
        def device(self) -> torch.device:
            return self.meant

    return Generator
