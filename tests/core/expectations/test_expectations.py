"""What a recipe may expect: tensors, shapes, dtypes, devices, failures; and what it may need."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowrun
from flowrun import RecipeError, StepError
from tests.conftest import Flowrun

MAKE = {"tensor": {"m": [[1.0, 2.0], [3.0, 4.0]], "n": [1, 2], "error": 2.5}}


def outcomes(expect: dict[str, object], *more: object) -> list[dict[str, object]]:
    recipe = {"recipe": "r", "steps": [MAKE, *more], "expect": expect}
    found: list[dict[str, object]] = flowrun.run(recipe).record["expectations"]
    return found


@pytest.mark.parametrize(
    ("path", "checks", "met"),
    [
        ("m", {"equals": [[1, 2], [3, 4]]}, True),
        ("m", {"equals": [[1, 2], [3, 4.000001]]}, True),
        ("m", {"equals": [[1, 2], [3, 4.0001]]}, False),
        ("m", {"equals": [[1, 2], [3, 4.0001]], "atol": 1e-3}, True),
        ("m", {"equals": [[1, 2], [3, 4.1]], "rtol": 0.1}, True),
        ("m", {"equals": [[1, 2], [3, 4.4]], "rtol": 0.095}, True),  # of 4.4, not of 4
        ("m", {"equals": [[1, 2], [3, 3.6]], "rtol": 0.105}, False),
        ("m", {"equals": [1, 2]}, False),
        ("n", {"equals": [1, 2]}, True),
        ("n", {"equals": [1.4, 2]}, False),
        ("n", {"equals": [1.4, 2], "atol": 0.5}, True),
        ("m[1, 0]", {"equals": 3}, True),
        ("m[0]", {"equals": [1, 2]}, True),
        ("m", {"shape": [2, 2], "dtype": "float32", "device": "cpu"}, True),
        ("m", {"shape": [4]}, False),
        ("n", {"dtype": "float32"}, False),
        ("m", {"device": "cuda"}, False),
        ("error", {"below": 3}, True),
        ("error", {"equals": 2.5}, True),
        ("error", {"between": [2.5, 2.5]}, True),
    ],
)
def test_a_value_is_held_against_its_checks(
    path: str, checks: dict[str, object], met: bool
) -> None:
    assert all(outcome["met"] for outcome in outcomes({path: checks})) == met


@pytest.mark.parametrize(
    ("path", "difference"),
    [
        ("m", ""),
        ("n", ""),
        ("error", ""),
        ("bad", "2 of 4 numbers are not finite, the first at [0, 1]: nan"),
        ("bad[0, 1]", "1 of 1 numbers are not finite, the first at the value itself: nan"),
        ("mixed", "1 of 3 numbers are not finite, the first at .rates[1]: -inf"),
        ("mixed.name", "there is no number in it"),
    ],
)
def test_finite_counts_what_is_not_and_names_the_first(
    path: str, difference: str, tmp_path: Path
) -> None:
    (tmp_path / "strange.py").write_text(
        "import torch\nfrom flowrun import step\n\n\n@step(outputs=('mixed', 'bad'))\n"
        "def strange():\n"
        "    inf = float('inf')\n"
        "    mixed = {'name': 'red', 'is_new': True, 'rates': (0.5, -inf), 'n': 10**400}\n"
        "    return mixed, torch.tensor([[1.0, inf - inf], [inf, 2.0]])\n"
    )
    recipe = {
        "recipe": "r",
        "plugins": [str(tmp_path / "strange.py")],
        "steps": [MAKE, "strange"],
        "expect": {path: {"finite": True}},
    }
    (outcome,) = flowrun.run(recipe).record["expectations"]
    assert outcome["wanted"] == "finite"
    assert outcome["met"] == (difference == "")
    assert outcome.get("difference", "") == difference


PATTERNS = {
    "any size": ({"m": {"shape": ["n", 2]}}, ""),
    "the same size twice": ({"m": {"shape": ["n", "n"]}}, ""),
    "the same size in two values": ({"m": {"shape": ["n", 2]}, "n": {"shape": ["n"]}}, ""),
    "another size in another value": (
        {"m": {"shape": ["n", "k"]}, "long": {"shape": ["n"]}},
        "`n` is 3 here, and 2 in `m`",
    ),
    "two names of one size": ({"m": {"shape": ["n", "k"]}}, ""),
}


@pytest.mark.parametrize(("expect", "difference"), PATTERNS.values(), ids=PATTERNS)
def test_a_name_in_a_shape_is_one_size_in_a_run(expect: dict[str, object], difference: str) -> None:
    found = outcomes(expect, {"tensor": {"long": [1, 2, 3]}})
    assert [one.get("difference", "") for one in found if not one["met"]] == [difference] * bool(
        difference
    )


@pytest.mark.parametrize(("expect", "difference"), PATTERNS.values(), ids=PATTERNS)
def test_the_check_finds_the_same_on_shapes(expect: dict[str, object], difference: str) -> None:
    steps = [MAKE, {"tensor": {"long": [1, 2, 3]}}]
    checked = flowrun.check({"recipe": "r", "steps": steps, "expect": expect})
    texts = [error.message for error in checked.errors]
    assert [text.partition("be met: ")[2] for text in texts] == [difference] * bool(difference)


@pytest.mark.parametrize("pattern", [[2, "n", 2], ["n"], [3, "k"]])
def test_a_shape_that_does_not_fit_a_pattern_is_shown_beside_it(pattern: list[object]) -> None:
    (outcome,) = outcomes({"m": {"shape": pattern}})
    assert (outcome["met"], outcome["found"]) == (False, "[2, 2]")
    assert outcome["wanted"] == f"shape [{', '.join(map(str, pattern))}]"


def test_a_name_stands_for_the_same_size_if_results_are_known_from_the_store(
    flowrun: Flowrun,
) -> None:
    text = "recipe: r\nsteps: [tensor: {a: [[1, 2]], b: [1, 2, 3]}]\n"
    Path("r.yaml").write_text(text + "expect: {a: {shape: [k, n]}, b: {shape: [n]}}\n")
    for _ in range(2):
        done = flowrun("r.yaml")
        assert done.returncode == 1
        assert "`n` is 3 here, and 2 in `a`" in done.stdout


def test_a_comparison_that_fails_says_by_how_much_and_where() -> None:
    (outcome,) = outcomes({"m": {"equals": [[1, 2], [3.5, 4.1]]}})
    assert outcome["found"] == "[[1, 2], [3, 4]]"
    assert outcome["difference"] == ("largest difference 0.5 at [1, 0]: found 3, wanted 3.5")
    (outcome,) = outcomes({"m": {"equals": [1, 2, 3]}})
    assert outcome["difference"] == "shape (2, 2) against (3,)"


def test_plain_values_are_compared_too() -> None:
    steps = {"compute": {"shape": "m.shape", "kind": "m.dtype"}}
    expect = {"shape": {"equals": [2, 2]}, "kind": {"equals": "float32"}}
    assert all(outcome["met"] for outcome in outcomes(expect, steps))
    (outcome,) = outcomes({"shape": {"equals": [2, 3]}}, steps)
    assert outcome["difference"] == "at [1]: off by 1"


@pytest.mark.parametrize(("wanted", "rtol", "met"), [(2.5, 0.21, True), (1.6, 0.21, False)])
def test_a_relative_difference_is_one_of_the_wanted_number(
    wanted: float, rtol: float, met: bool
) -> None:
    steps = {"compute": {"shape": "m.shape"}}
    (outcome,) = outcomes({"shape[0]": {"equals": wanted, "rtol": rtol}}, steps)
    assert outcome["met"] == met


FAILS = {"compute": {"c": "m @ m[0, :, None][:1]"}}


def test_a_recipe_may_expect_a_step_to_fail() -> None:
    expect = {"error": {"step": "compute", "matches": "shapes cannot be multiplied"}}
    (outcome,) = outcomes(expect, FAILS)
    assert outcome["met"]


def test_another_message_or_no_failure_is_not_what_was_expected() -> None:
    expect = {"error": {"step": "compute", "matches": "nonsense"}}
    (outcome,) = outcomes(expect, FAILS)
    assert not outcome["met"]
    assert "shapes cannot be multiplied" in str(outcome["found"])
    (outcome,) = outcomes(expect, {"compute": {"c": "m + 1"}})
    assert (outcome["met"], outcome["found"]) == (False, "no step failed")


def test_another_step_that_fails_fails_the_run() -> None:
    with pytest.raises(StepError):
        outcomes({"error": {"step": "tensor", "matches": ""}}, FAILS)


def test_values_that_the_failure_kept_from_being_made_are_not_met() -> None:
    expect = {"error": {"step": "compute", "matches": ""}, "c": {"below": 1}}
    failed, value = outcomes(expect, FAILS)
    assert failed["met"]
    assert (value["met"], value["found"]) == (False, "`c` was not made: the run ended before")


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ({"error": {"step": "comptue"}}, "did you mean `compute`?"),
        ({"error": {"step": "compute", "matches": "("}}, "not a regular expression"),
        ({"error": {"matches": "x"}}, "needs the `step`"),
        ({"error": {"step": "compute", "match": "x"}}, "did you mean `matches`?"),
        ({"m": {"shape": 3}}, "a list of whole numbers"),
        ({"m": {"shape": [2, "2n"]}}, "names for sizes"),
        ({"m": {"shape": [2, True]}}, "names for sizes"),
        ({"m": {"finite": False}}, "`true`"),
        ({"m": {"finite": 1}}, "`true`"),
        ({"m": {"shape": [2, 2], "rtol": 0.1}}, "belongs to `equals`"),
        ({"m": {"rtol": 0.1}}, "add for example `equals: "),
        ({"m": {"finite": True, "mean": {"below": 1}}}, "add for example `seeds: 20`"),
        ({"m": {"dtype": 32}}, "a name"),
        ({"m": {"equals": {"a": 1}}}, "a nested list"),
    ],
)
def test_a_mistake_in_what_is_expected_is_found(expect: dict[str, object], message: str) -> None:
    recipe = {"recipe": "r", "steps": [MAKE, {"compute": {"c": "m"}}], "expect": expect}
    with pytest.raises(RecipeError, match=message.replace("?", r"\?")):
        flowrun.plan(recipe)


def test_what_a_machine_lacks_skips_the_recipe_with_the_reason(flowrun: Flowrun) -> None:
    text = "recipe: r\nsection: gpu\nneeds: xpu\ndevice: xpu\nsteps: [tensor: {a: [1]}]\n"
    Path("a.yaml").write_text(text)
    Path("b.yaml").write_text(text.replace("xpu", "cpu"))
    done = flowrun("a.yaml", "b.yaml")
    assert done.returncode == 0, done.stderr
    assert "  skipped: needs xpu, and this machine has: " in done.stdout
    table = done.stdout.splitlines()[-2:]
    assert table[0].split()[:5] == ["r", "gpu", "skipped", "needs", "xpu,"]
    assert table[1].split()[:3] == ["r", "gpu", "ok"]


def test_what_a_machine_must_not_have_skips_it_too() -> None:
    recipe = {"recipe": "r", "needs": ["no cpu"], "steps": [MAKE]}
    result = flowrun.run(recipe)
    assert result.record["status"] == "skipped"
    assert result.ok
    assert result.values == {}


def test_a_bound_that_is_not_met_says_by_how_much() -> None:
    (outcome,) = outcomes({"error": {"between": [2.75, 3]}})
    assert outcome["difference"] == "off by 0.25"


@pytest.mark.parametrize(("tags", "read"), [("slow", ("slow",)), (["a", "b2", "a"], ("a", "b2"))])
def test_a_recipe_has_tags(tags: object, read: tuple[str, ...]) -> None:
    recipe = {"recipe": "r", "tags": tags, "steps": [MAKE]}
    assert flowrun.load_recipe(recipe).tags == read


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (["slow", "a b"], "a tag is one word"),
        (["2nd"], "a tag is one word"),
        ([["a"]], "a tag is one word"),
        ({"a": 1}, "a tag is one word"),
        ("xfail", "a meaning of its own in pytest"),
    ],
)
def test_what_is_no_tag_is_an_error(tags: object, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        flowrun.plan({"recipe": "r", "tags": tags, "steps": [MAKE]})


def test_an_unknown_need_is_an_error() -> None:
    with pytest.raises(RecipeError, match="did you mean `cuda`"):
        flowrun.plan({"recipe": "r", "needs": "cdua", "steps": [MAKE]})


def test_whole_numbers_are_compared_with_the_numbers_that_are_written() -> None:
    steps = [{"tensor": {"n": [16777216]}}]  # the next one has no float32
    for wanted, met in ((16777217.0, False), (16777216.0, True)):
        expect = {"n": {"equals": [wanted], "rtol": 0, "atol": 0}}
        recipe = {"recipe": "r", "steps": steps, "expect": expect}
        assert flowrun.run(recipe, record=False).ok == met
