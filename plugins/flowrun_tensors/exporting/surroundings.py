"""What surrounds the steps in an exported script: the recipe's settings, seeds, dtype and device.

A template, as `prelude` is. It does round each step what `flowrun_tensors.placement` does in a run,
so that the same random numbers are drawn and the same bits come out.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowrun_tensors.devices import present_devices
from flowrun_tensors.exporting.prelude import Context, Dataset, DeviceError, Format, Model, listed
from flowrun_tensors.lazy_torch import torch


def choose_device(name: str, present: Mapping[str, str]) -> str:
    """The present device that `name` stands for: `auto` is the first, `cuda` is `cuda:0`."""
    for candidate in (name, f"{name}:0", name.removesuffix(":0")):
        if candidate in present:
            return candidate
    if name != "auto":
        raise DeviceError(f"the device `{name}` is not there; this machine has: {listed(present)}")
    return next(iter(present), "cpu")


def placed(value: Any, ctx: Context) -> Any:
    """A value with its tensors on the step's own device, and floating ones in its own dtype."""
    if isinstance(value, dict):
        return {key: placed(item, ctx) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(placed(item, ctx) for item in value)
    if isinstance(value, torch.Tensor):
        value = value.to(ctx.device) if ctx.own_device else value
        if ctx.own_dtype and value.is_floating_point():
            return value.to(getattr(torch, ctx.dtype))
    return value


@dataclass
class Recipe:
    """The settings that all steps share, and what surrounds each of them."""

    device: str
    dtype: str
    folder: Path
    formats: Mapping[str, Format] = field(default_factory=dict)
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)
    present: Mapping[str, str] = field(default_factory=present_devices)

    def needs(self, *texts: str) -> None:
        """Raise DeviceError where a kind of device is missing (`cuda`), or there (`no cuda`)."""
        kinds = {name.partition(":")[0] for name in self.present}
        for text in texts:
            if (text.removeprefix("no ") in kinds) == text.startswith("no "):
                raise DeviceError(f"needs {text}, and this machine has: {listed(self.present)}")

    @contextmanager
    def step(
        self,
        name: str,
        seed: int,
        *,
        device: str | None = None,
        dtype: str | None = None,
        folder: Path | None = None,
    ) -> Iterator[Context]:
        """Seed torch, `random` and NumPy, set default dtype and device; restore all at the end."""
        ctx = Context(
            step=name,
            seed=seed,
            device=choose_device(device or self.device, self.present),
            dtype=dtype or self.dtype,
            folder=folder or self.folder,
            own_device=device is not None,
            own_dtype=dtype is not None,
            present=self.present,
            formats=self.formats,
            datasets=self.datasets,
            models=self.models,
        )
        with ExitStack() as stack:
            stack.callback(random.setstate, random.getstate())
            random.seed(seed)
            if numpy := sys.modules.get("numpy"):
                stack.callback(numpy.random.set_state, numpy.random.get_state())
                numpy.random.seed(seed % 2**32)
            kind, _, index = ctx.device.partition(":")
            indices = [int(index)] if index and kind in ("cuda", "xpu") else []
            stack.enter_context(
                torch.random.fork_rng(indices, device_type=kind if indices else "cuda")
            )
            torch.manual_seed(seed)
            stack.callback(torch.set_default_dtype, torch.get_default_dtype())
            torch.set_default_dtype(getattr(torch, ctx.dtype))
            if kind != "cpu":
                stack.enter_context(torch.device(ctx.device))
            yield ctx
