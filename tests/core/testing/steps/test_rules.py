"""For each rule, steps that break it are caught, and told where, what and how to mend it."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import flowrun.planning.options
from flowrun import Step
from flowrun.testing import RULES, BrokenRulesError, check_step
from tests.conftest import run_module

BEGINNING = """import random as python_random
import subprocess
import tempfile
import time
from typing import Annotated

import numpy as np
import torch
from flowrun import Meta, Unknown, step
from safetensors.torch import load_file, save_file

FOLDER = tempfile.TemporaryDirectory()
OFFSETS = f"{FOLDER.name}/offsets.safetensors"
save_file({"offsets": torch.ones(3)}, OFFSETS)
SCALE = torch.tensor([1.0, 2.0, 3.0])
calls = []


class Price:
    pass


def half_the_rows(data):
    return torch.empty(len(data) // 2, data.shape[1])


def not_on_shapes(data):
    raise ValueError("no shapes here")


def a_number(data):
    return Unknown("float")


"""

# What is broken, by a title: the rule, the code, and fragments of the finding.
BROKEN: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "a file that a library opens itself": (
        "reads",
        """
@step(outputs="y")
def bad(data):
    '''Add offsets.'''
    return data + load_file(OFFSETS)["offsets"].to(data.device)
""",
        ("`safetensors.torch.load_file` reads is not seen", "load_file(OFFSETS)", "ctx.reads"),
    ),
    "another program": (
        "reads",
        """
@step(outputs="y")
def bad(data):
    '''Double.'''
    subprocess.run(["true"], check=True)
    return data * 2
""",
        ("it starts processes: the files these read are not seen", "ctx.reads"),
    ),
    "no docstring": (
        "documented",
        """
@step(outputs="y")
def bad(data):
    return data * 2
""",
        ("no docstring", 'such as """Bad ... of `data`."""'),
    ),
    "an option that nobody describes": (
        "documented",
        """
@step(outputs="y")
def bad(data, *, by: float = 2.0):
    '''Multiply.'''
    return data * by
""",
        ("`by`", "Meta(description="),
    ),
    "a default outside its bounds": (
        "bounds",
        """
@step(outputs="y")
def bad(data, *, by: Annotated[float, Meta(gt=0, description="Factor.")] = 0.0):
    '''Multiply.'''
    return data * (by + 1)
""",
        ("the default of the option `by`", "found     0.0", "expected  a number > 0"),
    ),
    "bounds that do not fit the type": (
        "bounds",
        """
@step(outputs="y")
def bad(data, *, by: Annotated[str, Meta(gt=0, description="Factor.")] = "2"):
    '''Multiply.'''
    return data * float(by)
""",
        ("the annotation of the option `by` is invalid", "numeric type"),
    ),
    "an option that YAML has no values of": (
        "bounds",
        """
@step(outputs="y")
def bad(data, *, to: Annotated[torch.dtype, Meta(description="Type.")] = torch.float64):
    '''Cast.'''
    return data.to(to)
""",
        ("no recipe can give the option `to`", "torch.dtype"),
    ),
    "an option before the star": (
        "bounds",
        """
@step(outputs="y")
def bad(data, by: Annotated[float, Meta(gt=0)] = 2.0):
    '''Multiply.'''
    return data * by
""",
        ("`by` has bounds that are never checked", "gt=0", "after a `*`"),
    ),
    "it fails": (
        "devices",
        """
@step(outputs="y")
def bad(data):
    '''Multiply.'''
    return data @ torch.ones(7)
""",
        ("it fails on cpu", "mat", "run_step"),
    ),
    "a constant on the CPU": (
        "devices",
        """
@step(outputs="y")
def bad(data):
    '''Scale.'''
    return data * SCALE
""",
        ("a check for cuda finds that the step would fail there", "cuda:0 and cpu", "data * SCALE"),
    ),
    "it adds in place": (
        "inputs",
        """
@step(outputs="y")
def bad(data):
    '''Add one.'''
    data += 1
    return data
""",
        ("it changes its inputs", "`data` changed", "data.clone()"),
    ),
    "it writes in place what stood there": (
        "inputs",
        """
@step(outputs="y")
def bad(data):
    '''Bound.'''
    return data.clamp_(-1e9, 1e9)
""",
        ("it changes its inputs", "in place", "clone()"),
    ),
    "it writes through NumPy": (
        "inputs",
        """
@step(outputs="y")
def bad(data):
    '''Mark the first row.'''
    array = data.cpu().numpy()
    array[0] = 7
    return data * 2
""",
        ("it changes its inputs", "`data` changed"),
    ),
    "it returns too few": (
        "outputs",
        """
@step(outputs=("y", "z"))
def bad(data):
    '''Give two.'''
    return data * 2
""",
        ("are not those it declares", "1 value", "2: y, z"),
    ),
    "it forgets to return": (
        "outputs",
        """
@step(outputs="y")
def bad(data):
    '''Multiply.'''
    data * 2
""",
        ("are not those it declares", "is a `return` missing?"),
    ),
    "it names its outputs otherwise": (
        "outputs",
        """
@step(outputs=lambda options: ("y", "z"))
def bad(data):
    '''Give two.'''
    return {"y": data, "x": data}
""",
        ("are not those it declares", "the keys y, x", "y, z"),
    ),
    "a generator of its own": (
        "repeatable",
        """
@step(outputs="y", random=True)
def bad(data):
    '''Add noise.'''
    return data + torch.tensor(np.random.default_rng().random(3), device=data.device)
""",
        ("two calls with the same seed", "largest difference", "ctx.seed"),
    ),
    "a count of its calls": (
        "repeatable",
        """
@step(outputs="count")
def bad(data):
    '''Count.'''
    calls.append(1)
    return len(calls)
""",
        ("two calls with the same seed", "count: 1 -> 2"),
    ),
    "random without a word": (
        "repeatable",
        """
@step(outputs="y")
def bad(data):
    '''Add noise.'''
    return data + torch.randn(3)
""",
        ("its result depends on the seed", "random=True"),
    ),
    "Python's random numbers without a word": (
        "repeatable",
        """
@step(outputs="y")
def bad(data):
    '''Draw.'''
    return python_random.random()
""",
        ("its result depends on the seed", "random=True"),
    ),
    "a value of a type of its own": (
        "kept",
        """
@step(outputs="price")
def bad(data):
    '''Price the data.'''
    return Price()
""",
        ("the output `price` cannot be kept", "Price has no codec", "flowrun_codecs"),
    ),
    "a tensor with its graph": (
        "kept",
        """
@step(outputs="y")
def bad(data):
    '''Track.'''
    return data.clone().requires_grad_() * 2
""",
        ("the output `y` cannot be kept", "autograd graph", ".detach()"),
    ),
    "a function on shapes with another shape": (
        "shapes",
        """
@step(outputs="y")
def bad(data):
    '''Multiply.'''
    return data * 2


bad.on_shapes(half_the_rows)
""",
        ("a check for cpu gives another `y`", "shape (2, 3)", "shape (4, 3)", "`on_shapes`"),
    ),
    "a function on shapes with another type": (
        "shapes",
        """
@step(outputs="y")
def bad(data):
    '''Multiply.'''
    return data * 2


bad.on_shapes(a_number)
""",
        ("a check for cpu gives another `y`", "float in the check", "tensor, as in the run"),
    ),
    "a function on shapes that fails": (
        "shapes",
        """
@step(outputs="y")
def bad(data):
    '''Multiply.'''
    return data * 2


bad.on_shapes(not_on_shapes)
""",
        ("a check for cpu refuses the step, which runs", "no shapes here"),
    ),
}
_numbers = itertools.count()


def step_of(code: str, folder: Path) -> Step[..., Any]:
    """The step of a fresh module."""
    name = f"planted_{next(_numbers)}"
    path = folder / f"{name}.py"
    path.write_text(BEGINNING + code.lstrip(), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Step[..., Any] = module.bad
    return found


def test_every_rule_has_a_step_that_breaks_it() -> None:
    assert {rule for rule, _, _ in BROKEN.values()} == set(RULES)


@pytest.mark.parametrize("title", BROKEN)
def test_a_step_that_breaks_a_rule_is_caught_there_and_nowhere_else(
    title: str, tmp_path: Path
) -> None:
    rule, code, says = BROKEN[title]
    bad = step_of(code, tmp_path)
    with pytest.raises(BrokenRulesError) as caught:
        check_step(bad, {"data": torch.arange(12.0).reshape(4, 3)})
    found = caught.value.examination.findings
    assert {finding.rule for finding in found} == {rule}
    line = BEGINNING.count("\n") + 1
    for finding in found:
        assert str(finding.place).endswith(f".py:{line}")
        assert str(finding) in str(caught.value)
    for fragment in says:
        assert fragment in str(caught.value)


def test_all_that_is_broken_is_told_at_once(tmp_path: Path) -> None:
    bad = step_of(
        """
@step(outputs="y")
def bad(data, *, by: float = 2.0):
    data += torch.randn(3)
    return data
""",
        tmp_path,
    )
    with pytest.raises(AssertionError, match="3 rule findings for the step `bad`"):
        check_step(bad, {"data": torch.zeros(4, 3)})


BOUNDED = """
@step(outputs="y")
def bad(
    data,
    *,
    a: Annotated[float, Meta(gt=0, le=1, description="A.")] = 0.5,
    b: Annotated[int, Meta(ge=1, lt=9, multiple_of=2, description="B.")] = 2,
    c: Annotated[str, Meta(min_length=1, max_length=3, pattern="^[a-z]*$", description="C.")] = "x",
    d: Annotated[
        Annotated[list[Annotated[int, Meta(ge=0)]], Meta(min_length=2)] | None,
        Meta(description="D."),
    ] = None,
    e: Annotated[dict[str, Annotated[float, Meta(lt=1)]], Meta(description="E.")] = {},
    **named: Annotated[float, Meta(ge=0, description="Of any name.")],
):
    '''Multiply.'''
    return data * a
"""
BOUNDS = {
    "a": {"gt=0", "le=1"},
    "b": {"ge=1", "lt=9", "multiple_of=2"},
    "c": {"min_length=1", "max_length=3", "pattern='^[a-z]*$'"},
    "d": {"min_length=2", "items ge=0"},
    "e": {"values lt=1"},
    "named": {"ge=0"},
}


def test_bounds_that_are_enforced_are_no_finding(tmp_path: Path) -> None:
    check_step(step_of(BOUNDED, tmp_path), {"data": torch.ones(2, 3)})


def test_each_bound_is_tried_just_outside_and_told_where_it_is_let_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flowrun.planning.options, "convert", lambda value, annotation: value)
    with pytest.raises(BrokenRulesError) as caught:
        check_step(step_of(BOUNDED, tmp_path), {"data": torch.ones(2, 3)})
    text = str(caught.value)
    for option, bounds in BOUNDS.items():
        for bound in bounds:
            assert f"the bound {bound} of the option `{option}` is not enforced" in text
    assert len(caught.value.examination.findings) == sum(map(len, BOUNDS.values()))


def test_what_a_check_cannot_know_is_said_and_is_no_finding(tmp_path: Path) -> None:
    looks = step_of(
        """
@step(outputs="y")
def bad(data):
    '''Keep what is positive.'''
    return data[data > 0]
""",
        tmp_path,
    )
    examined = check_step(looks, {"data": torch.ones(2, 3)})
    assert examined.unchecked.keys() == {"shapes"}
    assert "how many elements a mask chooses" in examined.unchecked["shapes"]


def test_pytest_shows_the_findings_and_not_the_inside_of_flowrun(
    tmp_path: Path, write: Callable[[str, str], Path]
) -> None:
    write("steps.py", BEGINNING + BROKEN["it adds in place"][1].lstrip())
    write(
        "test_bad.py",
        "import torch\nfrom flowrun.testing import check_step\nfrom steps import bad\n\n"
        'def test_bad():\n    check_step(bad, {"data": torch.zeros(2, 3)})\n',
    )
    done = run_module(tmp_path, "pytest", "-p", "no:cacheprovider", "test_bad.py")
    assert done.returncode == 1
    assert "bad (inputs): it changes its inputs, on cpu" in done.stdout
    assert "raise BrokenRulesError" not in done.stdout
