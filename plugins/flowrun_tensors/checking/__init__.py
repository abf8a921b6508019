"""The mode in which steps run on shapes alone: torch's FakeTensorMode, and what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowrun import CheckMode


def check_mode(devices: tuple[str, ...], present: Mapping[str, str]) -> CheckMode:
    """The mode for one check.

    devices: the full names of those that the recipe's steps run on, there or not; present: those of
    this machine, with descriptions. Raises FlowrunError where an absent device cannot be stood for.
    """
    from flowrun_tensors.checking.without_compiler import postpone_compiler

    postpone_compiler()  # before anything of torch asks for it
    from flowrun_tensors.checking.mode import ShapesCheck

    return ShapesCheck(devices, present)
