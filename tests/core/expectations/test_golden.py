"""Golden values: made, held, renewed, and every way in which they can be missing or different."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import flowrun as fr
from flowrun import RecipeError
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

STEPS = '''
import json
from pathlib import Path

import torch
from flowrun import step


@step(outputs="value", effect=True)
def read(*, ctx):
    """Give what `value.py` beside the recipe says."""
    return eval(ctx.reads(ctx.path("value.txt")).read_text(), {"torch": torch, "nan": float("nan")})
'''

RECIPE = "recipe: r\nplugins: [./steps.py]\nsteps: [read]\nexpect:\n  value: golden\n"

VALUES = {
    "a number": "0.1",
    "a whole number": "3",
    "a text": "'abc'",
    "nothing": "None",
    "nan": "nan",
    "a list": "[1.5, 2, nan]",
    "lists and dicts": "{'a': [1, {'b': True}], 'c.d': [], 'e': {}, 3: (1, 2)}",
    "a small tensor": "torch.tensor([[0.1, 2.0], [nan, float('-inf')]])",
    "a tensor of no dimensions": "torch.tensor(0.1)",
    "an empty tensor": "torch.zeros(0, 3)",
    "half": "torch.tensor([0.1], dtype=torch.bfloat16)",
    "whole numbers": "torch.tensor([2**62 + 1])",
    "truth values": "torch.tensor([True, False])",
    "complex numbers": "torch.tensor([1 + 2j])",
    "a large tensor": "torch.linspace(0, 1, 1000, dtype=torch.float64)",
    "a large tensor with nan": "torch.full((300,), nan)",
    "a tensor with strides": "torch.arange(1000.0).reshape(10, 100).T",
    "parameters": "{'W1': torch.linspace(0, 1, 704).reshape(11, 64), 'b1': torch.zeros(64)}",
}


@pytest.fixture
def recipe(write: Write) -> Callable[[str], Path]:
    """Write a recipe whose step gives the value of an expression."""

    def write_recipe(expression: str) -> Path:
        write("steps.py", STEPS)
        write("value.txt", expression)
        return write("r.yaml", RECIPE)

    return write_recipe


def outcome(path: Path, **arguments: Any) -> dict[str, Any]:
    (found,) = fr.run(path, **arguments).record["expectations"]
    return dict(found)


def update(flowrun: Flowrun, path: Path = Path("r.yaml"), *more: str) -> str:
    """Make the golden values; gives what is said of them."""
    done = flowrun("test", path, "--update-golden", *more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.partition("golden values =")[2].partition("\n")[2].rpartition("\n1 ")[0]


def test_a_value_is_what_it_was_to_the_last_bit(recipe, flowrun: Flowrun) -> None:
    path = recipe(f"[{', '.join(VALUES.values())}]")
    assert not outcome(path)["met"]
    assert update(flowrun) == "golden/r.json: `value` is made"
    before = Path("golden/r.json").read_bytes()
    assert outcome(path, set={"expect.value": {"golden": {"rtol": 0, "atol": 0}}})["met"]
    assert update(flowrun) == "golden/r.json: `value` is unchanged"
    assert Path("golden/r.json").read_bytes() == before


def test_a_golden_value_that_is_missing_says_how_to_make_one(recipe, flowrun: Flowrun) -> None:
    recipe("1.0")
    for command in ([], ["test"]):
        done = flowrun(*command, "r.yaml")
        assert done.returncode == 1
        assert "there is no golden/r.json" in done.stdout
        assert "flowrun test r.yaml --update-golden" in done.stdout
    update(flowrun)
    Path("r.yaml").write_text(RECIPE + "  value.a: golden\n")
    Path("value.txt").write_text("{'a': 1}")
    assert "there is no golden value of `value.a`" in flowrun("r.yaml").stdout


def test_small_values_are_text_and_large_ones_are_in_safetensors(recipe, flowrun: Flowrun) -> None:
    recipe("{'W': torch.arange(300.0), 'b': torch.tensor([0.5, 0.1]), 'n': 2}")
    update(flowrun)
    text = Path("golden/r.json").read_text()
    leaves = json.loads(text)["values"]["value"]["leaves"]
    assert leaves["value.n"] == 2
    assert leaves["value.b"]["values"] == [0.5, 0.10000000149011612]
    assert '"values": [0.5, 0.10000000149011612]\n' in text
    (tensor,) = load_file("golden/r.safetensors").values()
    assert torch.equal(tensor, torch.arange(300.0))


CHANGES = {
    "a number": (
        "0.5",
        "0.5000004",
        "0.75",
        "found 0.75, golden 0.5: off by 0.25; at most 1.07e-05 is allowed",
    ),
    "a tensor": (
        "{'W': torch.tensor([1.0, 2.0])}",
        "{'W': torch.tensor([1.000001, 2.0])}",
        "{'W': torch.tensor([1.0, 2.5])}",
        "value.W: largest difference 0.5 at [1]: found 2.5, wanted 2",
    ),
    "a large tensor": (
        "torch.ones(1000)",
        "torch.ones(1000) * 1.000001",
        "torch.arange(1000.0)",
        "largest difference 998 at [999]: found 999, wanted 1",
    ),
    "a list": (
        "[1.0, 2.0]",
        "[1.0, 2.000001]",
        "[1.0, 3.0]",
        "at [1]: found 3.0, golden 2.0: off by 1; at most 1.26e-05 is allowed",
    ),
}


def of_all(path: Path, **arguments: Any) -> dict[str, dict[str, Any]]:
    """What came of each expectation of a recipe, by its path."""
    return {one["path"]: one for one in fr.run(path, **arguments).record["expectations"]}


def together(recipe: Callable[[str], Path], expressions: list[str]) -> Path:
    """A recipe of several values, `value.v0` and so on, each golden."""
    items = ", ".join(f"'v{i}': {one}" for i, one in enumerate(expressions))
    path = recipe(f"{{{items}}}")
    lines = [f"value.v{i}: golden" for i in range(len(expressions))]
    path.write_text(RECIPE.replace("value: golden", "\n  ".join(lines)))
    return path


def test_a_value_may_be_as_near_as_its_dtype_allows(recipe, flowrun: Flowrun) -> None:
    olds, nears, fars, messages = map(list, zip(*CHANGES.values(), strict=True))
    path = together(recipe, olds)
    flowrun("test", path, "--update-golden")
    together(recipe, nears)
    assert all(found["met"] for found in of_all(path).values())
    strict = {f"expect.value.v{i}": {"golden": {"rtol": 0}} for i in range(len(olds))}
    assert not any(found["met"] for found in of_all(path, set=strict).values())
    together(recipe, fars)
    found = of_all(path)
    assert not any(one["met"] for one in found.values())
    for i, message in enumerate(messages):
        said = message.replace("value", f"value.v{i}")
        said += "\nif the change is meant: flowrun test r.yaml --update-golden"
        assert found[f"value.v{i}"]["difference"] == said
    wide = {f"expect.value.v{i}": {"golden": {"atol": 1000}} for i in range(len(olds))}
    assert fr.run(path, set=wide).ok
    done = flowrun("test", path, "--update-golden")
    assert done.stdout.count("is renewed, new against old:\n    ") == len(olds)
    assert (
        "`value.v0` is renewed, new against old:\n    found 0.75, golden 0.5: off by 0.25\n"
        in done.stdout
    )
    assert fr.run(path).ok


OTHERS = {
    "dtype": ("torch.ones(2)", "torch.ones(2).double()", "dtype float64, golden float32"),
    "shape": ("torch.ones(2)", "torch.ones(3)", "shape [3], golden [2]"),
    "large, of another dtype": ("torch.ones(999)", "torch.ones(999).half()", "dtype float16"),
    "kind": ("torch.ones(2)", "1.0", "a value of type plain, golden torch.Tensor"),
    "type": ("1", "'1'", "'1' is not 1"),
    "a whole number for another": ("3", "4", "found 4, golden 3: off by 1"),
    "a part that is new": ("{'a': 1}", "{'a': 1, 'b': 2}", "value.b is new"),
    "a part that is gone": ("{'a': 1, 'b': 2}", "{'a': 1}", "value.b is gone"),
    "more items": ("[1, 2]", "[1, 2, 3]", "3 items, golden 2"),
    "nan": ("1.0", "nan", "off by nan"),
}


def test_a_value_of_another_kind_says_so(recipe, flowrun: Flowrun) -> None:
    path = together(recipe, [old for old, _, _ in OTHERS.values()])
    flowrun("test", path, "--update-golden")
    together(recipe, [new for _, new, _ in OTHERS.values()])
    found = of_all(path)
    for i, (_, _, message) in enumerate(OTHERS.values()):
        assert not found[f"value.v{i}"]["met"]
        assert message.replace("value.", f"value.v{i}.") in found[f"value.v{i}"]["difference"]


def test_many_differences_are_counted(recipe, flowrun: Flowrun) -> None:
    path = recipe("{'abcdefg'[i]: i for i in range(7)}")
    update(flowrun)
    recipe("{'abcdefg'[i]: i + 1 for i in range(7)}")
    assert outcome(path)["difference"].splitlines()[-2] == "and 3 parts more"


def test_what_was_made_on_another_kind_of_device_has_wider_bounds(recipe, flowrun: Flowrun) -> None:
    path = recipe("torch.tensor([1.0])")
    update(flowrun)
    file = Path("golden/r.json")
    as_on_cuda = file.read_text().replace('"device": "cpu"', '"device": "cuda"')
    recipe("torch.tensor([1.00005])")
    assert not outcome(path)["met"]
    file.write_text(as_on_cuda)
    assert outcome(path)["met"]
    own = {"golden": {"cpu": {"rtol": 1e-6}, "cuda": {"rtol": 1}}}
    assert not outcome(path, set={"expect.value": own})["met"]


ELSEWHERE = """
from flowrun import Backend, hookimpl, step

class Elsewhere(Backend):
    def devices(self):
        return {"cpu": "", "mps:0": "stand-in"}

@hookimpl
def flowrun_backend():
    return Elsewhere()

@step(outputs="value")
def count(*, off: float = 0.0):
    return [1 + number / 10 + off for number in range(1000)]
"""


def test_what_came_of_a_golden_value_holds_for_its_dtype_and_kind_of_device_alone(
    write: Write, flowrun: Flowrun
) -> None:
    write("steps.py", ELSEWHERE)
    path = write("r.yaml", RECIPE.replace("[read]", "[count]"))
    update(flowrun)
    write("r.yaml", RECIPE.replace("[read]", "[count: {off: 3.0e-5}]"))
    for there in ({"set": {"dtype": "float16"}}, {"device": "mps"}):
        met = [outcome(path, **arguments)["met"] for arguments in ({}, there, {}, there)]
        assert met == [False, True, False, True], there


def test_only_the_golden_values_that_are_tested_are_renewed(recipe, flowrun: Flowrun) -> None:
    path = recipe("{'a': torch.ones(300), 'b': torch.ones(300), 'c': 1}")
    path.write_text(RECIPE.replace("value: golden", "value.a: golden\n  value.b: golden"))
    flowrun("test", path, "--update-golden")
    recipe("{'a': torch.zeros(300), 'b': torch.zeros(300), 'c': 1}")
    path.write_text(RECIPE.replace("value: golden", "value.a: golden\n  value.b: golden"))
    flowrun("test", path, "--update-golden", "-k", "value.a")
    met = {one["path"]: one["met"] for one in fr.run(path).record["expectations"]}
    assert met == {"value.a": True, "value.b": False}
    path.write_text(RECIPE.replace("value: golden", "value.c: golden"))
    flowrun("test", path, "--update-golden")
    assert list(json.loads(Path("golden/r.json").read_text())["values"]) == ["value.c"]


def test_golden_values_renewed_by_several_processes_are_all_there(recipe, flowrun: Flowrun) -> None:
    path = recipe("{'abcdef'[i]: torch.full((300,), i) for i in range(6)}")
    lines = "\n  ".join(f"value.{name}: golden" for name in "abcdef")
    path.write_text(RECIPE.replace("value: golden", lines))
    done = flowrun("test", path, "--update-golden", "-n", "2", "--dist=load")
    assert done.stdout.count("is made") == 6
    assert fr.run(path).ok


def test_a_damaged_file_says_what_is_the_matter(recipe, flowrun: Flowrun) -> None:
    path = recipe("torch.arange(300.0)")
    update(flowrun)
    file, tensors = Path("golden/r.json"), Path("golden/r.safetensors")
    whole, old = file.read_text(), tensors.read_bytes()
    recipe("torch.arange(1.0, 301.0)")
    update(flowrun)
    tensors.write_bytes(old)
    assert "do not belong together" in outcome(path)["difference"]
    tensors.write_bytes(old[:100])
    assert "golden/r.safetensors cannot be read" in outcome(path)["difference"]
    tensors.unlink()
    assert "golden/r.safetensors cannot be read" in outcome(path)["difference"]
    file.write_text(whole[:50])
    assert "golden/r.json cannot be read" in outcome(path)["difference"]
    update(flowrun)
    assert outcome(path)["met"]


def test_what_cannot_be_kept_says_so(recipe, flowrun: Flowrun) -> None:
    recipe("object()")
    done = flowrun("test", "r.yaml", "--update-golden")
    assert done.returncode == 1
    assert "`value` cannot be golden: a object has no codec that keeps it" in done.stdout
    assert not Path("golden").exists()


def test_a_command_that_is_answered_at_once_heeds_the_golden_file(
    write: Write, flowrun: Flowrun
) -> None:
    write("r.yaml", "recipe: r\nsteps: [tensor: {a: [1.0, 2.0]}]\nexpect: {a: golden}\n")
    assert flowrun("r.yaml").returncode == 1
    assert flowrun("r.yaml").returncode == 1
    update(flowrun)
    assert flowrun("r.yaml").returncode == 0
    assert flowrun("r.yaml").returncode == 0
    file = Path("golden/r.json")
    file.write_text(file.read_text().replace("2.0", "2.5"))
    done = flowrun("r.yaml")
    assert done.returncode == 1
    assert "largest difference 0.5 at [1]: found 2, wanted 2.5" in done.stdout


def test_the_recipe_that_extends_another_has_golden_values_of_its_own(
    write: Write, flowrun: Flowrun
) -> None:
    write("a.yaml", "recipe: r\nsteps: [tensor: {a: [1.0]}]\nexpect: {a: golden}\n")
    write("b.yaml", "recipe: r\nextends: a.yaml\nsteps: [tensor: {a: [2.0]}]\n")
    flowrun("test", "--update-golden")
    assert flowrun("a.yaml", "b.yaml").returncode == 0
    assert sorted(path.name for path in Path("golden").iterdir()) == ["a.json", "b.json"]


def test_a_recipe_in_no_file_has_no_golden_values() -> None:
    recipe = {"recipe": "r", "steps": [{"tensor": {"a": 1.5}}], "expect": {"a": "golden"}}
    (found,) = fr.run(recipe).record["expectations"]
    assert found["difference"] == "a recipe that is in no file has no golden values"


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ("gloden", "`golden`, or a mapping"),
        ({"golden": 1}, "`golden` does not fit"),
        ({"golden": {"rtl": 1}}, "did you mean `rtol`?"),
        ({"golden": {"rtol": -1}}, "a number of at least 0"),
        ({"golden": {"cuda": 1}}, "`cuda` does not fit"),
        ({"golden": {"cuda": {"cpu": 1}}}, "`cpu` is no key of a golden value"),
        ({"golden": {"rtol": math.inf}}, None),
        ({"golden": None}, None),
        ({"golden": {"cuda": {"rtol": 1, "atol": 0.5}}, "above": 1}, None),
    ],
)
def test_a_mistake_in_what_is_said_of_a_golden_value_is_found(
    expected: object, message: str | None, write: Write
) -> None:
    text = json.dumps(expected).replace("Infinity", ".inf")
    path = write("r.yaml", f"recipe: r\nsteps: [tensor: {{a: 1.5}}]\nexpect: {{a: {text}}}\n")
    if message is None:
        assert fr.plan(path).expectations
        return
    with pytest.raises(RecipeError, match=message.replace("?", r"\?")):
        fr.plan(path)


def test_a_recipe_with_golden_values_is_checked_and_exported(
    write: Write, flowrun: Flowrun
) -> None:
    write("r.yaml", "recipe: r\nsteps: [tensor: {a: [1.0]}]\nexpect: {a: golden}\n")
    assert flowrun("check", "r.yaml").returncode == 0
    done = flowrun("export", "r.yaml", "-o", "r.py")
    assert done.returncode == 0, done.stderr
