"""The devices of this machine."""

from __future__ import annotations

import platform
from pathlib import Path

from flowrun_tensors.lazy_torch import torch

# Device files without which no build of torch can have an accelerator under Linux: NVIDIA, NVIDIA
# under WSL, AMD, and the render nodes that Intel's GPUs need.
_ACCELERATOR_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd", "/dev/dri")


def present_devices() -> dict[str, str]:
    """Full names with descriptions, best first: CUDA (ROCm included), XPU, MPS, and the CPU.

    If the machine cannot have an accelerator, torch is not imported to find out.
    """
    found: dict[str, str] = {}
    if _may_have_accelerator():
        for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
            found[f"cuda:{index}"] = torch.cuda.get_device_name(index)
        for index in range(torch.xpu.device_count() if torch.xpu.is_available() else 0):
            found[f"xpu:{index}"] = torch.xpu.get_device_name(index)
        if torch.backends.mps.is_available():
            found["mps:0"] = "Apple GPU"
    found["cpu"] = platform.processor() or platform.machine()
    return found


def synchronize(device: str) -> None:
    """Wait until the device has finished its work; returns at once on the CPU."""
    kind = device.partition(":")[0]
    if kind != "cpu":
        getattr(torch, kind).synchronize()


def _may_have_accelerator() -> bool:
    if platform.system() != "Linux":
        return True
    return any(Path(file).exists() for file in _ACCELERATOR_FILES)
