"""Every call of a function of torch that a step's code makes, seen before torch sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flowrun import NeedsDataError, Unknown
from flowrun_tensors.checking import places, readings
from flowrun_tensors.checking.device_names import DeviceNames
from flowrun_tensors.checking.dispatching import ShapesMode
from flowrun_tensors.checking.elementwise import WITH_NUMBERS, plain_name
from flowrun_tensors.checking.indices import with_known_lists
from flowrun_tensors.checking.operands import call_text, function_name
from flowrun_tensors.checking.suspicions import Suspicions
from flowrun_tensors.lazy_torch import torch

# Which look at a number of the data to warn of it, and go on all the same.
_ASKING_IN_VAIN = ("cov", "corrcoef")


class Calls(torch.overrides.TorchFunctionMode):
    """Gives torch the devices that stand for absent ones, and numbers for unknown ones.

    failed: the last error that came of a call, and the call in words. While a call is under way
    torch's own code is not seen.
    """

    def __init__(self, names: DeviceNames, suspicions: Suspicions, shapes: ShapesMode) -> None:
        super().__init__()
        self._shapes = shapes
        self.failed: tuple[Exception, str] | None = None
        self._names = names
        self._suspicions = suspicions
        self._handlers = {**readings.handlers(), **places.handlers(names)}

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
            arguments, keywords = self._as_torch_takes(func, args, keywords)
            if getattr(func, "__name__", "") in _ASKING_IN_VAIN:
                self._shapes.number = 1.0
            result = func(*arguments, **keywords)
        except Exception as error:
            if self.failed is None or self.failed[0] is not error:
                self.failed = (error, call_text(func, args, kwargs or {}))
            raise
        finally:
            self._shapes.number = None
        self._suspicions.look(func, args, keywords, result)
        return result

    def _as_torch_takes(
        self, func: Any, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if _holds_unknown(args) or _holds_unknown(tuple(keywords.values())):
            name = plain_name(str(getattr(func, "__name__", "")))
            sizes = [args[:1], keywords.get("size")] if name in ("full", "new_full") else ()
            if name not in WITH_NUMBERS or any(_holds_unknown(size) for size in sizes):
                raise NeedsDataError(
                    f"it gives `{function_name(func)}` a number that is known only in a run"
                )
            args = readings.like(args)
            keywords = {name: readings.like(value) for name, value in keywords.items()}
        args = with_known_lists(func, args)
        return places.stood_for(self._names, func, args, keywords)


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_holds_unknown(item) for item in value)
    return isinstance(value, Unknown)
