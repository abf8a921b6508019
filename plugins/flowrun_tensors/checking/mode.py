"""The mode of one check, and its handling of the calls of torch's functions in a step's code."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Self

from flowrun import Diagnosis, Watched
from flowrun_tensors.checking import data_access, device_args
from flowrun_tensors.checking.device_args import DeviceNames
from flowrun_tensors.checking.diagnosis import diagnose
from flowrun_tensors.checking.fake_backends import patch_backends
from flowrun_tensors.checking.fake_tensors import (
    OperationCount,
    ShapesMode,
    TensorMemory,
    ordinary_torch,
    silent_log,
    without_onednn,
)
from flowrun_tensors.checking.lint import Lint
from flowrun_tensors.checking.operands import call_text
from flowrun_tensors.checking.patches import (
    Replacements,
    patch_data_access,
    patch_device,
    patch_modules,
)
from flowrun_tensors.lazy_compiler import loading_in
from flowrun_tensors.lazy_torch import torch

# Functions that read a number of the data only to warn about it or refuse it; the number to return.
_READ_TO_WARN = {"cov": 1.0, "corrcoef": 1.0, "gaussian_nll_loss": 0.0}
# Functions that read the lengths of packed sequences.
_READ_LENGTHS = ("gru", "lstm", "rnn_relu", "rnn_tanh")


class ShapesCheck:
    """The mode of one check; flowrun.CheckMode describes its methods."""

    def __init__(self, devices: tuple[str, ...], present: Mapping[str, str]) -> None:
        self._present = present
        self._names = DeviceNames(devices, present)
        self._memory = TensorMemory()
        self._count = OperationCount()
        self._lint = Lint()
        self._shapes = ShapesMode(self._names, self._memory, self._count)
        self._calls = _Calls(self._names, self._lint, self._shapes)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            replacements = Replacements()
            stack.callback(replacements.restore)
            patch_data_access(replacements)
            patch_device(replacements, self._names)
            patch_backends(replacements, self._names)
            patch_modules(stack, replacements)

            @contextmanager
            def as_before() -> Iterator[None]:
                with replacements.suspended(), ordinary_torch():
                    yield

            stack.enter_context(loading_in(as_before))
            stack.enter_context(silent_log())
            # Autograd has one thread for each device, and none for the stand-in of absent ones.
            stack.enter_context(torch.autograd.set_multithreading_enabled(False))
            stack.enter_context(without_onednn())
            stack.enter_context(self._calls)
            stack.enter_context(self._shapes)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    @contextmanager
    def watching(self) -> Iterator[Watched]:
        """Watch the call of one step."""
        watched = Watched()
        self._calls.failed = None  # frees the tensors that its frames refer to
        self._memory.begin()
        self._count.total = 0
        self._lint.found = []
        self._shapes.operations = 0
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Using a target size")
                yield watched
        finally:
            watched.peak = {name: size for name, size in self._memory.peak.items() if size}
            watched.live = {name: size for name, size in self._memory.live.items() if size}
            watched.operations = self._count.total
            watched.warnings = self._lint.found

    def repeated(self, times: int) -> AbstractContextManager[None]:
        """Count each operation inside `times` times."""
        return self._count.repeated(times)

    def mapped(self) -> AbstractContextManager[None]:
        """Tensors made inside are in a file, and take no memory."""
        return self._memory.in_file()

    @contextmanager
    def assuming(self, way: int) -> Iterator[None]:
        """Make data up that a step looks at."""
        self._shapes.known.way = way
        try:
            yield
        finally:
            self._shapes.known.way = None

    def on_shapes(self, value: Any) -> Any:
        """A tensor without its data; anything else unchanged."""
        return self._shapes.from_tensor(value) if isinstance(value, torch.Tensor) else value

    def diagnose(self, error: Exception) -> Diagnosis:
        """The meaning of an exception of a step."""
        failed = self._calls.failed
        is_of_call = failed is not None and failed[0] is error
        operation = self._names.in_text(failed[1]) if failed and is_of_call else None
        return diagnose(error, operation, self._names)

    def memory(self, device: str) -> int | None:
        """The bytes that a device has; None if it is absent or its size is not known."""
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


class _Calls(torch.overrides.TorchFunctionMode):
    """Intercepts every call of a function of torch by a step's code.

    failed: the last error that a call raised, and the call as text. Calls that torch's own code
    makes inside another call are not seen.
    """

    def __init__(self, names: DeviceNames, lint: Lint, shapes: ShapesMode) -> None:
        super().__init__()
        self.failed: tuple[Exception, str] | None = None
        self._names = names
        self._lint = lint
        self._shapes = shapes
        self._handlers = {**data_access.handlers(), **device_args.handlers(names)}

    def __torch_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        keywords = dict(kwargs or {})
        try:
            handler = self._handlers.get(func)
            if handler is not None:
                return handler(func, args, keywords)
            known, keywords = data_access.with_known_numbers(func, args, keywords)
            arguments, keywords = device_args.with_standins(self._names, func, known, keywords)
            name = getattr(func, "__name__", "")
            self._shapes.number = _READ_TO_WARN.get(name)
            if name in _READ_LENGTHS:
                arguments = tuple(self._shapes.known.real_or_same(one) for one in arguments)
            result = func(*arguments, **keywords)
        except Exception as error:
            if self.failed is None or self.failed[0] is not error:
                self.failed = (error, call_text(func, args, kwargs or {}))
            raise
        finally:
            self._shapes.number = None
        self._lint.look(func, args, keywords, result)
        return result
