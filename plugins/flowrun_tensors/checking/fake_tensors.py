"""Runs operations on tensors without data: on shapes, dtypes and devices; counts memory and FLOP.

All uses of torch's private fake tensors by the check are in this file. Tested with torch 2.13;
`make oldest` tests the oldest torch that setup.cfg allows. It relies on:

- `FakeTensorMode.__torch_dispatch__`, its attributes `allow_meta`, `allow_fallback_kernels`,
  `_allow_unsafe_data_ptr_access` and `avoid_device_init`, and the exceptions that it raises;
- `FakeTensor.constant`: the real tensor of a fake one whose elements are written in the code;
- `unset_fake_temporarily` and `DisableTorchFunction`: torch as outside of a check;
- `_get_mkldnn_enabled` and its setter;
- `_overloadpacket` and `_schema` of operations, `_cdata` of storages, which identifies a storage.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
    unset_fake_temporarily,
)
from torch.utils._pytree import tree_map_only

from flowrun import NeedsDataError
from flowrun_tensors.checking.device_args import DeviceNames
from flowrun_tensors.checking.kernel_rules import KernelRules
from flowrun_tensors.checking.known_values import KnownValues, made_up
from flowrun_tensors.checking.operands import tensors_in
from flowrun_tensors.lazy_torch import torch

__all__ = [
    "DataDependentOutputException", "DynamicOutputShapeException", "FakeTensor", "OperationCount",
    "ShapesMode", "TensorMemory", "UnsupportedFakeTensorException", "UnsupportedOperatorException",
    "assumed_data", "is_made_up", "known_data", "ordinary_torch", "silent_log",
    "unset_fake_temporarily", "without_onednn",
]  # fmt: skip

MOST_OPERATIONS = 100_000  # of one step; a check follows no more
_MOST_ASSUMED = 2**24  # elements of a tensor that are made up
_SMALL = 2**24  # bytes of operands; up to this, torch may run an operation that it has no rule for


class TensorMemory:
    """Counts the bytes of the storages that are alive, by the name of their device.

    Views and operations in place share the storage of another tensor and add nothing. The tensors
    that autograd saves for the backward pass are alive as long as its graph. Memory that a kernel
    only uses while it computes is not seen.
    """

    def __init__(self) -> None:
        self.live: dict[str, int] = {}
        self.peak: dict[str, int] = {}
        self._seen: dict[int, weakref.ref[Any]] = {}
        self._in_file = False

    def begin(self) -> None:
        """Start the peak from the bytes that are alive now."""
        self.peak = dict(self.live)

    @contextmanager
    def in_file(self) -> Iterator[None]:
        """Do not count tensors made inside."""
        before, self._in_file = self._in_file, True
        try:
            yield
        finally:
            self._in_file = before

    def note(self, result: Any) -> None:
        """Count the tensors that an operation returned."""
        for tensor in tensors_in(result):
            if tensor.layout is torch.strided:
                self._note_storage(tensor.untyped_storage(), str(tensor.device))

    def _note_storage(self, storage: torch.UntypedStorage, device: str) -> None:
        key = storage._cdata
        if key in self._seen:
            return
        size = 0 if self._in_file or device == "meta" else storage.nbytes()

        def freed(_: object) -> None:
            if self._seen.pop(key, None) is not None:
                self.live[device] -= size

        self._seen[key] = weakref.ref(storage, freed)
        self.live[device] = self.live.get(device, 0) + size
        self.peak[device] = max(self.peak.get(device, 0), self.live[device])


class OperationCount:
    """Counts floating-point operations by the formulas of torch.utils.flop_counter.

    These count the multiplications and additions of products, convolutions and attention. Functions
    of single elements count nothing, as in torch's own counter.
    """

    def __init__(self) -> None:
        from torch.utils.flop_counter import flop_registry

        self._formulas = flop_registry
        self._times = 1
        self.total = 0

    @contextmanager
    def repeated(self, times: int) -> Iterator[None]:
        """Count each operation inside `times` times."""
        before, self._times = self._times, self._times * times
        try:
            yield
        finally:
            self._times = before

    def has_formula(self, operation: Any) -> bool:
        """Whether an operation is counted."""
        return getattr(operation, "_overloadpacket", None) in self._formulas

    def note(
        self, operation: Any, args: tuple[Any, ...], keywords: Mapping[str, Any], result: Any
    ) -> None:
        """Count one operation that has a formula."""
        formula = self._formulas[operation._overloadpacket]
        self.total += self._times * int(formula(*args, **keywords, out_val=result))


class ShapesMode(FakeTensorMode):
    """Runs every operation on shapes, dtypes and devices alone.

    depth: how many operations are running, each inside another. If it is above 0, torch's own code
        asks tensors for their device and must see the stand-in of an absent one.
    operations: how many operations the step has run so far.
    known: the tensors whose elements are known.
    number: the value to return if torch reads a number of the data only to warn about it; None if
        reading data must fail.
    """

    def __init__(self, names: DeviceNames, memory: TensorMemory, count: OperationCount) -> None:
        super().__init__(allow_non_fake_inputs=True)
        self.allow_meta = True
        self._allow_unsafe_data_ptr_access = False  # torch writes to some of these addresses
        self.depth = 0
        self.operations = 0
        self.number: float | None = None
        self._names = names
        self._memory = memory
        self._count = count
        self._is_counted = False
        self._rules = KernelRules()
        self.known = KnownValues()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled in a check

    @property
    def avoid_device_init(self) -> bool:
        """Whether tensors of Python numbers are made on the CPU first, then moved."""
        return self._names.has_absent or bool(super().avoid_device_init)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        args = tuple(self._stand_in(value) for value in args)
        kwargs = {name: self._stand_in(value) for name, value in (kwargs or {}).items()}
        self.depth += 1
        counted_before = self._is_counted
        counts = not counted_before and self._count.has_formula(func)
        try:
            dtypes = None
            if self.depth == 1:
                self._follow()
                dtypes = self._rules.check(func, args, kwargs)
            self._is_counted = counted_before or counts
            result = self._result(func, types, args, kwargs)
            if dtypes is not None:
                result = self._with_dtypes(result, dtypes)
            if counts and result is not NotImplemented:
                self._count.note(func, args, kwargs, result)
        finally:
            self.depth -= 1
            self._is_counted = counted_before
        if self.depth == 0:
            self._memory.note(result)
            self.known.note(func, args, kwargs, result)
            self.known.check_indices(func, args, kwargs, result)
        return result

    def _stand_in(self, value: Any) -> Any:
        return self._names.raw(value) if isinstance(value, torch.device) else value

    def _follow(self) -> None:
        self.operations += 1
        # So the three ways together follow fewer operations than one call may.
        most = MOST_OPERATIONS if self.known.way is None else MOST_OPERATIONS // 4
        if self.operations > most:
            raise NeedsDataError(
                f"its loop has run {most:,} operations, more than a check follows\n"
                "give the step a function on shapes (`@name.on_shapes`)"
            )

    def _result(
        self, func: Any, types: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        if self.number is not None and func is torch.ops.aten._local_scalar_dense.default:
            return self.number
        rule = self._rules.shapes.get(func)
        if rule is not None:
            with self:
                result = rule(*args, **kwargs)
            if result is not NotImplemented:
                return result
        if self.depth > 1:
            return super().__torch_dispatch__(func, types, args, kwargs)
        sizes = (tensor.numel() * tensor.element_size() for tensor in tensors_in((args, kwargs)))
        self.allow_fallback_kernels = sum(sizes) <= _SMALL
        try:
            return super().__torch_dispatch__(func, types, args, kwargs)
        except UnsupportedOperatorException:
            return self._result_on_cpu(func, args, kwargs)
        except (DataDependentOutputException, DynamicOutputShapeException):
            found = self.known.result(func, args, kwargs)
            if found is not None:
                return self._of_real(*found, _device_of((args, kwargs)))
            way = self.known.way
            assumed = None if way is None else self.known.assumed(func, args, kwargs, way)
            if assumed is None:
                raise
            return self._of_real(assumed, True, _device_of((args, kwargs)), way)
        except (NeedsDataError, UnsupportedFakeTensorException):
            raise
        except Exception as error:
            if "Could not run" in str(error):
                return self._result_on_cpu(func, args, kwargs)
            real = self._rules.second_opinion(func, args, kwargs)
            if real is None:
                raise
            return self._of_real(real, False, _device_of((args, kwargs)))

    def _with_dtypes(self, result: Any, dtypes: tuple[torch.dtype, ...]) -> Any:
        """A result of torch's rules, cast to the dtypes of the kernel's result."""
        tensors = list(tensors_in(result))
        pairs = zip(tensors, dtypes, strict=False)
        if len(tensors) != len(dtypes) or all(tensor.dtype is dtype for tensor, dtype in pairs):
            return result
        by_tensor = {id(tensor): dtype for tensor, dtype in zip(tensors, dtypes, strict=True)}
        with self:
            return tree_map_only(FakeTensor, lambda one: one.to(by_tensor[id(one)]), result)

    def _of_real(
        self, result: Any, is_known: bool, device: torch.device, way: int | None = None
    ) -> Any:
        """A real result as fake tensors on a device.

        is_known: if its whole numbers are known. way: in which they are made up, or None.
        """

        def on_shapes(real: torch.Tensor) -> torch.Tensor:
            with self:
                fake: torch.Tensor = self.from_tensor(real.clone()).to(device)
            if is_known:
                self.known.hold(fake, real, way)
            return fake

        return tree_map_only(torch.Tensor, on_shapes, result)

    def _result_on_cpu(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """The result of an operation without a rule for shapes, by the CPU's rules, then moved.

        Raises UnsupportedOperatorException if the operands are not all on one absent device.
        """
        values = (args, dict(kwargs))
        devices = {tensor.device for tensor in tensors_in(values)}
        device = devices.pop() if len(devices) == 1 else None
        if device is None or not self._names.is_standin(device) or func._schema.is_mutable:
            raise UnsupportedOperatorException(func)
        with self:
            on_cpu, keywords = tree_map_only(FakeTensor, lambda tensor: tensor.cpu(), values)
            result = func(*on_cpu, **keywords)
            return tree_map_only(FakeTensor, lambda tensor: tensor.to(device), result)


def _device_of(operands: Any) -> torch.device:
    """The device of the first tensor among operands; the CPU if there is none."""
    first = next(tensors_in(operands), None)
    return torch.device("cpu") if first is None else first.device


def assumed_data(tensor: torch.Tensor, operation: str = "") -> torch.Tensor | None:
    """A real tensor in place of a fake one, if data is made up; None if it must not be read."""
    mode = tensor.fake_mode if isinstance(tensor, FakeTensor) else None
    way = mode.known.way if isinstance(mode, ShapesMode) else None
    if way is None or tensor.numel() > _MOST_ASSUMED:
        return None
    with ordinary_torch():
        return made_up(tensor, way, operation)


def is_made_up(tensor: torch.Tensor) -> bool:
    """Whether a check makes up the elements of a tensor now."""
    mode = tensor.fake_mode if isinstance(tensor, FakeTensor) else None
    return (
        isinstance(mode, ShapesMode)
        and mode.known.way is not None
        and tensor.constant is None
        and mode.known.is_made_up(tensor)
    )


def known_data(tensor: torch.Tensor) -> torch.Tensor | None:
    """The real tensor with the same elements; None if they are not known."""
    if not isinstance(tensor, FakeTensor):
        return tensor
    mode = tensor.fake_mode
    known = mode.known.of(tensor) if isinstance(mode, ShapesMode) else None
    return tensor.constant if known is None else known


@contextmanager
def ordinary_torch() -> Iterator[None]:
    """Inside, tensors are real, and no call of a function is intercepted."""
    with unset_fake_temporarily(), torch._C.DisableTorchFunction():
        yield


@contextmanager
def without_onednn() -> Iterator[None]:
    """Inside, oneDNN is off, whose layers would hide their operands and FLOP from ShapesMode."""
    # torch.backends.mkldnn.flags would set precisions too, and its attribute can be locked.
    before = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(before)


@contextmanager
def silent_log() -> Iterator[None]:
    """Inside, torch does not log the errors that it raises on shapes."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
