"""The step `show`, and the other ways of seeing values: `--show`, `flowrun show`, a step's line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

import flowrun as package
from flowrun import RecipeError, StepError
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

MATRIX = {"tensor": {"a": [[0.4, 1.8], [0.1, 1.4]], "i": [1, 2, 3]}}


def messages(*steps: object, **arguments: Any) -> list[str]:
    """What the last step says."""
    recipe = {"recipe": "r", "steps": list(steps)}
    return package.run(recipe, **arguments).record["steps"][-1]["messages"]


def refused(*steps: object) -> str:
    with pytest.raises(RecipeError) as caught:
        package.plan({"recipe": "r", "steps": list(steps)})
    return str(caught.value)


def test_values_and_expressions_are_printed_as_torch_prints_them() -> None:
    found = messages(MATRIX, {"show": ["a", "i", "a.mean(0)", "a.shape", "a.dtype", "a.device"]})
    assert found == [
        "a = tensor([[0.4000, 1.8000],\n            [0.1000, 1.4000]])",
        "i = tensor([1, 2, 3])",
        "a.mean(0) = tensor([0.2500, 1.6000])",
        "a.shape = torch.Size([2, 2])",
        "a.dtype = torch.float32",
        "a.device = cpu",
    ]


def test_an_expression_may_have_a_name() -> None:
    found = messages(MATRIX, {"show": {"mean by column": "a.mean(0)"}})
    assert found == ["mean by column = tensor([0.2500, 1.6000])"]


def test_texts_lists_and_dicts_are_printed_as_python_prints_them() -> None:
    steps = ({"grad": {"of": "(a ** 2).sum()", "by": ["a"]}}, {"compute": {"size": "a.shape"}})
    found = messages(MATRIX, *steps, {"show": ["size", "grads", "grads.a[0]", 'grads["a"].ndim']})
    assert found[0] == "size = [2, 2]"
    assert found[1].startswith("grads = {'a': tensor([[0.8000, 3.6000],\n")
    assert found[2:] == ["grads.a[0] = tensor([0.8000, 3.6000])", 'grads["a"].ndim = 2']


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "tensor([1.0000e-04, 1.0000e+00, 1.2346e+04])"),
        ({"precision": 2}, "tensor([1.00e-04, 1.00e+00, 1.23e+04])"),
        ({"sci_mode": False}, "tensor([    0.0001,     1.0000, 12345.6787])"),
        ({"threshold": 2, "edgeitems": 1}, "tensor([1.0000e-04,  ..., 1.2346e+04])"),
    ],
)
def test_the_options_are_those_of_torch(options: dict[str, Any], text: str) -> None:
    numbers = {"tensor": {"x": [1e-4, 1.0, 12345.6789]}}
    assert messages(numbers, {"show": {"x": "x", **options}}) == [f"x = {text}"]
    torch.set_printoptions(**options)
    try:
        assert str(torch.tensor([1e-4, 1.0, 12345.6789])) == text
    finally:
        torch.set_printoptions(profile="default")


def test_the_processs_own_print_options_change_nothing_and_are_kept() -> None:
    torch.set_printoptions(precision=1)
    numpy.set_printoptions(precision=1)
    try:
        assert messages(MATRIX, {"show": ["a[0]"]}) == ["a[0] = tensor([0.4000, 1.8000])"]
        assert str(torch.tensor(0.25)) == "tensor(0.2)"
        assert str(numpy.array([0.25])) == "[0.2]"
    finally:
        torch.set_printoptions(profile="default")
        numpy.set_printoptions(precision=8)


def test_arrays_are_computed_and_printed_as_numpy_does() -> None:
    show = {"show": {"shape": "a.shape", "rows": "a.argmax(1)", "library": "numpy"}}
    assert messages(MATRIX, show) == ["shape = (2, 2)", "rows = [1 1]"]


def test_a_format_prints_each_number_in_a_line_without_a_name() -> None:
    row = {"show": {"x": "a[0]", "format": "f(x)={:.2f}"}}
    assert messages(MATRIX, row) == ["f(x)=0.40\nf(x)=1.80"]
    scalar = {"show": {"x": "a.mean()", "format": "{:.1f} %"}}
    assert messages(MATRIX, scalar) == ["0.9 %"]
    many = {"show": {"x": "a", "format": "{:g}", "threshold": 2, "edgeitems": 1}}
    assert messages(MATRIX, many) == ["0.4\n...\n1.4"]


@pytest.mark.parametrize(
    "text", ["no place", "{} {}", "{0}", "{.real}", "{!r}", "{:x", "{:1000000}", "{:{}}", "{:s}"]
)
def test_a_text_that_is_no_format_of_one_number_is_refused(text: str) -> None:
    found = refused(MATRIX, {"show": {"a": "a", "format": text}})
    assert "is no format" in found
    assert "such as `{:.4f}`" in found


def test_a_format_of_what_is_no_number_is_an_error() -> None:
    with pytest.raises(StepError, match=r"`d` does not fit the format .*only numbers"):
        messages(MATRIX, {"show": {"d": "a.dtype", "format": "{:.2f}"}})


def test_a_tracked_tensor_and_its_graph_are_shown() -> None:
    steps = (
        {"tensor": {"a": 2.5, "requires_grad": True}},
        {"compute": {"f": "a ** 2", "none": "f.backward()", "gradient": "a.grad"}},
    )
    found = messages(*steps, {"show": ["a", "f", "none", "gradient", "a.grad"]})
    assert found == [
        "a = tensor(2.5000, requires_grad=True)",
        "f = tensor(6.2500, grad_fn=<PowBackward0>)",
        "none = None",
        "gradient = tensor(5.)",
        "a.grad = None",
    ]


def test_backward_belongs_into_a_compute_that_owns_its_tensors() -> None:
    tracked = {"tensor": {"a": 2.5, "requires_grad": True}}
    graph = {"compute": {"f": "a ** 2"}}
    for last in ({"show": ["f.backward()"]}, {"compute": {"none": "f.backward()"}}):
        with pytest.raises(StepError, match="writes into the tensors of its graph"):
            messages(tracked, graph, last)


def test_what_was_shown_is_printed_again_by_a_kept_run(flowrun: Flowrun, write: Write) -> None:
    text = "recipe: r\nsteps:\n  - tensor: {a: [0.5, 1.5]}\n  - show: [a, a.sum()]\n"
    write("r.yaml", text)
    wanted = f"{' ' * 16}a = tensor([0.5000, 1.5000])\n{' ' * 16}a.sum() = tensor(2.)\n"
    first, second, third = (flowrun("r.yaml") for _ in range(3))
    assert wanted in first.stdout
    assert wanted in second.stdout
    assert "kept" in second.stdout
    assert wanted in third.stdout, "answered without planning"
    assert wanted in flowrun("show", "last").stdout


def test_two_steps_are_refused_to_hide_a_mistake() -> None:
    assert "did you mean `mean`?" in refused(MATRIX, {"show": ["a.maen()"]})
    assert "no step above it gives that" in refused(MATRIX, {"show": ["b"]})
    assert "each once" in refused(MATRIX, {"show": ["a", "a"]})
    assert "each once" in refused(MATRIX, {"show": [{"a": "a"}]})
    assert "needs values to show" in refused(MATRIX, "show")


def test_a_check_finds_what_cannot_be_shown() -> None:
    checked = package.check(
        {
            "recipe": "r",
            "steps": [
                MATRIX,
                {"show": ["a @ i[:2].to(float32).unsqueeze(0)", "a.shap", "a.mean(0)"]},
            ],
        }
    )
    found = "\n".join(map(str, checked.errors))
    assert len(checked.errors) == 2
    assert "mat1 and mat2 shapes cannot be multiplied (2x2 and 1x2)" in found
    assert "did you mean `shape`?" in found


# --- from outside of the recipe ---


def test_a_value_is_shown_without_touching_the_recipe(flowrun: Flowrun, write: Write) -> None:
    write("r.yaml", "recipe: r\nsteps:\n  - tensor: {a: [[0.5, 1.5], [2, 3]]}\n")
    done = flowrun("r.yaml", "--show", "a", "--show", "a.mean(0)")
    assert "a = tensor([[0.5000, 1.5000],\n" in done.stdout
    assert "a.mean(0) = tensor([1.2500, 2.2500])\n" in done.stdout
    assert "a.mean(0) = tensor([1.2500, 2.2500])\n" in flowrun(
        "r.yaml", "--show", "a", "--show", "a.mean(0)"
    ).stdout, "when it is kept, too"  # fmt: skip
    wrong = flowrun("r.yaml", "--show", "a.maen(0)")
    assert wrong.returncode == 2
    assert "expressions:1:3: tensors.show: there is no method `maen`" in wrong.stderr
    assert "did you mean `mean`?" in wrong.stderr
    wrong = flowrun("r.yaml", "--show", "a.shape", "--show", "1 + b")
    assert "expressions:2:5: show needs `b`" in wrong.stderr


def test_a_quiet_command_prints_what_it_is_asked_to_show_and_nothing_else(
    flowrun: Flowrun, write: Write
) -> None:
    write("r.yaml", "recipe: r\nsteps:\n  - tensor: {a: [[0.5, 1.5], [2, 3]]}\n  - show: [a]\n")
    wanted = "a.mean(0) = tensor([1.2500, 2.2500])\n"
    for _ in range(3):
        assert flowrun("r.yaml", "-q", "--show", "a.mean(0)").stdout == wanted
    assert flowrun("r.yaml", "-q").stdout == ""


def test_a_value_of_a_past_run_is_shown(flowrun: Flowrun, write: Write) -> None:
    write(
        "r.yaml",
        "recipe: r\nsteps:\n  - random: {x: {randn: [40, 3]}}\n"
        "  - compute: {y: x * 2}\n  - compute: {x: x + 1}\n",
    )
    values = package.run("r.yaml").values
    assert flowrun("show", "last", "y[0]").stdout == f"y[0] = {values['y'][0]}\n"
    assert flowrun("show", "last", "x[1]").stdout == f"x[1] = {values['x'][1]}\n"
    assert len(list(Path(".flowrun/runs").iterdir())) == 1, "it is no run of its own"
    missing = flowrun("show", "last", "z")
    assert missing.returncode == 2
    assert "needs `z`, and no step above it gives that" in missing.stderr


def test_a_value_that_is_another_one_by_now_is_not_shown(flowrun: Flowrun, write: Write) -> None:
    step = 'from flowrun import step\n@step(outputs="x")\ndef made() -> float:\n    return {}\n'
    write("steps.py", step.format(1.5))
    write("r.yaml", "recipe: r\nplugins: [./steps.py]\nsteps:\n  - made\n  - compute: {y: x + 1}\n")
    assert flowrun("r.yaml").returncode == 0
    assert flowrun("show", "last", "y", "-p", "steps.py").stdout == "y = 2.5\n"
    write("steps.py", step.format(2.5))
    done = flowrun("show", "last", "y * 2", "-p", "steps.py")
    assert done.returncode == 2
    assert "is not kept, and its step `made` now gives another one" in done.stderr
    assert done.stdout == ""


def test_a_small_value_is_shown_as_recorded_when_its_data_has_changed(
    flowrun: Flowrun, write: Write
) -> None:
    write("table.csv", "a,b\n1,2\n3,4\n")
    write(
        "r.yaml",
        "recipe: r\nsteps:\n  - load: {source: table.csv}\n  - compute: {n: data.mean().item()}\n",
    )
    assert flowrun("r.yaml").returncode == 0
    write("table.csv", "a,b\n1,2\n3,9\n")
    assert flowrun("show", "last", "n").stdout == "n = 2.5  (as recorded)\n"
    done = flowrun("show", "last", "n + 1")
    assert done.returncode == 2
    assert "`cache: true` beside the step" in done.stderr


def test_a_seed_is_drawn_and_printed(flowrun: Flowrun, write: Write) -> None:
    write("r.yaml", "recipe: r\nsteps:\n  - random: {x: {randperm: 1000}}\n  - show: ['x[:3]']\n")
    runs = [flowrun("r.yaml", "--seed", "random") for _ in range(2)]
    seeds = [run.stderr.split()[1].rstrip(",") for run in runs]
    assert len(set(seeds)) == 2
    assert f"--seed {seeds[0]} repeats the run" in runs[0].stderr
    assert f"seed {seeds[0]}" in runs[0].stdout
    again = flowrun("r.yaml", "--seed", seeds[0])
    line = next(line for line in runs[0].stdout.splitlines() if "x[:3] =" in line)
    assert line in again.stdout
    assert "'1.5' is not a valid integer" in flowrun("r.yaml", "--seed", "1.5").stderr


# --- in a step's line ---


def test_a_small_value_stands_in_its_steps_line_and_a_larger_one_begins_there(
    flowrun: Flowrun, write: Write
) -> None:
    write(
        "r.yaml",
        "recipe: r\nsteps:\n"
        "  - tensor: {a: [[0.4, 1.8], [0.1, 1.4]], i: [1, 2, 3], none: []}\n"
        "  - random: {m: {arange: 24}}\n"
        "  - compute: {c: 'm.reshape(2, 3, 4)', nan: i / 0 - i / 0}\n"
        "  - compute: {wide: 'm.reshape(12, 2)'}\n"
        "  - grad: {of: (a ** 2).sum(), by: [a]}\n",
    )
    lines = flowrun("r.yaml").stdout
    assert "a (2, 2) [[0.4, 1.8], [0.1, 1.4]], i (3,) int64 [1, 2, 3], none (0,)  " in lines
    assert "m (24,) int64 [0, 1, 2, ...]" in lines
    assert "c (2, 3, 4) int64 [[[0, 1, 2, ...], ...], ...], nan (3,) [nan, nan, nan]" in lines
    assert "wide (12, 2) int64 [[0, 1], ...]" in lines
    assert "grads {a (2, 2) [[0.8, 3.6], [0.2, 2.8]]}" in lines
    assert lines.count("[nan, nan, nan]") == flowrun("show", "last").stdout.count("[nan, nan, nan]")


def test_a_line_without_room_has_no_elements_of_large_values(
    flowrun: Flowrun, write: Write
) -> None:
    shapes = ", ".join(f"large_value_{number}: {{zeros: [50, 7]}}" for number in range(4))
    write("r.yaml", f"recipe: r\nsteps:\n  - random: {{{shapes}, small: {{ones: 2}}}}\n")
    line = flowrun("r.yaml").stdout.splitlines()[1]
    assert "large_value_0 (50, 7), large_value_1 (50, 7)" in line
    assert "small (2,) [1, 1]" in line
