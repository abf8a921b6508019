"""Elements that a check knows: whole numbers written in the code, or computed only from these.

They decide whether an index is in range, and the shape of a result chosen by a mask or lengths.
Each known tensor has a real one, always on the CPU, and operations on known tensors are done with
the real ones as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch.utils._pytree import tree_map
from torch.utils.weak import WeakIdKeyDictionary

from flowrun import NeedsDataError
from flowrun_tensors.checking.operands import tensors_in
from flowrun_tensors.lazy_torch import torch

_MOST_KNOWN = 2**16  # elements of one tensor
_MOST_ASKED = 2**22  # elements that an operation makes or writes, to try whether it succeeds
_MAKERS = frozenset("arange eye full ones tril_indices triu_indices zeros".split())
# Operations whose result has a shape that only some operands decide; the functions return these.
_DECIDING: dict[str, Callable[..., Any]] = {
    "_ctc_loss": lambda losses, targets, lengths, target_lengths, *rest: (lengths, target_lengths),
    "_pack_padded_sequence": lambda rows, lengths, *rest: lengths,
    "index": lambda tensor, indices: [one for one in indices if one is not None and _is_mask(one)],
    "masked_select": lambda tensor, mask: mask,
}
_CHOOSING = frozenset("nonzero nonzero_numpy argwhere count_nonzero".split())  # what is not zero
_OF_LENGTHS = ("_pack_padded_sequence",)
_INDICES = frozenset("index indices target".split())  # names of arguments that must be in range
_OUT_OF_RANGE = re.compile(r"out of range|out of (\w+ )?bounds|found index")


class KnownValues:
    """The tensors of one check whose elements are known.

    All methods are called inside `ShapesMode.__torch_dispatch__`, where operations on real tensors
    are real.

    way: in which of several ways unknown elements are made up; None if they are not. What follows
        from made-up elements is known in that way alone.
    """

    def __init__(self) -> None:
        self.way: int | None = None
        # The real tensor, the version of the fake one, which a change in place raises, and the way
        # in which the elements are made up, or None.
        self._known = WeakIdKeyDictionary()

    def of(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """The real tensor with the same elements; None if they are not known."""
        if tensor in self._known:
            real, version, way = self._known[tensor]
            is_current = tensor._version == version and way in (None, self.way)
            return real if is_current else None
        return None

    def is_made_up(self, tensor: torch.Tensor) -> bool:
        """Whether the elements are not known, or follow from others that are made up."""
        if self._real(tensor) is None:
            return True
        return tensor in self._known and self._known[tensor][2] is not None

    def real_or_same(self, value: Any) -> Any:
        """The real tensor of a known one; anything else unchanged."""
        real = self.of(value) if isinstance(value, torch.Tensor) else None
        return value if real is None else real

    def hold(self, tensor: torch.Tensor, real: torch.Tensor, way: int | None = None) -> None:
        """Remember the elements of a tensor, if they are few whole numbers.

        way: in which they are made up; None if they are not.
        """
        if _can_be_known(tensor):
            self._known[tensor] = (real, tensor._version, way)

    def note(
        self, operation: Any, args: tuple[Any, ...], keywords: Mapping[str, Any], result: Any
    ) -> None:
        """Remember the elements of an operation's result, if they follow from known ones."""
        results = list(tensors_in(result))
        operands = list(tensors_in((args, keywords)))
        if self.way is not None and any(map(self.is_made_up, operands)):
            self._note_made_up(self.way, operation, args, keywords, results)
            return
        if not results or not all(_can_be_known(tensor) for tensor in results):
            return
        if not operands and operation._overloadpacket.__name__ not in _MAKERS:
            return
        if operation._schema.is_mutable or not self._all_known(operation, operands):
            return
        real = self._computed(operation, args, keywords, self._real)
        for tensor, its_real in zip(results, tensors_in(real), strict=True):
            self.hold(tensor, its_real)

    def _note_made_up(
        self,
        way: int,
        operation: Any,
        args: tuple[Any, ...],
        keywords: Mapping[str, Any],
        results: list[torch.Tensor],
    ) -> None:
        """Remember the whole numbers that follow from made-up elements, so that they agree.

        A single truth value is not remembered: the way decides by it as by other numbers.
        """
        held = [_can_be_known(one) and one.numel() > 0 and not _is_decision(one) for one in results]
        if not any(held):
            return
        try:
            real = list(tensors_in(self.assumed(operation, args, keywords, way)))
        except (RuntimeError, IndexError, NotImplementedError, NeedsDataError):
            return
        is_of_floats = any(one.is_floating_point() for one in tensors_in((args, keywords)))
        for tensor, its_real, is_held in zip(results, real, held, strict=False):
            if is_held and its_real.shape == tensor.shape:
                if way == 0 and is_of_floats and _is_constant_mask(its_real):
                    its_real = made_up(tensor, way)  # other data may fall on both sides
                self.hold(tensor, its_real, way)

    def result(
        self, operation: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> tuple[Any, bool] | None:
        """The real result of an operation if known elements decide its shape; otherwise None.

        Also returns whether its whole numbers are known. Its other elements have no meaning.
        """
        operands = list(tensors_in((args, keywords)))
        if operation._schema.is_mutable:
            return None
        if self._all_known(operation, operands):
            return self._computed(operation, args, keywords, self._real), True
        deciding = _DECIDING.get(operation._overloadpacket.__name__)
        unknown = [tensor for tensor in operands if self._real(tensor) is None]
        if deciding is None or sum(tensor.numel() for tensor in unknown) > _MOST_ASKED:
            return None
        if any(self._real(tensor) is None for tensor in tensors_in(deciding(*args))):
            return None
        real = self._computed(operation, args, keywords, self._real_or_spread)
        return real, all(tensor.is_floating_point() for tensor in unknown)

    def assumed(
        self, operation: Any, args: tuple[Any, ...], keywords: Mapping[str, Any], way: int
    ) -> Any:
        """The real result of an operation whose shape depends on data made up in one way.

        Returns None if it writes to its operands, or if they are large.
        """
        sizes = (tensor.numel() for tensor in tensors_in((args, keywords)))
        if operation._schema.is_mutable or sum(sizes) > _MOST_ASKED:
            return None
        name = operation._overloadpacket.__name__

        def real(tensor: torch.Tensor) -> torch.Tensor:
            known = self._real(tensor)
            return made_up(tensor, way, name) if known is None else known

        with _drawing(way):
            try:
                return self._computed(operation, args, keywords, real)
            except (RuntimeError, IndexError) as error:
                raise NeedsDataError(f"whether `{name}` succeeds depends on the data") from error

    def check_indices(
        self, operation: Any, args: tuple[Any, ...], keywords: Mapping[str, Any], result: Any
    ) -> None:
        """Raise the kernel's error if a known index is out of range."""
        names = {argument.name for argument in operation._schema.arguments}
        operands = list(tensors_in((args, keywords)))
        known = [tensor for tensor in operands if not self.is_made_up(tensor)]
        if not names & _INDICES or not known:
            return
        if sum(tensor.numel() for tensor in tensors_in(result)) > _MOST_ASKED:
            return
        try:
            spread = self._real_or_filled if operation._schema.is_mutable else self._real_or_spread
            if self.way is not None:
                spread = self._without_made_up(spread)
            self._computed(operation, args, keywords, spread)
        except (RuntimeError, IndexError) as error:
            if _OUT_OF_RANGE.search(str(error)):
                raise

    def _all_known(self, operation: Any, operands: list[torch.Tensor]) -> bool:
        is_random = torch.Tag.nondeterministic_seeded in operation.tags
        return not is_random and all(self._real(tensor) is not None for tensor in operands)

    def _computed(
        self,
        operation: Any,
        args: tuple[Any, ...],
        keywords: Mapping[str, Any],
        real: Callable[[torch.Tensor], torch.Tensor | None],
    ) -> Any:
        """The result of an operation for real operands on the CPU."""

        def on_cpu(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                return real(value)
            return torch.device("cpu") if isinstance(value, torch.device) else value

        arguments, named = tree_map(on_cpu, (args, dict(keywords)))
        with torch.no_grad():
            return operation(*arguments, **named)

    def _real(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """The known elements of an operand: a known fake tensor, or a small real one."""
        if type(tensor) is torch.Tensor:
            is_small = tensor.device.type == "cpu" and _can_be_known(tensor)
            return tensor if is_small else None
        return self.of(tensor)

    def _without_made_up(
        self, real: Callable[[torch.Tensor], torch.Tensor]
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        """The function that gives zeros in place of what is made up: they are always in range."""
        return lambda one: (
            torch.zeros(one.shape, dtype=one.dtype) if self.is_made_up(one) else real(one)
        )

    def _real_or_spread(self, tensor: torch.Tensor) -> torch.Tensor:
        """The known elements, or zeros that share one element."""
        real = self._real(tensor)
        return torch.zeros((), dtype=tensor.dtype).expand(tensor.shape) if real is None else real

    def _real_or_filled(self, tensor: torch.Tensor) -> torch.Tensor:
        """A copy of the known elements, or zeros, that an operation in place may write to."""
        real = self._real(tensor)
        return torch.zeros(tensor.shape, dtype=tensor.dtype) if real is None else real.clone()


def made_up(tensor: torch.Tensor, way: int, operation: str = "") -> torch.Tensor:
    """Elements for a tensor, which have other signs, sums and counts of zeros in each way.

    Whole numbers are 0 and 1, which are indices of nearly everything, and descend; if an operation
    takes lengths, 1 and 2.
    """
    count = tensor.numel()
    positions = torch.arange(count)
    chosen = (positions % 2 == 0, positions % 3 == 1, positions >= 0)[way]
    if tensor.dtype is torch.bool or operation in _CHOOSING:
        elements = chosen
    elif tensor.is_floating_point() or tensor.is_complex():
        generator = torch.Generator().manual_seed(way)
        sign = (1 - positions % 4, -1, 1)[way]
        elements = torch.rand(count, generator=generator) * chosen * sign
    else:
        ones = (count, 0, (count + 1) // 2)[way]
        elements = (positions < ones).long() + (operation in _OF_LENGTHS)
    return elements.to(tensor.dtype).reshape(tensor.shape)


def _is_constant_mask(real: torch.Tensor) -> bool:
    return _is_mask(real) and bool((real == real.flatten()[0]).all())


def _is_decision(tensor: torch.Tensor) -> bool:
    return tensor.dtype is torch.bool and tensor.numel() == 1


@contextmanager
def _drawing(way: int) -> Iterator[None]:
    """Inside, random numbers are those of a way; the generators are left as they were."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(way)
        yield


def _is_mask(tensor: torch.Tensor) -> bool:
    return tensor.dtype in (torch.bool, torch.uint8)


def _can_be_known(tensor: torch.Tensor) -> bool:
    if tensor.is_floating_point() or tensor.is_complex() or tensor.layout is not torch.strided:
        return False
    return tensor.numel() <= _MOST_KNOWN and not tensor.is_inference()  # it has no version
