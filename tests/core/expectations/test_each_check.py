"""Each check: what it finds, what it wants, by how much it is missed, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import flowrun
from flowrun.expectations.check import CHECKS
from flowrun.expectations.checks.seeds import worst_seed
from flowrun.expectations.tolerances import GoldenTolerances
from tests.core.problems import Parts, parts

STEPS = '''
import torch
from flowrun import step

@step(outputs=("whole", "big", "text", "none", "flag", "nested", "t", "thing", "nan", "d"))
def make():
    """Make values of many types."""
    t = torch.tensor([[1.0, 2.0]])
    return 7, 10**400, "abc", None, True, [1, [2, 3]], t, object(), float("nan"), {"a": [1.5]}
'''


@pytest.fixture(autouse=True)
def _steps() -> None:
    Path("steps.py").write_text(STEPS)


def recipe(path: str, expected: object) -> dict[str, object]:
    expect = {path: expected}
    return {"recipe": "r", "plugins": ["./steps.py"], "steps": ["make"], "expect": expect}


@pytest.mark.parametrize(
    ("path", "check", "wanted", "found", "difference"),
    [
        ("whole", {"below": 7}, "below 7", "7", "off by 0"),
        ("whole", {"below": 7.5}, "below 7.5", "7", None),
        ("whole", {"above": 7}, "above 7", "7", "off by 0"),
        ("whole", {"above": 6.75}, "above 6.75", "7", None),
        ("whole", {"between": [7, 8]}, "between 7 and 8", "7", None),
        ("whole", {"between": [6, 7]}, "between 6 and 7", "7", None),
        ("whole", {"between": [8, 12]}, "between 8 and 12", "7", "off by 1"),
        ("whole", {"between": [-30, 5]}, "between -30 and 5", "7", "off by 2"),
        ("nan", {"below": 1}, "below 1", "nan", "off by nan"),
        ("nan", {"above": 1}, "above 1", "nan", "off by nan"),
        ("nan", {"between": [0, 1]}, "between 0 and 1", "nan", "off by nan"),
        ("big", {"below": 1}, "below 1", str(10**400), ""),
        ("text", {"below": 1}, "below 1", "str, not a number", ""),
        ("none", {"above": 1}, "above 1", "NoneType, not a number", ""),
        ("flag", {"below": 2}, "below 2", "bool, not a number", ""),
        ("t", {"below": 3}, "below 3", "list, not a number", ""),
        ("t[0, 1]", {"below": 3}, "below 3", "2", None),
        ("nested", {"equals": [1, [2, 4]]}, "equals [1, [2, 4]]", "[1, [2, 3]]",
         "at [1]: at [1]: off by 1"),
        ("nested[1]", {"equals": [2, 3]}, "equals [2, 3]", "[2, 3]", None),
        ("nested[5]", {"equals": 1}, "equals 1", "`nested`: list index out of range", ""),
        ("d.b", {"equals": 1}, "equals 1", "`d` has no `b`; its keys: a", ""),
        ("text", {"equals": "abd"}, "equals abd", "abc", "'abc' is not 'abd'"),
        ("text", {"equals": "a" * 53}, f"equals {'a' * 53}", "abc", f"'abc' is not '{'a' * 53}'"),
        ("text", {"equals": "a" * 60}, f"equals {'a' * 60}", "abc", f"'abc' is not '{'a' * 60}'"),
        ("text", {"equals": "a" * 61}, f"equals {'a' * 57}...", "abc",
         f"'abc' is not '{'a' * 61}'"),
        ("none", {"equals": None}, "equals None", "None", None),
        ("flag", {"equals": True}, "equals True", "True", None),
        ("flag", {"equals": 1}, "equals 1", "True", "True is not 1"),
        ("whole", {"equals": "7"}, "equals 7", "7", "7 is not '7'"),
        ("thing", {"shape": [1]}, "shape [1]", "None", ""),
        ("thing", {"dtype": "float32"}, "dtype float32", "None", ""),
        ("whole", {"shape": []}, "shape []", "None", ""),
        ("t", {"shape": [1, 3]}, "shape [1, 3]", "[1, 2]", ""),
        ("t", {"device": "cuda"}, "device cuda", "cpu", ""),
        ("t", {"device": "cpu"}, "device cpu", "cpu", None),
        ("t", {"dtype": "float64"}, "dtype float64", "float32", ""),
        ("t", "golden", "golden", "(1, 2) [[1, 2]]",
         "a recipe that is in no file has no golden values"),
        ("whole", {"golden": {"rtol": 0.1, "cuda": {"atol": 1}}}, "golden, rtol 0.1, cuda atol 1",
         "7", "a recipe that is in no file has no golden values"),
    ],
)  # fmt: skip
def test_a_check_says_what_it_finds_and_by_how_much_it_is_missed(
    path: str, check: object, wanted: str, found: str, difference: str | None
) -> None:
    (outcome,) = flowrun.run(recipe(path, check), record=False).record["expectations"]
    assert (outcome["path"], outcome["wanted"], outcome["found"]) == (path, wanted, found)
    assert outcome["met"] == (difference is None)
    assert outcome.get("difference", "") == (difference or "")


NAMES = "below, above, between, equals, finite, golden, seeds, shape, dtype, device"
STATISTICS = "mean, std, median, min, max"
A_MAPPING = f"`golden`, or a mapping with {NAMES}"
MANY = "a whole number from 2 to 10000"
BOUNDS = "a mapping with below, above, between: `{below: 0.55}`"


def problem(path: str, expected: object) -> Parts:
    with pytest.raises(flowrun.RecipeError) as caught:
        flowrun.plan(recipe(path, expected))
    (one,) = caught.value.problems
    return parts(one, Path.cwd())


@pytest.mark.parametrize(
    ("expected", "message", "found", "wanted", "hint"),
    [
        (3, "the expectation of `whole` is a mapping", "`3` (a whole number)", A_MAPPING,
         "write `{equals: 3}`"),
        ("finite", "the expectation of `whole` is a mapping", "`finite` (a string)", A_MAPPING,
         "write `{equals: finite}`"),
        ([1], "the expectation of `whole` is a mapping", "a list of 1", A_MAPPING, None),
        ({"belw": 1}, "`belw` is not a check", None,
         f"one of: {NAMES}, rtol, atol, {STATISTICS}", "did you mean `below`?"),
        ({"below": True}, "`below` does not fit", "`true` (true or false)", "a number", None),
        ({"between": [2, 1]}, "`between` does not fit", "a list of 2",
         "two numbers, the lower one first: `[0.4, 0.6]`", None),
        ({"between": [1, 2, 3]}, "`between` does not fit", "a list of 3",
         "two numbers, the lower one first: `[0.4, 0.6]`", None),
        ({"seeds": 1, "mean": {"below": 1}}, "`seeds` does not fit", "`1` (a whole number)", MANY,
         None),
        ({"seeds": 10_001, "mean": {"below": 1}}, "`seeds` does not fit",
         "`10001` (a whole number)", MANY, None),
        ({"seeds": True, "mean": {"below": 1}}, "`seeds` does not fit", "`true` (true or false)",
         MANY, None),
        ({"seeds": 2}, "nothing is expected over these seeds", None,
         f"at least one of: {STATISTICS}", None),
        ({"seeds": 2, "mean": {}}, "`mean` does not fit", "a mapping with no keys", BOUNDS, None),
        ({"seeds": 2, "std": 3}, "`std` does not fit", "`3` (a whole number)", BOUNDS, None),
        ({"seeds": 2, "mean": {"equals": 1}}, "`equals` is not a check", None,
         "one of: below, above, between", None),
        ({"seeds": 2, "mean": {"below": "x"}}, "`below` does not fit", "`x` (a string)", "a number",
         None),
        ({"mean": {"below": 1}}, "`mean` belongs to `seeds`, which is not there", None, None,
         "add for example `seeds: 20`"),
        ({"golden": 1}, "`golden` does not fit", "`1` (a whole number)",
         "nothing, or `{rtol: 1e-5, atol: 1e-6, cuda: {rtol: 1e-3}}`", None),
        ({"golden": {"cuda": 1}}, "`cuda` does not fit", "`1` (a whole number)",
         "`{rtol: 1e-3, atol: 1e-4}`", None),
        ({"golden": {"cuda": {"cpu": 1}}}, "`cpu` is no key of a golden value", None,
         "one of: rtol, atol", None),
        ({"golden": {"rtl": 1}}, "`rtl` is no key of a golden value", None,
         "one of: rtol, atol, cpu, cuda, mps, xpu", "did you mean `rtol`?"),
        ({"equals": 1, "rtol": -1}, "`rtol` does not fit", "`-1` (a whole number)",
         "a number of at least 0", None),
        ({"equals": 1, "atol": True}, "`atol` does not fit", "`true` (true or false)",
         "a number of at least 0", None),
        ({"equals": {"a": 1}}, "`equals` does not fit", "a mapping with a",
         "a number, a text, true, false, null, or a nested list", None),
        ({"finite": False}, "`finite` does not fit", "`false` (true or false)", "`true`", None),
        ({"shape": [-1]}, "`shape` does not fit", "a list of 1",
         "a list of whole numbers, or names for sizes: `[1000, 11]`, `[n, 11]`", None),
        ({"dtype": 32}, "`dtype` does not fit", "`32` (a whole number)", "a name: `float32`, `cpu`",
         None),
    ],
)  # fmt: skip
def test_a_check_that_cannot_be_read(
    expected: object, message: str, found: str | None, wanted: str | None, hint: str | None
) -> None:
    assert problem("whole", expected)[1:] == (message, found, wanted, hint)


@pytest.mark.parametrize("count", [2, 10_000])
def test_what_is_expected_over_seeds_is_no_check_of_one_run(count: int) -> None:
    planned = flowrun.plan(recipe("whole", {"seeds": count, "mean": {"above": 1}, "below": 9}))
    (expectation,) = planned.expectations.values
    seeds = expectation.over_seeds
    assert seeds is not None
    assert (seeds.bound, seeds.text) == (count, f"mean over {count} seeds")
    assert [check.name for check in expectation.of_one_run] == ["below"]


@pytest.mark.parametrize(
    ("statistic", "is_too_high", "worst"),
    [("mean", True, 3), ("mean", False, 5), ("max", True, 3), ("min", False, 5), ("std", True, 5),
     ("std", False, 5)],
)  # fmt: skip
def test_the_worst_seed_is_the_one_that_did_most(
    statistic: str, is_too_high: bool, worst: int
) -> None:
    assert worst_seed({3: 3.0, 4: 2.0, 5: -9.0}, statistic, is_too_high) == worst


STEP_ERRORS = [
    ({"step": "mkae"}, "there is no step `mkae` to fail", None, "the id of a step: make",
     "did you mean `make`?"),
    ({"step": "make", "matches": "("}, "`matches` is not a regular expression: missing ): (", None,
     None, "the syntax is that of RE2: github.com/google/re2/wiki/Syntax"),
    ({"step": "make", "matches": "a" * 1001}, "`matches` is not a regular expression: it is longer "
     "than 1,000 characters", None, None,
     "the syntax is that of RE2: github.com/google/re2/wiki/Syntax"),
    ({"step": "make", "matches": 3}, "`matches` does not fit", "`3` (a whole number)", "a string",
     None),
    ({"step": "make", "matces": "a"}, "`matces` is not a check", None, "one of: step, matches",
     "did you mean `matches`?"),
    ({"matches": "a"}, "`error` needs the `step` that must fail", None, None, None),
    ({"step": ["make"]}, "`step` does not fit", "a list of 1", "a string", None),
]  # fmt: skip


@pytest.mark.parametrize("case", STEP_ERRORS, ids=str)
def test_an_expected_failure_that_cannot_be_read(case: tuple[object, ...]) -> None:
    expected, *rest = case
    assert list(problem("error", expected)[1:]) == rest


@pytest.mark.parametrize(
    ("expected", "met", "found"),
    [
        ({"step": "fail"}, True, "`fail` failed: ValueError: first (steps.py:7)"),
        (
            {"step": "fail", "matches": "f.rst"},
            True,
            "`fail` failed: ValueError: first (steps.py:7)",
        ),
        (
            {"step": "fail", "matches": "third"},
            False,
            "`fail` failed: ValueError: first (steps.py:7)",
        ),
    ],
)
def test_an_expected_failure_is_known_by_its_message(
    expected: Mapping[str, str], met: bool, found: str
) -> None:
    Path("steps.py").write_text(
        "from flowrun import step\n\n\n@step(outputs=())\ndef fail():\n"
        "    'Fail.'\n    raise ValueError('first\\nsecond')\n"
    )
    given = {**recipe("error", expected), "steps": ["fail"]}
    (outcome,) = flowrun.run(given, record=False).record["expectations"]
    wanted = f"`fail` fails with a message that matches `{expected.get('matches', '')}`"
    assert (outcome["path"], outcome["wanted"]) == ("error", wanted)
    assert (outcome["met"], outcome["found"]) == (met, found)


@pytest.mark.parametrize(
    ("path", "checks", "why"),
    [
        ("t", {"below": 1}, "`below` is of a number, and its shape is [1, 2]"),
        ("t[0, 0]", {"below": 1}, None),
        ("whole", {"below": 1}, None),
        ("t", {"shape": [2]}, "its shape is [1, 2], not [2]"),
        ("t", {"shape": ["n", "m"]}, None),
        ("t", {"dtype": "float64"}, "its dtype is float32, not float64"),
        ("t", {"dtype": "float32"}, None),
        ("t", {"device": "cuda"}, "its device is cpu, not cuda"),
    ],
)
def test_the_check_on_shapes_finds_what_no_run_can_meet(
    path: str, checks: object, why: str | None
) -> None:
    given = recipe(path, checks)
    given |= {"steps": [{"tensor": {"t": [[1.0, 2.0]], "whole": 7}}]}
    del given["plugins"]
    found = [error.message.partition("be met: ")[2] for error in flowrun.check(given).errors]
    assert found == ([] if why is None else [why])


def test_a_check_is_described_by_the_first_line_of_its_docstring() -> None:
    for check in CHECKS.values():
        about = check.described_schema()["description"]
        assert about == check.about() == str(check.__doc__).splitlines()[0]
        assert about.endswith(".")


@pytest.mark.parametrize(
    ("dtype", "rtol", "atol"),
    [
        ("float16", 1e-3, 1e-5),
        ("bfloat16", 1.6e-2, 1e-5),
        ("float32", 1.3e-6, 1e-5),
        ("float64", 1e-7, 1e-7),
        ("complex64", 1.3e-6, 1e-5),
        ("complex128", 1e-7, 1e-7),
        ("int64", None, None),
        (None, None, None),
    ],
)
def test_golden_values_have_the_tolerances_of_torch_and_ten_times_those_elsewhere(
    dtype: str | None, rtol: float | None, atol: float | None
) -> None:
    here = GoldenTolerances({}, "cpu", "cpu", "float32")
    assert here.of_dtype(dtype) == (rtol, atol)
    elsewhere = GoldenTolerances({}, "cuda", "cpu", "float32")
    if rtol is not None and atol is not None:
        assert elsewhere.of_dtype(dtype) == (rtol * 10, atol * 10)


@pytest.mark.parametrize(
    ("options", "kind", "expected"),
    [
        ({"rtol": 0.5}, "cpu", (0.5, 0.0)),
        ({"atol": 0.5}, "cpu", (0.0, 0.5)),
        ({"rtol": 0.5, "cuda": {"atol": 0.25}}, "cuda", (0.0, 0.25)),
        ({"rtol": 0.5, "cuda": {"atol": 0.25}}, "cpu", (0.5, 0.0)),
        ({"rtol": 0.5, "cuda": {}}, "cuda", (0.5, 0.0)),
    ],
)
def test_a_recipe_gives_tolerances_of_its_own(
    options: dict[str, object], kind: str, expected: tuple[float, float]
) -> None:
    tolerances = GoldenTolerances(options, kind, "cpu", "float64")
    assert tolerances.of_dtype("float16") == tolerances.of_number(1.0) == expected


def test_a_whole_number_is_golden_to_the_last_digit() -> None:
    tolerances = GoldenTolerances({}, "cpu", "cpu", "float64")
    assert tolerances.of_number(1.0) == (1e-7, 1e-7)
    assert tolerances.of_number(1) == (None, None)
