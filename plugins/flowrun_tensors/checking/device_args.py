"""Replaces absent devices by their stand-ins in the arguments of torch's functions.

A step's code and the messages of a check use only the real names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from flowrun_tensors.checking.standin_device import BACKEND, index_of, name_of
from flowrun_tensors.lazy_torch import torch

_KINDS = ("cuda", "xpu", "mps")
_STANDIN = re.compile(rf"\b{BACKEND}(?::(\d+))?\b")
_TAKE_A_DEVICE_FIRST = ("to", "_parse_to")  # or a dtype, or a tensor


class DeviceNames:
    """Translates names of devices to those of their stand-ins, and back.

    devices: the full names of the devices that the recipe is for, present or not; present: those of
    this machine. Any other device that a step's code names is absent unless its kind is present.
    current: the index of a kind given without one, as torch.cuda.set_device sets it.
    """

    def __init__(self, devices: Iterable[str], present: Iterable[str]) -> None:
        self.meant = tuple(devices)
        self._present = frozenset(present)
        self.current = dict.fromkeys(_KINDS, 0)
        self.has_absent = any(name not in self._present for name in self.meant)

    def count(self, kind: str) -> int:
        """How many devices of a kind the simulated machine has."""
        names = {*self.meant, *self._present}
        return sum(name.partition(":")[0] == kind for name in names)

    def is_absent(self, kind: str) -> bool:
        """Whether this machine has no device of a kind."""
        return kind in _KINDS and not any(name.startswith(kind) for name in self._present)

    @property
    def accelerator(self) -> str:
        """The kind of a device that is given by its index alone: `x.to(0)`."""
        kinds = [name.partition(":")[0] for name in self.meant]
        return next((kind for kind in kinds if kind in _KINDS), "cuda")

    def raw(self, device: Any) -> Any:
        """The stand-in of a device, given by a name, a torch.device or an index.

        A device that is present, or a value that is no device, is returned unchanged; for the
        latter torch raises its own error.
        """
        if isinstance(device, int) and not isinstance(device, bool):
            return self.raw(f"{self.accelerator}:{device}")
        if isinstance(device, str) and device.partition(":")[0] in _KINDS:
            try:
                device = torch.device(device)
            except RuntimeError:
                return device
        if not isinstance(device, torch.device) or device.type not in _KINDS:
            return device
        index = self.current[device.type] if device.index is None else device.index
        name = f"{device.type}:{index}"
        if name in self._present:
            return device
        self.has_absent = True
        return torch.device(BACKEND, index_of(name))

    def is_standin(self, device: torch.device) -> bool:
        """Whether a device stands for an absent one."""
        return device.type == BACKEND

    def shown(self, device: torch.device) -> torch.device:
        """The absent device behind a stand-in; any other device unchanged."""
        name = name_of(device.index or 0) if self.is_standin(device) else None
        return device if name is None else torch.device(name)

    def in_text(self, text: str) -> str:
        """A message of torch with stand-ins replaced by the real names."""

        def named(match: re.Match[str]) -> str:
            if match[1] is None:
                return self.accelerator
            return name_of(int(match[1])) or match[0]

        return _STANDIN.sub(named, text)


def with_standins(
    names: DeviceNames, function: Any, args: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call, with absent devices replaced by stand-ins.

    Raises RuntimeError as torch does if a generator is of another kind of device.
    """
    if "device" in keywords:
        keywords = {**keywords, "device": names.raw(keywords["device"])}
    if len(args) > 1 and getattr(function, "__name__", "") in _TAKE_A_DEVICE_FIRST:
        args = (args[0], names.raw(args[1]), *args[2:])
    args = tuple(names.raw(arg) if isinstance(arg, torch.device) else arg for arg in args)
    generator = keywords.get("generator")
    if generator is not None:
        keywords = {**keywords, "generator": None}
        _check_generator(names, generator, args, keywords)
    return args, keywords


def _check_generator(
    names: DeviceNames, generator: torch.Generator, args: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    if keywords.get("device") is not None:
        device = torch.device(keywords["device"])
    elif args and isinstance(args[0], torch.Tensor):
        device = args[0].device
    else:
        device = torch.get_default_device()
    kind = names.shown(device).type
    if generator.device.type != kind:
        raise RuntimeError(
            f"Expected a '{kind}' device type for generator but found '{generator.device.type}'"
        )


def handlers(names: DeviceNames) -> dict[Any, Callable[..., Any]]:
    """Return replacements of functions that return a tensor's device, or move it by the kind alone.

    Each is called with the function, its positional and its keyword arguments.
    """

    def moved(kind: str) -> Callable[..., Any]:
        def to(function: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
            tensor, *rest = args
            device = keywords.pop("device", None) if not rest else rest[0]
            if device is None:
                device = kind
            elif isinstance(device, int):
                device = f"{kind}:{device}"
            blocking = rest[1:2] or [keywords.get("non_blocking", False)]
            return tensor.to(names.raw(device), non_blocking=blocking[0])

        return to

    def is_of(kind: str) -> Callable[..., Any]:
        return lambda function, args, keywords: args[0].device.type == kind

    found: dict[Any, Callable[..., Any]] = {
        # FakeTensor has its own property; this one serves the wrappers of torch.func.
        torch.Tensor.device.__get__: lambda function, args, keywords: names.shown(function(*args)),
        torch.Tensor.get_device: _device_index,
        torch.get_device: _device_index,
        torch.Tensor.pin_memory: _unchanged,
        torch.Tensor.share_memory_: _unchanged,
        torch.Tensor.record_stream: lambda function, args, keywords: None,
    }
    for kind in ("cuda", "xpu", "mps"):
        found[getattr(torch.Tensor, f"is_{kind}").__get__] = is_of(kind)
        if names.is_absent(kind) and hasattr(torch.Tensor, kind):
            found[getattr(torch.Tensor, kind)] = moved(kind)
    return found


def _unchanged(function: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    return args[0]


def _device_index(function: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> int:
    index = args[0].device.index
    return -1 if index is None else int(index)
