"""Numbers are those that were written: none stands for another, or becomes infinite in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import flowrun
from flowrun import RecipeError, StepError

Write = Callable[[str, str], Path]


def run(*steps: object, **keys: Any) -> flowrun.Result:
    return flowrun.run({"recipe": "r", "steps": list(steps), **keys}, record=False)


def parts(train: object, rows: int) -> tuple[int, int]:
    """How many rows `split` takes to train on, and how many it leaves."""
    values = run({"random": {"data": {"randn": [rows, 2]}}}, {"split": {"train": train}}).values
    return len(values["X_train"]), len(values["X_val"])


@pytest.mark.parametrize(
    ("train", "rows", "count"),
    [
        (1, 10, 1), (5, 10, 5), (0.5, 10, 5), (0.25, 10, 3), (0.35, 10, 4), (0.24, 10, 2),
        (0.5, 5, 3), (0.29, 50, 15), (0.145, 100, 15), (0.9999, 10_000, 9999),
        (np.float64(0.25), 10, 3),
    ],
)  # fmt: skip
def test_a_fraction_of_the_rows_is_the_nearest_number_and_a_half_counts(
    train: object, rows: int, count: int
) -> None:
    assert parts(train, rows) == (count, rows - count)


@pytest.mark.parametrize("train", [1.0, 5.0, 1e1, np.float64(1.0)])
def test_a_number_with_a_point_is_never_a_number_of_rows(train: object) -> None:
    with pytest.raises(RecipeError, match="is a fraction here; for the whole number write ") as one:
        parts(train, 20)
    assert "a whole number >= 1 or a number > 0 and < 1" in str(one.value)


@pytest.mark.parametrize(
    "step", [{"split": {"train": 1.5}}, {"split": {"train": -1}}, {"init_params": {"scale": "1"}}]
)
def test_what_is_no_whole_number_gets_no_hint_to_write_one(step: dict[str, Any]) -> None:
    steps = [{"random": {"data": {"randn": [9, 2]}}}, step]
    with pytest.raises(RecipeError, match="does not fit") as one:
        flowrun.plan({"recipe": "r", "steps": steps})
    assert "for the whole number write" not in str(one.value)


@pytest.mark.parametrize("reference", ["--set", "variable", "given to a variable"])
def test_nor_is_one_that_comes_by_another_way(reference: str) -> None:
    train = 2 if reference == "--set" else "${train}"
    steps = [{"random": {"data": {"randn": [9, 2]}}}, {"split": {"train": train}}]
    recipe = {"recipe": "r", "vars": {"train": 1.0}, "steps": steps}
    settings = {"--set": {"split.train": 1.0}, "given to a variable": {"vars.train": 5.0}}
    with pytest.raises(RecipeError, match="is a fraction here"):
        flowrun.plan(recipe, set=settings.get(reference, {}))


DUPLICATED = "height,score,width,score\n1,10,3,10\n2,20,1,20\n4,30,9,30\n5,40,2,40\n"


@pytest.mark.parametrize("targets", ["score", ["score"], 1])
@pytest.mark.parametrize("act", [flowrun.run, flowrun.check])
def test_a_table_with_two_columns_of_one_name_is_refused(
    targets: object, act: Callable[..., Any], write: Write
) -> None:
    write("t.csv", DUPLICATED)
    steps = [{"load": {"source": "t.csv"}}, {"split": {"train": 2, "targets": targets}}]
    message = "line 1: the columns 2 and 4 are both named `score`"
    if act is flowrun.run:
        with pytest.raises(StepError, match=message):
            act({"recipe": "r", "steps": steps})
    else:
        assert message in str(act({"recipe": "r", "steps": steps}).errors)


def test_columns_without_a_name_are_no_two_of_one_name(write: Write) -> None:
    write("t.csv", ",a,\n0,1,2\n3,4,5\n")
    assert run({"load": {"source": "t.csv"}}).values["columns"] == ["", "a", ""]


NAMED = """
from flowrun import step

@step(outputs="columns")
def name_columns(*, names: list[str]) -> list[str]:
    return names
"""


@pytest.mark.parametrize(
    ("names", "targets", "message"),
    [
        (["y", "x", "y"], "y", "the columns 1 and 3 are all named `y`, which is a target"),
        (["y", "x", "y"], 1, "the columns 1 and 3 are all named `y`, which is a target"),
        (["x", "y", "z"], ["y", "y"], "`y` is named twice in `targets`"),
        (["x", "x", "z"], "x", "the columns 1 and 2 are all named `x`"),
        (["x", "x", "z"], "z", None),
        (["", "y", ""], 1, None),
    ],
)
def test_a_target_never_stays_among_the_features(
    names: list[str], targets: object, message: str | None, write: Write
) -> None:
    write("steps.py", NAMED)
    steps = [
        {"random": {"data": {"randn": [4, 3]}}},
        {"name_columns": {"names": names}},
        {"split": {"train": 2, "targets": targets}},
    ]
    if message is None:
        assert run(*steps, plugins=["./steps.py"]).values["X_train"].shape == (2, 2)
        return
    with pytest.raises(StepError, match=message):
        run(*steps, plugins=["./steps.py"])


@pytest.mark.parametrize(
    ("dtype", "cell", "fits"),
    [
        ("float32", "1e39", False), ("float32", "-3.5e38", False), ("float32", "3.4e38", True),
        ("float16", "70000", False), ("float16", "65504", True), ("float16", "65519", True),
        ("float16", "65520", False), ("bfloat16", "3.4e38", False), ("float64", "1e308", True),
    ],
)  # fmt: skip
def test_a_number_that_a_dtype_cannot_hold_is_refused(
    dtype: str, cell: str, fits: bool, write: Write
) -> None:
    write("t.csv", f"a,b\n1,2\n3,{cell}\n")
    recipe = {"recipe": "r", "dtype": dtype, "steps": [{"load": {"source": "t.csv"}}]}
    checked = flowrun.check(recipe)
    if fits:
        assert not checked.errors
        assert flowrun.run(recipe).values["data"].isfinite().all()
        return
    message = rf"line 3, column 2 \(b\): `.*` is larger than {dtype} can hold .*; take `dtype: "
    with pytest.raises(StepError, match=message):
        flowrun.run(recipe)
    assert f"is larger than {dtype} can hold" in str(checked.errors)


@pytest.mark.parametrize(
    ("literals", "dtype", "message"),
    [
        ({"a": 1e39}, "float32", "`a`: `1e[+]39` is larger than float32 can hold"),
        ({"a": [1.0, [1e39][0]]}, "float32", r"`a\[1\]`: "),
        ({"a": [[1.0], [70000.0]]}, "float16", r"`a\[1\]\[0\]`: "),
        ({"a": [70000], "dtype": "float16"}, "float32", r"`a\[0\]`: .* take `dtype: float32`"),
        ({"a": [1e39], "dtype": "float16"}, "float32", r"`a\[0\]`: .* take `dtype: float64`"),
    ],
)
def test_a_literal_that_a_dtype_cannot_hold_is_refused(
    literals: dict[str, object], dtype: str, message: str
) -> None:
    with pytest.raises(StepError, match=message):
        run({"tensor": literals}, dtype=dtype)


INFINITE = """
recipe: r
dtype: {dtype}
steps:
  - tensor: {{a: [70000, 1], b: [.inf, 1.0]}}
expect:
  b: {{equals: [{wanted}, 1.0]}}
"""


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_literals_that_fit_are_made_whole_ones_and_infinite_ones_among_them(
    dtype: str, write: Write
) -> None:
    result = flowrun.run(write("r.yaml", INFINITE.format(dtype=dtype, wanted=".inf")))
    assert result.values["a"].tolist() == [70000, 1]
    assert result.values["b"].tolist() == [float("inf"), 1.0]
    assert result.ok


def test_infinity_is_not_equal_to_a_number_beyond_its_dtype(write: Write) -> None:
    path = write("r.yaml", INFINITE.format(dtype="float32", wanted="1e39"))
    (check,) = flowrun.run(path).record["expectations"]
    assert not check["met"]
    assert check["difference"] == "wanted a number larger than float32 can hold"


@pytest.mark.parametrize(
    ("numbers", "dtype", "cast", "lost"),
    [
        ([70000.0, 65519.0, -1e9, float("inf")], "float32", "float16", 2),
        ([1e39, 1.0], "float64", "float32", 1),
        ([3.4e38, 1.0], "float64", "bfloat16", 1),
        ([70000, 1], "int64", "float16", 1),
        ([2147483647.0, 2147483648.0, -2147483648.9, -2147483649.0], "float64", "int32", 2),
        ([9.3e18, -9.3e18, -(2.0**63), float("nan")], "float64", "int64", 3),
        ([2**31, -(2**31), 2**31 - 1], "int64", "int32", 1),
        ([0.5, 1e30], "float32", "bool", 0),
        ([1e30, 2.5], "bfloat16", "float32", 0),
        ([2.9, -2.9], "float32", "int32", 0),
        ([65504.0, float("-inf")], "float16", "int32", 1),
        ([1, 2**32 - 1, 2**31], "uint32", "int32", 2),
        ([1, 2**64 - 1, 2**63, 2**40], "uint64", "int64", 2),
        ([1, 2**40], "uint64", "int32", 1),
        *(
            ([1, 2], dtype, cast, 0)
            for cast in ("int32", "int64", "float16", "bool")
            for dtype in (
                "bool",
                "uint8",
                "int8",
                "int16",
                "uint16",
                "int32",
                "uint32",
                "uint64",
                "int64",
                "float16",
                "bfloat16",
                "float64",
                "float8_e5m2",
            )
        ),
    ],
)
def test_a_cast_counts_the_numbers_that_it_loses(
    numbers: list[float], dtype: str, cast: str, lost: int
) -> None:
    if hasattr(np, dtype):  # torch makes no number above 2**63
        tensor = torch.from_numpy(np.array(numbers, dtype))
    else:
        tensor = torch.tensor(numbers).to(getattr(torch, dtype))
    recipe = {"recipe": "r", "steps": [{"cast": {"x": cast}}]}
    result = flowrun.run(recipe, given={"x": tensor}, record=False)
    assert torch.equal(result.values["x"], tensor.to(getattr(torch, cast)))
    what = "infinite" if "float" in cast else "arbitrary"
    message = f"{lost} of the numbers of `x` are beyond {cast}, and become {what}"
    assert result.record["warnings"] == ([message] if lost else [])
    assert not flowrun.check(recipe, given={"x": tensor}).errors


@pytest.mark.parametrize("name", ["e", "pi", "inf", "float64", "bool", "exp", "mean"])
def test_a_value_named_like_a_constant_is_the_value_in_every_expression(name: str) -> None:
    result = run(
        {"tensor": {name: 0.25}},
        {"compute": {"y": f"{name} ** 2"}},
        {"numpy": {"z": f"{name} * 2"}},
        {"grad": {"of": f"{name} ** 2", "by": [name]}},
        {"minimize": {"of": f"{name} ** 2", "by": name, "steps": 1, "lr": 0.5}},
        {"compute": {"later": f"{name} + 1"}},
        {"compute": {name: "later * 2", "last": name}},
        expect={name: {"equals": 2.0}, "y": {"equals": 0.0625}},
    )
    values = result.values
    assert float(values["y"]) == 0.0625
    assert float(values["z"]) == 0.5
    assert float(values["grads"][name]) == 0.5
    assert values["points"].tolist() == [0.25, 0.0]
    assert float(values["later"]) == 1.0
    assert float(values["last"]) == 2.0
    assert result.ok


def test_a_constant_is_itself_until_a_value_has_its_name() -> None:
    values = run(
        {"compute": {"a": "e + 0", "e": "e * 2", "b": "e + 0"}},
        {"compute": {"c": "e + 0", "d": "pi"}},
    ).values
    assert values["a"] == pytest.approx(2.718281828)
    assert values["b"] == values["c"] == pytest.approx(2 * 2.718281828)
    assert values["d"] == pytest.approx(3.14159265)


def test_a_name_that_is_changed_in_place_must_be_a_value() -> None:
    with pytest.raises(RecipeError, match="compute needs `e`, and no step above it gives that"):
        run({"compute": {"x": "e += 1"}})


@pytest.mark.parametrize("name", ["True", "None", "lambda", "\u212f", "\u00b5"])
@pytest.mark.parametrize("way", ["made", "renamed"])
def test_a_name_that_an_expression_would_read_as_another_is_refused(name: str, way: str) -> None:
    steps = {
        "made": [{"tensor": {name: 5.0}}],
        "renamed": [{"tensor": {"x": 5.0}, "out": {"x": name}}],
    }
    with pytest.raises(RecipeError, match="letters, digits and `_`, and no word of Python"):
        run(*steps[way])
