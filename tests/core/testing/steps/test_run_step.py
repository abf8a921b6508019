"""`run_step` calls a step as a recipe would."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import flowrun
from flowrun import FlowrunError, RecipeError, StepError
from flowrun.testing import check_step, run_step
from tests.conftest import run_module

STEPS = '''from typing import Annotated

import torch
from flowrun import Codec, Context, FlowrunError, Meta, Summary, hookimpl, step


class Price:
    def __init__(self, cents):
        self.cents = cents


@step(outputs=("clipped", "count"))
def clip(
    data: torch.Tensor,
    limit: float | None = None,
    *,
    scale: Annotated[float, Meta(gt=0, description="Factor.")] = 1.0,
    ctx: Context,
):
    """Clip and count."""
    bound = scale * (1.0 if limit is None else limit)
    if bound > 100:
        raise FlowrunError("nothing would be clipped; lower `scale`")
    ctx.log(f"clipped at {bound:g}")
    return data.clamp(-bound, bound), int((data.abs() > bound).sum())


@step(outputs="noise", random=True)
def noise(*, rows: Annotated[int, Meta(ge=1, description="Rows.")] = 2):
    """Draw."""
    return torch.randn(rows, 3)


@step(outputs="where")
def where(data, *, ctx: Context):
    """Tell the surroundings."""
    return {"device": ctx.device, "dtype": ctx.dtype, "file": str(ctx.path("a.txt")),
            "moved": str(data.device)}


@step(outputs="text")
def echo(*, text: Annotated[str, Meta(description="A text.")]):
    """Give the text."""
    return text


@step(outputs="price")
def ask_price():
    """Give a price."""
    return Price(1299)


@hookimpl
def flowrun_codecs():
    return [Codec(Price, lambda price: Summary("price"), lambda price: price.cents / 100,
                  pack=lambda price: price.cents, unpack=Price)]
'''


@pytest.fixture
def steps(
    write: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Any]:
    """A module of steps, imported as a test imports it."""
    write("my_tested_steps.py", STEPS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("my_tested_steps")
    del sys.modules["my_tested_steps"]


def test_outputs_come_by_name_with_what_the_step_said(steps: Any) -> None:
    outputs = run_step(steps.clip, {"data": torch.tensor([0.5, -3.0])}, {"scale": 2})
    assert outputs["clipped"].tolist() == [0.5, -2.0]
    assert outputs["count"] == 1
    assert list(outputs) == ["clipped", "count"]
    assert outputs.messages == ["clipped at 2"]


def test_an_optional_input_is_given_or_left_out(steps: Any) -> None:
    data = torch.tensor([9.0])
    assert run_step(steps.clip, {"data": data, "limit": 5})["clipped"].item() == 5
    assert run_step(steps.clip, {"data": data})["clipped"].item() == 1


def test_the_seed_is_that_of_a_recipe(steps: Any) -> None:
    recipe = {"recipe": "r", "seed": 7, "plugins": ["./my_tested_steps.py"], "steps": ["noise"]}
    in_recipe = flowrun.run(recipe, record=False).values["noise"]
    assert torch.equal(run_step(steps.noise, seed=7)["noise"], in_recipe)
    assert not torch.equal(run_step(steps.noise)["noise"], in_recipe)


def test_device_dtype_and_folder_are_those_of_the_test(steps: Any, tmp_path: Path) -> None:
    folder = tmp_path / "there"
    data = torch.zeros(2)
    found = run_step(steps.where, {"data": data}, dtype="float64", folder=folder)["where"]
    assert found == {
        "device": "cpu", "dtype": "float64", "file": str(folder / "a.txt"), "moved": "cpu",
    }  # fmt: skip


def test_what_an_option_holds_is_no_reference(steps: Any) -> None:
    assert run_step(steps.echo, options={"text": "${seed}"})["text"] == "${seed}"


def test_an_option_outside_its_bounds_is_refused_as_in_a_recipe(steps: Any) -> None:
    with pytest.raises(RecipeError, match="clip: the option `scale` does not fit"):
        run_step(steps.clip, {"data": torch.zeros(2)}, {"scale": 0})
    with pytest.raises(RecipeError, match="clip has no option `scal`"):
        run_step(steps.clip, {"data": torch.zeros(2)}, {"scal": 1})


def test_a_step_that_refuses_says_it_in_its_own_words(steps: Any) -> None:
    with pytest.raises(StepError, match="nothing would be clipped") as caught:
        run_step(steps.clip, {"data": torch.zeros(2)}, {"scale": 1000})
    assert isinstance(caught.value.__cause__, FlowrunError)


def test_a_failure_shows_the_test_and_the_step_and_not_the_inside_of_flowrun(
    write: Callable[[str, str], Path], tmp_path: Path
) -> None:
    write("failing.py", "from flowrun import step\n\n@step(outputs='y')\n"
          "def divide(x, *, by: int = 0):\n    return x / by\n")  # fmt: skip
    write("test_failing.py", "from flowrun.testing import check_step, run_step\n"
          "from failing import divide\n\n"
          "def test_fails():\n    run_step(divide, {'x': 1})\n\n"
          "def test_misused():\n    run_step(divide, {'x': 1}, {'bye': 2})\n\n"
          "def test_misused_too():\n    check_step(divide, {'x': 1}, {'bye': 2})\n")  # fmt: skip
    done = run_module(tmp_path, "pytest", "-p", "no:cacheprovider", "test_failing.py")
    assert "ZeroDivisionError" in done.stdout
    assert "return x / by" in done.stdout
    assert done.stdout.count("divide has no option `bye`") >= 2
    assert "flowrun/running" not in done.stdout
    assert "flowrun/planning.py" not in done.stdout


def test_inputs_that_are_missing_or_unknown_are_named(steps: Any) -> None:
    with pytest.raises(FlowrunError, match="clip needs `data`"):
        run_step(steps.clip)
    with pytest.raises(FlowrunError, match=r"takes no input `limits`.*\n.*did you mean `limit`"):
        run_step(steps.clip, {"data": torch.zeros(2), "limits": 3})


def test_a_function_without_the_mark_is_no_step() -> None:
    with pytest.raises(FlowrunError, match="is no step: put @step"):
        run_step(len)  # type: ignore[arg-type]


def test_the_hooks_of_the_steps_own_module_are_there(steps: Any) -> None:
    assert run_step(steps.ask_price)["price"].cents == 1299
    assert check_step(steps.ask_price).held


def test_a_device_that_is_not_there_is_refused(steps: Any) -> None:
    with pytest.raises(flowrun.DeviceError, match="xpu:9"):
        check_step(steps.noise, devices=["xpu:9"])


def test_nothing_is_left_in_the_folder(steps: Any, tmp_path: Path) -> None:
    check_step(steps.noise)
    assert not (tmp_path / ".flowrun").exists()
