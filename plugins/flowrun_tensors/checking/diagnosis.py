"""Explains an exception of a step in a check, in the words of a run, with a fix if known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from flowrun import Diagnosis, NeedsDataError, shortened
from flowrun_tensors.checking.device_args import DeviceNames
from flowrun_tensors.checking.fake_tensors import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
)
from flowrun_tensors.lazy_torch import torch

_READS_DATA = re.compile(
    "is not supported for tensor subclasses|data is not allocated yet|Cannot access data pointer|"
    r"\bUnknown\b|type numpy\.object_"  # the dtype of an array of unknown numbers
)
_UNSUPPORTED = (
    "Could not run 'aten::", "is not linked with support for", "without ATen_cuda", "NYI",
    "not compiled with", "not yet supported", "meta converter", "FakeTensorMode", "FakeTensor is",
    'Attempted to set the storage of a tensor on device "meta"',  # as safetensors does
)  # fmt: skip
# Folders of torch's own Python code below its functions. An error of one of the types below that is
# raised there is a limit of fake tensors, not a mistake of the step.
_INTERNALS = (
    "_subclasses", "_dynamo", "_prims", "_prims_common", "_refs", "_decomp", "_inductor", "fx",
    "_functorch", "_higher_order_ops", "_library", "_dispatch", "_logging",
)  # fmt: skip
_OF_INTERNALS = (
    AssertionError, ImportError, KeyError, NameError, AttributeError, TypeError, RecursionError,
)  # fmt: skip
_PLAIN = (RuntimeError, IndexError, TypeError, ValueError, AttributeError)
# The message of torch before 2.13 on shapes, and its message in a run.
_TWO_DEVICES = re.compile(
    r"Unhandled FakeTensor Device Propagation for \S+, "
    r"found two different devices ([\w:]+), ([\w:]+)"
)
_OF_TWO_DEVICES = (
    r"Expected all tensors to be on the same device, but found at least two devices, \1 and \2!"
)
_WIDEST = 400  # letters of a message


def diagnose(error: Exception, operation: str | None, names: DeviceNames) -> Diagnosis:
    """The meaning of an exception; operation: the call that raised it, as text."""
    for one in _chain(error):
        if isinstance(one, NeedsDataError):
            return Diagnosis("data", str(one))
        if isinstance(one, (DataDependentOutputException, DynamicOutputShapeException)):
            return Diagnosis("data", _of_data(one, operation))
    text = _text(error, names)
    if isinstance(error, torch.linalg.LinAlgError):
        return Diagnosis("data", f"whether this succeeds depends on the data: {text}")
    if _READS_DATA.search(str(error)):
        return Diagnosis("data", f"it takes a value that is known only in a run ({text})")
    if _is_unsupported(error):
        called = "" if operation is None else f" of {operation}"
        return Diagnosis("unsupported", f"shapes do not determine the result{called}: {text}")
    if not isinstance(error, _PLAIN):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return Diagnosis("error", text, operation, _hint(text, operation))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception, and the causes it was raised from."""
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
    if function == "one_hot":
        return (
            "how many classes `one_hot` finds depends on the data\n"
            "give it their number: `one_hot(labels, 10)`"
        )
    if isinstance(error, DynamicOutputShapeException):
        return f"the shape of the result of `{function}` depends on the data"
    return f"the result of `{function}` depends on the data"


def _is_unsupported(error: Exception) -> bool:
    """Whether the check itself cannot continue, while the step may be correct."""
    kinds = (UnsupportedFakeTensorException, UnsupportedOperatorException)
    if isinstance(error, kinds) or any(mark in str(error) for mark in _UNSUPPORTED):
        return True
    return isinstance(error, _OF_INTERNALS) and _is_of_internals(error.__traceback__)


def _is_of_internals(traceback: TracebackType | None) -> bool:
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
    """Torch's message, without the traces that its machinery adds."""
    text = names.in_text(str(error)).strip()
    text = re.split(r"\nException raised from|\nCPU: registered|\nC\+\+ CapturedTraceback", text)[0]
    text = _TWO_DEVICES.sub(_OF_TWO_DEVICES, text).replace("FakeTensor", "Tensor")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    message = lines[0].removesuffix(", but expected one of:")
    if message.endswith(":") and len(lines) > 1:
        message = f"{message} {lines[1]}"
    return shortened(message, _WIDEST)


def _hint(message: str, operation: str | None) -> str | None:
    """A fix for an error by its message; None if none is known."""
    for pattern, fix in _FIXES:
        if match := pattern.search(message):
            return fix(match, operation or "")
    return None


_Fix = Callable[[re.Match[str], str], str | None]


def _of_product(match: re.Match[str], operation: str) -> str:
    rows, columns, right_rows, right_columns = match.groups()
    if operation.startswith(("linear(", "addmm(")) or "linear" in operation.partition("(")[0]:
        return (
            f"the layer takes {right_rows} columns, but gets {columns}: "
            f"make it for {columns} inputs"
        )
    advice = "make them equal"
    if columns == right_columns:
        advice = "transpose the right side: `.T`"
    elif rows == right_rows:
        advice = "transpose the left side: `.T`"
    return f"the left side has {columns} columns, but the right side {right_rows} rows: {advice}"


def _of_index(match: re.Match[str], operation: str) -> str | None:
    size = int(match[1])
    return f"the last index is {size - 1}, which is also -1" if size else "there are none"


def _always(text: str) -> _Fix:
    return lambda match, operation: text


_FLOATING = _always("cast it to a floating-point dtype: `.float()`, or a step `cast`")
_FIXES: list[tuple[re.Pattern[str], _Fix]] = [
    (re.compile(pattern), fix)
    for pattern, fix in (
        (r"cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)", _of_product),
        (r"reduction dim, but got \[(\d+), (\d+)\] X \[(\d+), (\d+)\]", _of_product),  # if large
        (
            r"at least two devices, ([\w:]+) and ([\w:]+)",
            lambda match, operation: (
                f"one tensor is on {match[1].strip('!')} and another on {match[2].strip('!')}: "
                "add `device:` to a step, or move one of them with a step `place`"
            ),
        ),
        (
            r"can't be cast to the desired output type",
            _always(
                "in place the left side keeps its dtype: write `a = a + b` instead of `a += b`, "
                "or cast it first"
            ),
        ),
        (
            r"same dtype|expected scalar type|mixed dtype|[Dd]type.* but found|dtypes match",
            _always("give both one dtype: `.to(other.dtype)` in the code, or a step `cast`"),
        ),
        (
            r"0D or 1D target tensor expected",
            _always("labels have the shape (n,): take `.squeeze(1)` of them"),
        ),
        (
            r"expected target dtype to be Long|Expected floating point type for target",
            _always("labels are whole numbers of the shape (n,): `.long()`, or a step `cast`"),
        ),
        (r"out of bounds for dimension \d+ with size (\d+)", _of_index),
        (r"could not infer output dtype|only support floating point", _FLOATING),
        (r"not implemented for '(?:Long|Int|Bool|Byte)'", _FLOATING),
        (
            r"to have (\d+) channels, but got (\d+) channels",
            lambda match, operation: f"make the layer for {match[2]} channels of input",
        ),
        (
            r"grad can be implicitly created only for scalar",
            _always("take its `.mean()` or `.sum()` first"),
        ),
        (
            r"leaf Variable that requires grad",
            _always("make the update under `torch.no_grad()`, or work on a copy: `.clone()`"),
        ),
        (
            r"modified by an inplace operation",
            _always("the backward pass needs the old values: write `y = y + 1`, not `y += 1`"),
        ),
        (
            r"does not require grad and does not have a grad_fn",
            _always("none of its operands requires a gradient: `.requires_grad_()`"),
        ),
        (
            r"indices' to have one of the following scalar types|used as indices must be",
            _always("indices are whole numbers: `.long()`, or a step `cast`"),
        ),
    )
]
