"""Steps run on shapes alone, so that a recipe is checked before anything is computed.

In: the devices that a recipe's steps run on, and those of this machine; then, step by step, the
step's own code. Out: `check_mode`, a flowrun.CheckMode in which that code gets tensors without data
(torch's fake tensors), on devices that may be absent; for each step the memory and FLOP it takes
and warnings; for an exception, what it means in a run.

Read first:

1. `mode`: what is entered and patched for a check, and how a call of a step's code is handled.
2. `fake_tensors`: how an operation runs on shapes, and what is measured.
3. `kernel_rules`: where torch's rules for shapes and its kernels differ.

A call passes through `data_access` (reading data), `device_args` (absent devices) and `lint`
(warnings); a failure through `diagnosis`. `fake_backends` and `patches` replace what no mode sees.
`standin_device` and `fake_tensors`, and `lazy_compiler` above, alone use private names of torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowrun import CheckMode


def check_mode(devices: tuple[str, ...], present: Mapping[str, str]) -> CheckMode:
    """The mode for one check.

    devices: the full names of those that the recipe's steps run on, present or not; present: those
    of this machine, with descriptions. Raises FlowrunError if nothing can stand for an absent one.
    """
    from flowrun_tensors.lazy_compiler import postpone_compiler

    postpone_compiler()  # before anything of torch imports it
    from flowrun_tensors.checking.mode import ShapesCheck

    return ShapesCheck(devices, present)
