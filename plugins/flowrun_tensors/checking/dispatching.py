"""torch's FakeTensorMode with absent devices, what it is laxer in than the kernels, and counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
)
from torch.utils._pytree import tree_map_only

from flowrun import NeedsDataError
from flowrun_tensors.checking.device_names import DeviceNames
from flowrun_tensors.checking.kernels import Kernels
from flowrun_tensors.checking.memory import TensorMemory
from flowrun_tensors.checking.operands import tensors_in
from flowrun_tensors.checking.operations import OperationCount
from flowrun_tensors.checking.rules import rules
from flowrun_tensors.checking.standin_device import BACKEND
from flowrun_tensors.checking.strictness import strict_checks
from flowrun_tensors.lazy_torch import torch

MOST_OPERATIONS = 100_000  # of one step that are followed
_SMALL = 2**24  # bytes of operands on which an operation without a rule for shapes is tried
# Whose kernels look at shapes and dtypes before they look at data.
_DATA_LAST = frozenset(
    "index index_put index_put_ masked_select nonzero _unique2 unique_dim unique_consecutive "
    "bincount allclose equal".split()
)


class RuleError(NotImplementedError):
    """torch's rule for shapes refuses what its kernel does."""


class ShapesMode(FakeTensorMode):
    """Runs every operation on shapes, dtypes and devices alone.

    depth: how many operations are under way, each inside the other: while there is one, torch's own
    code asks tensors for their device, and is to see what stands for an absent one. number: what
    torch is told where it asks for a number of the data that decides nothing; None where it may.
    """

    def __init__(self, names: DeviceNames, memory: TensorMemory, count: OperationCount) -> None:
        super().__init__(allow_non_fake_inputs=True)
        self.allow_meta = True
        self._allow_unsafe_data_ptr_access = False  # what some of torch writes there is no memory
        self.depth = 0
        self.taken = 0
        self.number: float | None = None
        self._names = names
        self._memory = memory
        self._count = count
        self._is_counted = False
        self._checks = strict_checks()
        self._kernels = Kernels()
        self._rules = rules()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled in a check

    @property
    def avoid_device_init(self) -> bool:
        """Whether tensors made of Python's numbers come to their device from the CPU."""
        return self._names.has_absent or bool(super().avoid_device_init)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        args = tuple(self._stood_for(value) for value in args)
        kwargs = {name: self._stood_for(value) for name, value in (kwargs or {}).items()}
        self.depth += 1
        counts_before = self._is_counted
        counts = not counts_before and self._count.counts(func)
        try:
            if self.depth == 1:
                self._follow(func, args, kwargs)
            self._is_counted = counts_before or counts
            result = self._dispatched(func, types, args, kwargs)
            if counts and result is not NotImplemented:
                self._count.note(func, args, kwargs, result)
        finally:
            self.depth -= 1
            self._is_counted = counts_before
        if self.depth == 0:
            self._memory.note(result)
        return result

    def _stood_for(self, value: Any) -> Any:
        return self._names.raw(value) if isinstance(value, torch.device) else value

    def _follow(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.taken += 1
        if self.taken > MOST_OPERATIONS:
            raise NeedsDataError(
                f"its loop has made {MOST_OPERATIONS:,} operations, more than a check follows\n"
                "give the step a function on shapes (`@name.on_shapes`)"
            )
        check = self._checks.get(func)
        if check is not None:
            check(*args, **kwargs)
        self._kernels.ask(func, args, kwargs)

    def _dispatched(
        self, func: Any, types: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        if self.number is not None and func is torch.ops.aten._local_scalar_dense.default:
            return self.number
        rule = self._rules.get(func)
        if rule is not None:
            with self:
                result = rule(*args, **kwargs)
            if result is not NotImplemented:
                return result
        if self.depth > 1:
            return super().__torch_dispatch__(func, types, args, kwargs)
        operands = list(tensors_in([*args, *kwargs.values()]))
        self.allow_fallback_kernels = sum(_size(tensor) for tensor in operands) <= _SMALL
        try:
            return super().__torch_dispatch__(func, types, args, kwargs)
        except (DataDependentOutputException, DynamicOutputShapeException):
            packet = getattr(func, "_overloadpacket", None)
            if getattr(packet, "__name__", "") in _DATA_LAST:
                self._refuse_as_kernel(func, args, kwargs)
            raise
        except UnsupportedOperatorException:
            return self._done_on_cpu(func, args, kwargs)
        except (NeedsDataError, UnsupportedFakeTensorException):
            raise
        except Exception as error:
            if "Could not run" in str(error):
                return self._done_on_cpu(func, args, kwargs)
            if self._refuse_as_kernel(func, args, kwargs) is False:
                raise RuleError(str(error)) from error
            raise

    def _done_on_cpu(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """What an operation that only kernels know gives, asked of the CPU's for an absent device.

        Raises UnsupportedOperatorException where that is no way to know.
        """
        values = (args, dict(kwargs))
        devices = {tensor.device for tensor in tensors_in(values)}
        device = devices.pop() if len(devices) == 1 else None
        if device is None or device.type != BACKEND or func._schema.is_mutable:
            raise UnsupportedOperatorException(func)
        with self:
            on_cpu, keywords = tree_map_only(FakeTensor, lambda tensor: tensor.cpu(), values)
            made = func(*on_cpu, **keywords)
            return tree_map_only(FakeTensor, lambda tensor: tensor.to(device), made)

    def _refuse_as_kernel(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> bool | None:
        """Raise what the kernel does; gives False where it does not, None where it is not asked."""
        failure = self._kernels.failure(func, args, kwargs)
        if isinstance(failure, Exception):
            raise failure
        return failure


def _size(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


__all__ = ["FakeTensor", "ShapesMode"]
