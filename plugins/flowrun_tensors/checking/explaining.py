"""What an exception of a step means in a check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
)

from flowrun import Explained, NeedsDataError
from flowrun_tensors.checking.device_names import DeviceNames
from flowrun_tensors.checking.dispatching import RuleError
from flowrun_tensors.checking.hints import hint_for
from flowrun_tensors.lazy_torch import torch

_LOOKS_AT_DATA = re.compile(
    "is not supported for tensor subclasses|data is not allocated yet|Cannot access data pointer|"
    r"\bUnknown\b|type numpy\.object_"  # of which an array of unknown numbers is
)
_UNSUPPORTED = (
    "Could not run 'aten::", "is not linked with support for", "without ATen_cuda", "NYI",
    "not compiled with", "not yet supported", "meta converter", "FakeTensorMode", "FakeTensor is",
)  # fmt: skip
# torch's own Python beneath its functions: an error of the kinds there is none of the step's.
_INTERNALS = (
    "_subclasses", "_dynamo", "_prims", "_prims_common", "_refs", "_decomp", "_inductor", "fx",
    "_functorch", "_higher_order_ops", "_library", "_dispatch", "_logging",
)  # fmt: skip
_OF_INTERNALS = (
    AssertionError, ImportError, KeyError, NameError, AttributeError, TypeError, RecursionError,
)  # fmt: skip
_PLAIN = (RuntimeError, IndexError, TypeError, ValueError, AttributeError)
# What torch before 2.13 says on shapes, and what it says in a run.
_TWO_DEVICES = re.compile(
    r"Unhandled FakeTensor Device Propagation for \S+, "
    r"found two different devices ([\w:]+), ([\w:]+)"
)
_OF_TWO_DEVICES = (
    r"Expected all tensors to be on the same device, but found at least two devices, \1 and \2!"
)
_WIDEST = 400  # letters of a message


def explained(error: Exception, operation: str | None, names: DeviceNames) -> Explained | None:
    """What an exception means; operation: the call that it came of, in words."""
    for one in _chain(error):
        if isinstance(one, NeedsDataError):
            return Explained("data", str(one))
        if isinstance(one, (DataDependentOutputException, DynamicOutputShapeException)):
            return Explained("data", _of_data(one, operation))
    text = _text(error, names)
    if isinstance(error, torch.linalg.LinAlgError):
        return Explained("data", f"whether this goes through depends on the data: {text}")
    if _LOOKS_AT_DATA.search(str(error)):
        return Explained("data", f"it takes a value that is known only in a run ({text})")
    if _is_unsupported(error):
        called = "" if operation is None else f" of {operation}"
        return Explained("unsupported", f"shapes alone do not tell the result{called}: {text}")
    if not isinstance(error, _PLAIN):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return Explained("error", text, operation, hint_for(text, operation))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception, and those it was raised from."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def _of_data(error: BaseException, operation: str | None) -> str:
    function = (operation or "").partition("(")[0]
    if function in ("index", "index_put_"):
        return "how many elements a mask chooses depends on the data"
    if not function:
        function = str(getattr(error, "func", "an operation")).split(".")[1:2][0].strip("_")
    if isinstance(error, DynamicOutputShapeException):
        return f"the shape of what `{function}` gives depends on the data"
    return f"what `{function}` gives depends on the data"


def _is_unsupported(error: Exception) -> bool:
    """Whether it is the check, and not the step, that cannot go on."""
    kinds = (UnsupportedFakeTensorException, UnsupportedOperatorException, RuleError)
    if isinstance(error, kinds) or any(mark in str(error) for mark in _UNSUPPORTED):
        return True
    return isinstance(error, _OF_INTERNALS) and _is_of_internals(error.__traceback__)


def _is_of_internals(traceback: TracebackType | None) -> bool:
    """Whether an exception was raised in torch's own Python beneath its functions."""
    file = ""
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        traceback = traceback.tb_next
    folder = Path(torch.__file__ or "").parent
    path = Path(file)
    if folder not in path.parents:
        return False
    first = path.relative_to(folder).parts[0]
    return first in _INTERNALS or first == "_meta_registrations.py"


def _text(error: Exception, names: DeviceNames) -> str:
    """torch's message, without what its machinery adds."""
    text = names.in_text(str(error)).strip()
    text = re.split(r"\nException raised from|\nCPU: registered|\nC\+\+ CapturedTraceback", text)[0]
    text = _TWO_DEVICES.sub(_OF_TWO_DEVICES, text).replace("FakeTensor", "Tensor")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    message = lines[0].removesuffix(", but expected one of:")
    if message.endswith(":") and len(lines) > 1:
        message = f"{message} {lines[1]}"
    return message if len(message) <= _WIDEST else f"{message[:_WIDEST]}..."
