"""The mode of one check: entered once, watching each step."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, NoReturn, Self

from torch._subclasses.fake_tensor import unset_fake_temporarily

from flowrun import Explained, NeedsDataError, Unknown, Watched
from flowrun_tensors.checking import readings
from flowrun_tensors.checking.calls import Calls
from flowrun_tensors.checking.device_names import DeviceNames
from flowrun_tensors.checking.dispatching import FakeTensor, ShapesMode
from flowrun_tensors.checking.explaining import explained
from flowrun_tensors.checking.machine import answer_as_meant
from flowrun_tensors.checking.memory import TensorMemory
from flowrun_tensors.checking.modules import modules_on_shapes
from flowrun_tensors.checking.operations import OperationCount
from flowrun_tensors.checking.replacing import Replacements
from flowrun_tensors.checking.suspicions import Suspicions
from flowrun_tensors.checking.without_compiler import loading_as_ever
from flowrun_tensors.lazy_torch import torch


class ShapesCheck:
    """A CheckMode: see flowrun.CheckMode."""

    def __init__(self, devices: tuple[str, ...], present: Mapping[str, str]) -> None:
        self._present = present
        self._names = DeviceNames(devices, present)
        self._memory = TensorMemory()
        self._count = OperationCount()
        self._suspicions = Suspicions()
        self._shapes = ShapesMode(self._names, self._memory, self._count)
        self._calls = Calls(self._names, self._suspicions, self._shapes)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            replacements = Replacements()
            stack.callback(replacements.put_back)
            _replace_readings(replacements)
            _replace_device(replacements, self._names)
            answer_as_meant(replacements, self._names)
            modules_on_shapes(stack, replacements)
            stack.enter_context(loading_as_ever(_undisturbed(replacements)))
            stack.enter_context(_silent_log())
            # Threads of autograd are for devices, and what stands for absent ones has none.
            stack.enter_context(torch.autograd.set_multithreading_enabled(False))
            # oneDNN's own layers hide what they take and count from the mode.
            stack.callback(torch._C._set_mkldnn_enabled, torch._C._get_mkldnn_enabled())
            torch._C._set_mkldnn_enabled(False)
            stack.enter_context(self._calls)
            stack.enter_context(self._shapes)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    @contextmanager
    def watching(self) -> Iterator[Watched]:
        """Round the call of one step."""
        watched = Watched()
        self._calls.failed = None  # with the tensors that its frames hold
        self._memory.begin()
        self._count.begin()
        self._suspicions.begin()
        self._shapes.taken = 0
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Using a target size")
                yield watched
        finally:
            watched.peak = {name: size for name, size in self._memory.peak.items() if size}
            watched.live = {name: size for name, size in self._memory.live.items() if size}
            watched.operations = self._count.total
            watched.suspicions = self._suspicions.found

    def repeated(self, times: int) -> AbstractContextManager[None]:
        """What is done inside stands for so many repetitions of it."""
        return self._count.repeated(times)

    def mapped(self) -> AbstractContextManager[None]:
        """Tensors made inside lie in a file, and take no memory."""
        return self._memory.in_file()

    def on_shapes(self, value: Any) -> Any:
        """A tensor without its data; anything else as it is."""
        return self._shapes.from_tensor(value) if isinstance(value, torch.Tensor) else value

    def explained(self, error: Exception) -> Explained | None:
        """What an exception of a step means."""
        failed = self._calls.failed
        is_of_call = failed is not None and failed[0] is error
        operation = self._names.in_text(failed[1]) if failed and is_of_call else None
        return explained(error, operation, self._names)

    def memory(self, device: str) -> int | None:
        """The bytes that a device has; None where it is not there, or does not tell."""
        kind = device.partition(":")[0]
        if device not in self._present:
            return None
        if kind == "cpu":
            try:
                return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            except (AttributeError, ValueError, OSError):
                return None  # not on this operating system
        if kind in ("cuda", "xpu"):
            return int(getattr(torch, kind).get_device_properties(device).total_memory)
        return None


def _replace_readings(replacements: Replacements) -> None:
    """What is no function of torch, and looks at data or writes it."""

    def save(*arguments: Any, **keywords: Any) -> NoReturn:
        raise NeedsDataError("it writes a file")

    def unknown_array(number: Unknown, *arguments: Any, **keywords: Any) -> NoReturn:
        raise NeedsDataError("it makes an array of what is known only when the recipe runs")

    def compiled(model: Any = None, **keywords: Any) -> Any:
        return (lambda function: function) if model is None else model

    replacements.replace(sys.modules["torch"], "save", save)
    replacements.replace(sys.modules["torch"], "compile", compiled)
    replacements.replace(FakeTensor, "tolist", readings.tolist)
    replacements.replace(FakeTensor, "__copy__", _copied)
    replacements.replace(
        torch.distributions.Distribution, "_validate_args", False
    )  # by their values
    replacements.replace(torch.utils.data.RandomSampler, "__iter__", _in_order)
    replacements.replace(Unknown, "__array__", unknown_array)
    replacements.replace(Unknown, "__torch_function__", classmethod(_of_unknown))
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
        replacements.replace(Unknown, f"__{name}__", _giving_way(getattr(Unknown, f"__{name}__")))


def _copied(tensor: FakeTensor) -> torch.Tensor:
    """What copy.copy gives: another tensor on the same storage."""
    return tensor.detach().requires_grad_(tensor.requires_grad)


def _in_order(sampler: Any) -> Iterator[int]:
    """Positions in the place of random ones: every batch has the same shapes in any order."""
    rows = len(sampler.data_source)
    return iter([position % rows for position in range(sampler.num_samples)])


def _of_unknown(kind: type, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """By this torch takes an unknown number for an operand, so that Calls sees it."""
    return NotImplemented


def _giving_way(method: Any) -> Any:
    """An operator of unknown numbers that leaves it to a tensor what comes of both."""

    def operator(self: Unknown, other: object) -> Any:
        return NotImplemented if isinstance(other, torch.Tensor) else method(self, other)

    return operator


def _replace_device(replacements: Replacements, names: DeviceNames) -> None:
    """Have tensors tell their device by its real name, except to torch's own code."""
    raw = FakeTensor.device

    def device(tensor: FakeTensor) -> torch.device:
        mode = tensor.fake_mode
        found: torch.device = raw.__get__(tensor)
        if isinstance(mode, ShapesMode) and not mode.depth:
            return names.shown(found)
        return found

    replacements.replace(FakeTensor, "device", property(device, raw.fset))


def _undisturbed(replacements: Replacements) -> Callable[[], AbstractContextManager[Any]]:
    """Inside what it gives, torch is as outside of a check."""

    @contextmanager
    def undisturbed() -> Iterator[None]:
        with (
            replacements.suspended(),
            unset_fake_temporarily(),
            torch._C.DisableTorchFunction(),
        ):
            yield

    return undisturbed


@contextmanager
def _silent_log() -> Iterator[None]:
    """torch logs every error that it raises on shapes."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
