"""torch as a backend: its devices, its mode for checks, and its settings around each step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flowrun import Backend, Call, CheckMode, Context, Step


class TensorBackend(Backend):
    """Imports torch only when it is needed."""

    def devices(self) -> dict[str, str]:
        """Those that torch can use."""
        from flowrun_tensors.devices import present_devices

        return present_devices()

    def check_mode(self, devices: tuple[str, ...], present: Mapping[str, str]) -> CheckMode:
        """Tensors without data."""
        from flowrun_tensors.checking import check_mode

        return check_mode(devices, present)

    @contextmanager
    def around_step(self, step: Step[..., Any], ctx: Context, call: Call) -> Iterator[None]:
        """Move inputs to the step's device; set the seed, and the default dtype and device."""
        from flowrun_tensors.placement import inputs_unwritten, place_inputs, step_settings

        place_inputs(ctx, call)
        with inputs_unwritten(call), step_settings(step, ctx, call):
            yield
