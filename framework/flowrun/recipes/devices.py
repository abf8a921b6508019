"""Device names as a recipe writes them, and the choice among the present devices."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from flowrun.errors import DeviceError, Mark, Problem, listed, nearest

AUTO = "auto"
KINDS = ("cpu", "cuda", "mps", "xpu")
DTYPES = ("float16", "bfloat16", "float32", "float64")
_NAME = re.compile(r"(cpu|cuda|mps|xpu)(:\d{1,3})?")


class Needs(msgspec.Struct, frozen=True):
    """Kinds of device a recipe needs (`cuda`), or needs to be absent (`no cuda`)."""

    texts: tuple[str, ...] = ()

    def unmet(self, present: Mapping[str, str]) -> str | None:
        """Why this machine does not meet the needs; None if it does."""
        kinds = {name.partition(":")[0] for name in present}
        for text in self.texts:
            if (text.removeprefix("no ") in kinds) == text.startswith("no "):
                return f"needs {text}, and this machine has: {listed(present)}"
        return None


def device_problem(name: object) -> tuple[str, str | None] | None:
    """None for a well-formed device name; else the expected form, and the nearest name."""
    expected = "auto, cpu, cuda, cuda:N, mps or xpu"
    if not isinstance(name, str):
        return expected, None
    if name == AUTO or _NAME.fullmatch(name):
        return None
    aliases = {"gpu": "cuda", "nvidia": "cuda", "metal": "mps", "apple": "mps", "intel": "xpu"}
    near = aliases.get(name.lower()) or nearest(name, (AUTO, *KINDS))
    return expected, f"did you mean `{near}`?" if near else None


def meant_device(name: str, present: Mapping[str, str]) -> str:
    """The device that `name` stands for, whether it is there or not: `cuda` is `cuda:0`."""
    if name == AUTO:
        return next(iter(present), "cpu")
    kind, _, index = name.partition(":")
    return kind if kind == "cpu" else f"{kind}:{index or 0}"


def choose_device(name: str, present: Mapping[str, str], mark: Mark | None = None) -> str:
    """The present device that `name` stands for: `auto` is the first, `cuda` is `cuda:0`.

    mark: the place where the recipe names it. Raises DeviceError, which names the present devices,
    if the device is not there.
    """
    if name == AUTO:
        return next(iter(present), "cpu")
    if name in present:
        return name
    if f"{name}:0" in present:
        return f"{name}:0"
    if name == "cpu:0":
        return "cpu"
    devices = listed(
        f"{device} ({about})" if about else device for device, about in present.items()
    )
    message = f"the device `{name}` is not there; this machine has: {devices}"
    hint = "choose one of these with `device:` in the recipe or `--device`, or `auto`"
    raise DeviceError(Problem(message, mark, hint=hint))
