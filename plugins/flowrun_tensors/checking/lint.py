"""Warnings about operations that succeed but are probably mistakes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from torch.utils.weak import WeakIdKeyDictionary

from flowrun import Diagnosis
from flowrun_tensors.checking.operands import (
    BROADCASTING,
    call_text,
    function_name,
    is_reversed,
    plain_name,
    tensors_in,
)
from flowrun_tensors.lazy_torch import torch

_HERE = Path(__file__).parent
_EXPRESSIONS = _HERE.parent / "expressions"
# Files of torch between a call and the code that makes it: losses as modules, default devices.
_BETWEEN = ("module.py", "loss.py", "overrides.py", "functional.py", "_device.py")
_LOSSES = frozenset(
    "mse_loss l1_loss smooth_l1_loss huber_loss soft_margin_loss poisson_nll_loss kl_div "
    "gaussian_nll_loss".split()
)
_RESHAPING = ("reshape", "view", "flatten", "squeeze", "ravel", "clone", "detach", "to", "float")
_JOINS = ("cat", "concat", "concatenate", "stack", "hstack", "vstack", "column_stack", "row_stack")


class Lint:
    """Checks every call of a step's code; `found` has each warning once per place."""

    def __init__(self) -> None:
        self.found: list[Diagnosis] = []
        # Some outer products are intended: `x[:, None] - y`, or of a tensor with itself.
        self._meant = WeakIdKeyDictionary()  # columns made of vectors by `unsqueeze` or None
        self._origins = WeakIdKeyDictionary()  # the tensor that one was computed from, if only one
        self._torch = Path(torch.__file__ or "").parent

    def look(
        self, function: Any, args: Sequence[Any], keywords: Mapping[str, Any], result: Any
    ) -> None:
        """Check a call that has succeeded."""
        name = str(getattr(function, "__name__", ""))
        if _is_column(result) and self._is_meant(name, args):
            self._meant[result] = True
        plain = plain_name(function)
        if name in _RESHAPING or plain in BROADCASTING:
            self._note_origin(args, result)
        if name in ("__setitem__", "copy_"):
            self._look_at_writing(function, args, keywords)
            return
        if name in _JOINS:
            self._look_at_dtypes(function, args, keywords, result)
            return
        if plain not in BROADCASTING and plain not in _LOSSES:
            return
        operands = [*args, *keywords.values()]
        tensors = [value for value in operands if isinstance(value, torch.Tensor)]
        if len(tensors) < 2:
            return
        first, second = tensors[-2:] if plain == "where" else tensors[:2]
        if is_reversed(function):
            first, second = second, first
        call = call_text(function, args, keywords)
        if plain in _LOSSES:
            self._look_at_loss(function, call, first, second)
        else:
            self._look_at_shapes(function, call, first, second, result)
        self._look_at_dtypes(function, args, keywords, result)

    def _is_meant(self, name: str, args: Sequence[Any]) -> bool:
        """Whether a call makes a column of a vector on purpose, or takes such a column."""
        if name == "unsqueeze":
            return True
        if name == "__getitem__":
            parts = args[1] if isinstance(args[1], tuple) else (args[1],)
            return any(part is None for part in parts)
        return any(isinstance(arg, torch.Tensor) and arg in self._meant for arg in args)

    def _note_origin(self, args: Sequence[Any], result: Any) -> None:
        """Remember the tensor that a result was computed from, if there is only one."""
        origins = {
            id(origin): origin
            for origin in (self._origin(arg) for arg in args if isinstance(arg, torch.Tensor))
        }
        if len(origins) == 1 and isinstance(result, torch.Tensor):
            self._origins[result] = next(iter(origins.values()))

    def _origin(self, tensor: torch.Tensor) -> object:
        return self._origins.setdefault(tensor, object())

    def _look_at_loss(
        self, function: Any, call: str, output: torch.Tensor, target: torch.Tensor
    ) -> None:
        if output.shape == target.shape:
            return
        common = tuple(torch.broadcast_shapes(output.shape, target.shape))
        self._warn(
            f"`{function_name(function)}` broadcasts {tuple(output.shape)} and "
            f"{tuple(target.shape)} against each other, to {common}",
            call,
            _fix(output, target) or "give both the same shape",
        )

    def _look_at_shapes(
        self, function: Any, call: str, first: torch.Tensor, second: torch.Tensor, result: Any
    ) -> None:
        column, row = (first, second) if first.dim() > second.dim() else (second, first)
        if not (_is_column(column) and row.dim() == 1 and column.shape[0] == row.shape[0] > 1):
            return
        if column in self._meant or self._origin(column) is self._origin(row):
            return
        size = row.shape[0]
        self._warn(
            f"`{function_name(function)}` of {tuple(first.shape)} and {tuple(second.shape)} "
            f"gives {(size, size)}: every row of one against every row of the other",
            call,
            _fix(column, row),
        )

    def _look_at_dtypes(
        self, function: Any, args: Sequence[Any], keywords: Mapping[str, Any], result: Any
    ) -> None:
        if not isinstance(result, torch.Tensor) or result.dtype is not torch.float64:
            return
        operands = tensors_in([*args, *keywords.values()])
        if {tensor.dtype for tensor in operands if tensor.dim()} == {torch.float32, torch.float64}:
            self._warn(
                f"`{function_name(function)}` of float32 and float64 gives float64, "
                "and so does everything computed from it",
                call_text(function, args, keywords),
                "cast the float64 side: `.to(torch.float32)`, or a step `cast`",
            )

    def _look_at_writing(
        self, function: Any, args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> None:
        written, value = args[0], args[-1]
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            return
        if not (written.is_floating_point() or written.is_complex()):
            dtype = str(written.dtype).removeprefix("torch.")
            self._warn(
                f"floating-point numbers are written into {dtype}, which truncates them",
                call_text(function, args, keywords),
                f"make the tensor of {dtype} a floating-point one, or round first",
            )

    def _warn(self, message: str, call: str, hint: str | None) -> None:
        is_own, place = self._place()
        if is_own:
            known = [(one.message, one.place) for one in self.found]
            if (message, place) not in known:
                self.found.append(Diagnosis("warning", message, call, hint, place))

    def _place(self) -> tuple[bool, tuple[str, int] | None]:
        """Whether the step's own code made the call, itself or by a module of torch.nn; its place.

        The place is None if an expression of the recipe made the call.
        """
        frame: FrameType | None = sys._getframe(1)
        is_direct = True
        while frame is not None:
            file = Path(frame.f_code.co_filename)
            if file.parent != _HERE:
                if self._torch not in file.parents:
                    is_shown = file.parent != _EXPRESSIONS
                    return is_direct, (str(file), frame.f_lineno) if is_shown else None
                if file.name not in _BETWEEN:
                    is_direct = False
            frame = frame.f_back
        return False, None


def _is_column(tensor: Any) -> bool:
    return isinstance(tensor, torch.Tensor) and len(tensor.shape) == 2 and tensor.shape[1] == 1


def _fix(first: torch.Tensor, second: torch.Tensor) -> str | None:
    for column, row in ((first, second), (second, first)):
        if _is_column(column) and row.dim() == 1 and row.shape[0] == column.shape[0]:
            return "make a column of the vector, `y.unsqueeze(1)`, or a vector of the column"
    return None
