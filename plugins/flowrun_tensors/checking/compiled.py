"""Functions and modules that torch compiles, traces or scripts: here they run as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowrun import NeedsDataError
from flowrun_tensors.lazy_torch import torch


class _Module(torch.nn.Module):
    """A scripted or traced module, which has what the module has."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.__dict__.update(module.__dict__)
        self.__dict__["_plain"] = module

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        return self.__dict__["_plain"].forward(*arguments, **keywords)

    def __getattr__(self, name: str) -> Any:
        plain = self.__dict__["_plain"]
        if hasattr(plain, name):
            return getattr(plain, name)
        raise NeedsDataError(f"it takes `.{name}` of a compiled module, which a check has not")


class _Function:
    """A scripted or traced function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._plain = function

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._plain(*arguments, **keywords)

    def __getattr__(self, name: str) -> Any:
        raise NeedsDataError(f"it takes `.{name}` of a compiled function, which a check has not")


def compiled(model: Any = None, **keywords: Any) -> Any:
    """Replaces `torch.compile`."""
    return (lambda function: function) if model is None else model


def scripted_with(real: Callable[..., Any]) -> Callable[..., Any]:
    """A function that replaces `torch.jit.script`, except for what torch's own modules script."""

    def scripted(obj: Any, *arguments: Any, **keywords: Any) -> Any:
        if str(getattr(obj, "__module__", "")).partition(".")[0] == "torch":
            return real(obj, *arguments, **keywords)
        return _as_compiled(obj)

    return scripted


def traced(func: Any, example_inputs: Any = None, *arguments: Any, **keywords: Any) -> Any:
    """Replaces `torch.jit.trace`, which calls the function once."""
    named = keywords.get("example_kwarg_inputs")
    if named is not None:
        func(**named)
    elif isinstance(example_inputs, (tuple, list)):
        func(*example_inputs)
    elif example_inputs is not None:
        func(example_inputs)
    return _as_compiled(func)


def _as_compiled(value: Any) -> Any:
    if isinstance(value, torch.nn.Module):
        return _Module(value)
    return value if isinstance(value, type) or not callable(value) else _Function(value)
