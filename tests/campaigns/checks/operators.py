"""Torch's own database of operators and layers, called in a run and in a check, dtype by dtype.

`python -m tests.campaigns.checks.operators 3 40` takes every fortieth entry from the third on, and
prints, as JSON, how many calls there were by verdict, and those on which run and check disagree. It
runs in a process of its own: torch's test modules lock settings of the process that imports them.

This is the only file that uses `torch.testing._internal`, tested with torch 2.13: `op_db` and
`module_db`, and of their entries `op`, `dtypes`, `sample_inputs`, `module_cls`,
`module_inputs_func`.
"""

from __future__ import annotations

import itertools
import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

from flowrun import CheckMode
from flowrun_tensors.checking import check_mode

DTYPES = (
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32,
    torch.uint8, torch.bool, torch.complex64,
)  # fmt: skip
OF_ONE = (torch.float64, torch.float16, torch.int64, torch.bool, torch.complex64)
OF_LAYERS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
MOST_TENSORS = 3  # whose dtype is changed alone
SAMPLES = 20  # of an operator, of which the middle one is taken


class Call(NamedTuple):
    """One call: its name, what is called, and its operands in a flat list."""

    name: str
    call: Callable[[list[Any]], Any]
    operands: list[Any]


def calls_of_operator(entry: Any) -> Iterator[Call]:
    """An operator with all its operands in each dtype, and with each tensor in another."""
    preferred = (torch.float32, torch.int64, torch.complex64, torch.bool, torch.float64)
    base = next((dtype for dtype in preferred if dtype in entry.dtypes), None)
    if base is None:
        return
    samples = list(itertools.islice(entry.sample_inputs("cpu", base, False), SAMPLES))
    sample = samples[len(samples) // 2]
    operands, tree = tree_flatten((sample.input, sample.args, sample.kwargs))
    if any(tensor.layout is not torch.strided for tensor in _tensors(operands)):
        return

    def call(operands: list[Any]) -> Any:
        first, rest, keywords = tree_unflatten(operands, tree)
        return _with_gradients(entry.op(first, *rest, **keywords))

    name = ".".join(filter(None, (entry.name, entry.variant_test_name)))
    for dtype in DTYPES:
        yield Call(f"{name} of {_name(dtype)}", call, _cast(operands, base, dtype))
    places = [place for place, one in enumerate(operands) if isinstance(one, torch.Tensor)]
    for place, dtype in itertools.product(places[:MOST_TENSORS] if places[1:] else (), OF_ONE):
        changed = [*operands]
        changed[place] = operands[place].to(dtype)
        if operands[place].dtype is not dtype:
            yield Call(f"{name} with {_name(dtype)} as tensor {places.index(place)}", call, changed)


def calls_of_layer(entry: Any) -> Iterator[Call]:
    """A layer in each dtype on input in each, with the backward pass."""
    inputs = list(
        itertools.islice(
            entry.module_inputs_func(
                entry, device="cpu", dtype=torch.float32, requires_grad=False, training=True
            ),
            SAMPLES,
        )
    )
    given = inputs[len(inputs) // 2]
    if given.forward_input is None:
        return
    operands, tree = tree_flatten((given.forward_input.args, given.forward_input.kwargs))
    for dtype, of_input in itertools.product(OF_LAYERS, DTYPES):

        def call(operands: list[Any], dtype: torch.dtype = dtype) -> Any:
            settings = given.constructor_input
            layer = entry.module_cls(*settings.args, **settings.kwargs).to(dtype)
            args, keywords = tree_unflatten(operands, tree)
            return _with_gradients(layer(*args, **keywords))

        cast = _cast(operands, torch.float32, of_input)
        yield Call(f"{entry.name} of {_name(dtype)} on {_name(of_input)}", call, cast)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _tensors(value: Any) -> list[torch.Tensor]:
    return [one for one in tree_flatten(value)[0] if isinstance(one, torch.Tensor)]


def _cast(operands: Sequence[Any], base: torch.dtype, dtype: torch.dtype) -> list[Any]:
    """Operands with all tensors of one dtype in another; with gradients if that can have any."""
    has_gradient = dtype.is_floating_point or dtype.is_complex
    return [
        one.to(dtype).detach().requires_grad_(has_gradient)
        if isinstance(one, torch.Tensor) and one.dtype is base
        else one
        for one in operands
    ]


def _with_gradients(result: Any) -> Any:
    """A result, after the backward pass from it."""
    for tensor in _tensors(result):
        if tensor.requires_grad:
            tensor.abs().sum().backward(retain_graph=True)
    return result


def _summary(result: Any) -> list[str]:
    return [f"{tuple(tensor.shape)} {_name(tensor.dtype)}" for tensor in _tensors(result)]


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def in_run(call: Call) -> tuple[str, Any]:
    """`fits` and the shapes and dtypes of the results, or why not."""
    copies = [
        one.detach().clone().requires_grad_(one.requires_grad)
        if isinstance(one, torch.Tensor)
        else one
        for one in call.operands
    ]
    try:
        torch.manual_seed(0)
        return "fits", _summary(call.call(copies))
    except Exception as error:  # of any kind: a check must raise it as well
        is_of_data = isinstance(error, torch.linalg.LinAlgError) or "ZeroDivision" in str(error)
        return ("data" if is_of_data else "error"), _text(error)


def in_check(call: Call, mode: CheckMode) -> tuple[str, Any]:
    """The same of a check; `data` or `unsupported` if it does not know."""
    with mode, mode.watching():
        try:
            return "fits", _summary(call.call([mode.on_shapes(one) for one in call.operands]))
        except Exception as error:  # of any kind
            diagnosis = mode.diagnose(error)
            assert diagnosis is not None
            return diagnosis.kind, diagnosis.message


def verdict(real: tuple[str, Any], checked: tuple[str, Any]) -> str:
    """How a check's answer compares with what a run does."""
    if checked[0] in ("data", "unsupported"):
        return "unknown"
    if real[0] == "data":
        return "decided by data"
    if real[0] == "error":
        return "found" if checked[0] == "error" else "missed"
    if checked[0] == "error":
        return "false alarm"
    return "fits" if real[1] == checked[1] else "another result"


def main(first: int, step: int) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    from torch.testing._internal.common_methods_invocations import op_db
    from torch.testing._internal.common_modules import module_db

    entries = [(calls_of_operator, entry) for entry in op_db]
    entries += [(calls_of_layer, entry) for entry in module_db]
    counts: Counter[str] = Counter()
    disagreements = []
    for calls, entry in entries[first::step]:
        torch.manual_seed(0)
        mode = check_mode(("cpu",), {"cpu": ""})
        for call in calls(entry):
            real, checked = in_run(call), in_check(call, mode)
            found = verdict(real, checked)
            counts[found] += 1
            if found in ("missed", "false alarm", "another result"):
                disagreements.append((found, call.name, str(real[1]), str(checked[1])))
    print(json.dumps({"counts": counts, "disagreements": disagreements}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
