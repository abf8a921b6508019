"""Where tensors lie and are made, by the names that a step's code uses."""

from __future__ import annotations

from typing import Any

from flowrun_tensors.checking.device_names import DeviceNames
from flowrun_tensors.checking.readings import Handler
from flowrun_tensors.lazy_torch import torch

_OF_A_DEVICE = ("to", "_parse_to")  # whose first argument may be the name of one


def stood_for(
    names: DeviceNames, function: Any, args: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The operands with what stands for absent devices; raises where a generator is of another."""
    if "device" in keywords:
        keywords = {**keywords, "device": names.raw(keywords["device"])}
    if len(args) > 1 and getattr(function, "__name__", "") in _OF_A_DEVICE:
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
    """Raise what torch does where a generator draws for a device of another kind."""
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


def handlers(names: DeviceNames) -> dict[Any, Handler]:
    """What stands for the functions that ask for a tensor's device, or move it, by its kind."""

    def moved(kind: str) -> Handler:
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

    def is_of(kind: str) -> Handler:
        return lambda function, args, keywords: args[0].device.type == kind

    found: dict[Any, Handler] = {
        # FakeTensor has a property of its own; this is of what functions of torch.func wrap it in.
        torch.Tensor.device.__get__: lambda function, args, keywords: names.shown(function(*args)),
        torch.Tensor.get_device: _device_index,
        torch.get_device: _device_index,
        torch.Tensor.pin_memory: lambda function, args, keywords: args[0],
        torch.Tensor.record_stream: lambda function, args, keywords: None,
        torch.Tensor.share_memory_: lambda function, args, keywords: args[0],
    }
    for kind in ("cuda", "xpu", "mps"):
        found[getattr(torch.Tensor, f"is_{kind}").__get__] = is_of(kind)
        if names.is_absent(kind) and hasattr(torch.Tensor, kind):
            found[getattr(torch.Tensor, kind)] = moved(kind)
    return found


def _device_index(function: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> int:
    index = args[0].device.index
    return -1 if index is None else int(index)
