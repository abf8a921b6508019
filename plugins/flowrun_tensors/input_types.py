"""What to do if a step fails because of the type of an input: no tensor, or a sparse one."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flowrun import Call, FlowrunError, Unknown
from flowrun_tensors.lazy_torch import torch

_NO_KERNEL = re.compile(r"Could not run 'aten::(\w+)")


@contextmanager
def explain_type_errors(call: Call) -> Iterator[None]:
    """Say which input is the cause if the step fails by its type, and how to convert it.

    Only if it fails: a step of one's own may take whatever has the right methods.
    """
    try:
        yield
    except (AttributeError, TypeError) as error:
        for name, value in _no_tensors(call):
            if type(value).__name__ in str(error):
                raise FlowrunError(_converted(name, value)) from error
        raise
    except (NotImplementedError, RuntimeError) as error:
        sparse = None if call.on_shapes else next(_sparse(call), None)
        if sparse is None or "sparse" not in str(error).lower():
            raise
        name, layout = sparse
        found = _NO_KERNEL.search(str(error))
        reason = f"torch has no `{found[1]}` for it" if found else str(error).partition("\n")[0]
        message = f"`{name}` is {layout}: {reason}\nmake it dense first: `{name}.to_dense()`"
        raise _with_message(error, message) from None


def _with_message(error: Exception, message: str) -> Exception:
    """The error with another message, of the same type if that can be made of a message alone.

    The type is what torch or the step raised: the report names it, and code that looks at the cause
    of a StepError tells by it what happened. The traceback leads to the step's line.
    """
    try:
        replaced = type(error)(message)
    except Exception:  # a constructor of its own, which may do anything
        replaced = RuntimeError(message)
    return replaced.with_traceback(error.__traceback__)


def _no_tensors(call: Call) -> Iterator[tuple[str, Any]]:
    """The inputs that the step annotates as tensors, and that are something else."""
    annotations = call.step.step.function.__annotations__
    for name, value in call.inputs.items():
        if "Tensor" not in str(annotations.get(name)) or isinstance(value, Unknown):
            continue
        is_tensor = "torch" in sys.modules and isinstance(value, torch.Tensor)
        if value is not None and not is_tensor:
            yield name, value


def _converted(name: str, value: Any) -> str:
    kind = f"{type(value).__module__}.{type(value).__name__}".removeprefix("builtins.")
    how = f"torch.tensor({name})"
    if kind == "numpy.ndarray":
        native = "" if value.dtype.isnative else f".astype({value.dtype.newbyteorder('=').name!r})"
        how = f"torch.from_numpy({name}{native})"
    elif hasattr(value, "toarray"):
        how = f"torch.from_numpy({name}.toarray())"
    elif hasattr(value, "to_numpy"):
        how = f"torch.from_numpy({name}.to_numpy())"
    return f"`{name}` is a {kind}, and the step takes a tensor\nconvert it first: `{how}`"


def _sparse(call: Call) -> Iterator[tuple[str, str]]:
    """The inputs that are sparse tensors, with their layouts."""
    for name, value in {**call.inputs, **(call.named or {})}.items():
        if "torch" in sys.modules and isinstance(value, torch.Tensor):
            layout = str(value.layout).removeprefix("torch.")
            if layout.startswith("sparse"):
                yield name, layout
