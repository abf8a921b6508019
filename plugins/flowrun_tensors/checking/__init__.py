"""Runs steps on shapes alone, to check a recipe before anything is computed.

In: the devices that a recipe's steps run on, and those of this machine; then, step by step, the
step's own code. Out: `check_mode`, a flowrun.CheckMode in which that code gets tensors without data
(torch's fake tensors), on devices that may be absent; for each step its memory, its FLOP and
warnings; for an exception, its meaning in a run.

Read first:

1. `mode`: the modes and patches of a check, and how a call of a step's code is handled.
2. `fake_tensors`: how an operation runs on shapes, and how memory and FLOP are measured.
3. `kernel_rules`: the differences between torch's rules for shapes and its kernels.

A call passes through `data_access` (reading data), `device_args` (absent devices) and `lint`
(warnings); a failure through `diagnosis`. `fake_backends` and `patches` replace functions that no
mode sees. Only `standin_device`, `fake_tensors`, and `lazy_compiler` in the folder above use
private names of torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowrun import CheckMode


def check_mode(devices: tuple[str, ...], present: Mapping[str, str]) -> CheckMode:
    """Return the mode for one check.

    devices: the full names of the devices that the recipe's steps run on, present or not; present:
    those of this machine, with descriptions. Raises FlowrunError if an absent device cannot be
    simulated.
    """
    from flowrun_tensors.lazy_compiler import postpone_compiler

    postpone_compiler()  # before anything of torch imports it
    from flowrun_tensors.checking.mode import ShapesCheck

    return ShapesCheck(devices, present)
