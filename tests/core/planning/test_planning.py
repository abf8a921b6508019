"""A plan: options converted, inputs wired by name, everything wrong found at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowrun import Plan, RecipeError, plan

Write = Callable[[str, str], Path]

STEPS = '''
"""Steps without torch, to plan with."""
from typing import Annotated, Literal
from flowrun import Meta, step

@step(outputs=("data", "names"))
def make(*, rows: Annotated[int, Meta(ge=1)] = 3, kind: Literal["even", "odd"] = "even"):
    """Make data."""
    return list(range(rows)), ["n"]

@step(outputs=("data",))
def double(data, *, by: float = 2.0):
    """Double data."""
    return [by * x for x in data]

@step(outputs=("left", "right"))
def cut(data, names=None, *, at: Annotated[int, Meta(ge=0)] | Annotated[float, Meta(gt=0, lt=1)]):
    """Cut data in two."""
    return data[:at], data[at:]

@step(outputs=lambda options: options.give, inputs=lambda options: options.take)
def rename(values, extra=None, *, take: list[str], give: list[str]):
    """Give values other names."""
    return dict(zip(give, values.values()))
'''


@pytest.fixture
def planned(write: Write) -> Callable[..., Plan]:
    write("steps.py", STEPS)

    def make_plan(steps: str, rest: str = "", **arguments: Any) -> Plan:
        text = f"recipe: r\nplugins: [./steps.py]\nsteps:\n{steps}\n{rest}"
        return plan(write("r.yaml", text), **arguments)

    return make_plan


@pytest.fixture
def refused(planned: Callable[..., Plan]) -> Callable[..., str]:
    def message(steps: str, rest: str = "", **arguments: Any) -> str:
        with pytest.raises(RecipeError) as caught:
            planned(steps, rest, **arguments)
        return str(caught.value)

    return message


Planned = Callable[..., Plan]
Refused = Callable[..., str]


def test_inputs_are_wired_by_name_and_a_name_can_be_bound_again(planned: Planned) -> None:
    steps = planned("  - make\n  - double\n  - cut: {at: 1}").steps
    assert steps[1].wires.inputs == {"data": "data"}
    assert steps[2].wires.inputs == {"data": "data", "names": "names"}
    assert steps[2].wires.outputs == {"left": "left", "right": "right"}


def test_in_and_out_rename_at_the_border_of_one_step(planned: Planned) -> None:
    steps = planned(
        "  - make:\n    out: {data: red}\n"
        "  - cut: {at: 1}\n    in: {data: red, names: null}\n    out: {left: red}"
    ).steps
    assert steps[0].wires.outputs == {"data": "red", "names": "names"}
    assert steps[1].wires.inputs == {"data": "red"}


def test_inputs_and_outputs_that_follow_from_options_are_wired(planned: Planned) -> None:
    step = planned("  - make\n  - rename: {take: [data, extra?], give: [other]}\n").steps[1]
    assert step.wires.named == {"data": "data"}
    assert step.wires.outputs == {"other": "other"}


def test_options_are_converted_and_have_their_defaults(planned: Planned) -> None:
    steps = planned("  - make: {rows: 1e1}\n  - double: {by: 3}\n  - cut: {at: 0.5}").steps
    assert steps[0].options == {"rows": 10, "kind": "even"}
    assert steps[1].options == {"by": 3.0}
    assert steps[2].options == {"at": 0.5}


@pytest.mark.parametrize("written", ["1e23", "1e+23", "100000000000000000000000.0"])
def test_a_whole_number_with_an_exponent_is_the_one_that_is_written(
    written: str, planned: Planned
) -> None:
    (step,) = planned(f"  - make: {{rows: {written}}}").steps
    assert step.options["rows"] == 10**23  # which no float is


@pytest.mark.parametrize(
    ("steps", "place", "messages"),
    [
        ("  - make\n  - cut: {at: 1.0}", "5:15", ["a fraction here", "number write 1"]),
        ("  - make\n  - cut: {at: 2e1}", "5:15", ["`2e1` is a fraction", "number write 20"]),
        ("  - make\n  - cut: {at: -0.0}", "5:15", ["a whole number >= 0 or a number > 0"]),
        ("  - mkae", "4:5", ["no step `mkae`", "did you mean `make`?"]),
        ("  - make: {row: 3}", "4:12", ["no option `row`", "did you mean `rows`?"]),
        ("  - make: {rows: many}", "4:18", ["`many` (a string)", "a whole number >= 1"]),
        ("  - make: {rows: 0}", "4:18", ["`0` (a whole number)", ">= 1"]),
        ("  - make: {rows: 1.5}", "4:18", ["`1.5` (a number)"]),
        ("  - make: {rows: true}", "4:18", ["true or false"]),
        ("  - make: {rows: '3'}", "4:18", ["for a number write 3, without quotes"]),
        ("  - make: {rows: 1_000}", "4:18", ["for a number write 1000"]),
        ("  - make: {kind: evn}", "4:18", ["one of: even, odd", "did you mean `even`?"]),
        ("  - make: 3", "4:11", ["the options of make are a mapping"]),
        ("  - make: [rows]", "4:11", ["a list of 1"]),
        ("  - make\n  - cut", "5:5", ["needs the option `at`"]),
        ("  - make\n  - cut: {at: 7.5}", "5:15", ["> 0 and < 1"]),
        (
            "  - double",
            "4:5",
            ["needs `data`", ": `apply_encoding`, `load`, `make`, `shuffle`; put one above"],
        ),
        ("  - make:\n    out: {data: red}\n  - double", "6:5", ["needs `data`", "red"]),
        ("  - make\n  - double:\n    in: {data: dat}", "6:16", ["needs `dat`", "mean `data`"]),
        ("  - make\n  - cut: {at: 1}\n    in: {names: nmes}", "6:17", ["`nmes`", "mean `names`"]),
        ("  - make\n  - double:\n    in: {dta: data}", "6:10", ["no input `dta`", "`data`?"]),
        ("  - make\n  - double:\n    in: {data: null}", "6:16", ["needs its input"]),
        ("  - make\n  - double: {data: 3}", "5:14", ["`data` is an input: wire it"]),
        ("  - make:\n    out: {data: x, names: x}", "5:27", ["two outputs the name `x`"]),
        ("  - make:\n    out: {dat: x}", "5:11", ["no output `dat`", "`data`?"]),
        ("  - make:\n    out: {data: 3}", "5:17", ["no usable name"]),
        ("  - make:\n    out: data", "5:10", ["`out` is a mapping"]),
        ("  - make:\n    device: gpu", "5:13", ["did you mean `cuda`?"]),
        ("  - make:\n    dtype: float", "5:12", ["float32"]),
        ("  - make:\n    cache: no", "5:12", ["true or false"]),
        ("  - make\n  - rename: {take: [nope], give: [x]}", "5:5", ["needs `nope`"]),
        ("  - make\n  - rename: {take: [data], give: [x, x]}", "5:5", ["named twice"]),
        ("  - make\n  - rename: {take: [data], give: [1x]}", "5:5", ["no name for a value"]),
        ("  - make:\n    id: [a]", "5:9", ["`id` names one step"]),
    ],
)
def test_a_mistake_is_found_at_its_place(
    refused: Refused, steps: str, place: str, messages: list[str]
) -> None:
    found = refused(steps)
    assert f"r.yaml:{place}: " in found
    for message in messages:
        assert message in found


def test_everything_wrong_is_reported_at_once_and_nothing_twice(refused: Refused) -> None:
    found = refused(
        "  - make: {rows: 0, kind: x}\n  - nope\n  - double: {by: z}\n  - cut\n", "sede: 1\n"
    )
    assert found.count("r.yaml:") == 6
    assert "needs `data`" not in found


def test_what_an_unknown_step_might_have_given_is_not_missed(refused: Refused) -> None:
    found = refused("  - nope\n  - double\n", "expect: {loss: {below: 1}}")
    assert found.count("r.yaml:") == 1


def test_a_broken_reference_is_reported_once(refused: Refused) -> None:
    assert refused("  - make: {rows: '${n}'}\n").count("r.yaml:") == 1


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ("{nope: {below: 1}}", "no step gives `nope`"),
        ("{'data[0]': {belw: 1}}", "did you mean `below`?"),
        ("{'data[0]': 3}", "write `{equals: 3}`"),
        ("{'data[0]': {between: [2, 1]}}", "the lower one first"),
        ("{'data[0]': {between: 1}}", "two numbers"),
        ("{'data[0]': {below: x}}", "a number"),
        ("{'data[0]': {rtol: 0.1}}", "`rtol` belongs to `equals`"),
        ("{'data[0]': {equals: 1, rtol: -1}}", "at least 0"),
        ("{'data[': {below: 1}}", "stops being a path"),
        ("[a]", "`expect`"),
    ],
)
def test_a_mistake_in_what_is_expected_is_found(
    refused: Refused, expect: str, message: str
) -> None:
    assert message in refused("  - make", f"expect: {expect}")


def test_a_device_or_seed_given_from_outside_is_checked(refused: Refused) -> None:
    assert "did you mean `cuda`?" in refused("  - make", device="cdua")
    assert "from 0 to" in refused("  - make", seed=-1)


def test_paths_start_from_the_file_that_a_step_stands_in(
    planned: Planned, write: Write, tmp_path: Path
) -> None:
    planned("  - make")
    write("deep/child.yaml", "recipe: c\nextends: ../r.yaml\nsteps: [double]\n")
    steps = plan(tmp_path / "deep" / "child.yaml").steps
    assert [step.folder for step in steps] == [tmp_path, tmp_path / "deep"]


OPEN = '''
from flowrun import step

@step(outputs=lambda options: tuple(options.named))
def scaled(*, by: float = 2.0, **named: float):
    """Give numbers of any name."""
    return {name: by * value for name, value in named.items()}
'''


@pytest.mark.parametrize("step", ["double", "double: {by: 1}"])
def test_a_recipe_of_ten_thousand_steps_is_planned(planned: Planned, step: str) -> None:
    made = planned("- make\n" + f"- {step}\n" * 10_000)
    assert [step.id for step in made.steps[:3]] == ["make", "double", "double_2"]
    assert made.steps[-1].id == "double_10000"


def test_a_step_is_numbered_past_the_ids_that_are_given(planned: Planned) -> None:
    made = planned("- make\n- double\n- {double: , id: double_2}\n- double\n- double")
    assert [step.id for step in made.steps[1:]] == ["double", "double_2", "double_3", "double_4"]


def test_options_of_any_name_are_converted_and_give_the_outputs(write: Write) -> None:
    write("open.py", OPEN)
    text = "recipe: r\nplugins: [open.py]\nsteps:\n  - scaled: {a: 1, by: 3, b: 2}\n"
    (step,) = plan(write("r.yaml", text)).steps
    assert step.keywords == {"by": 3.0, "a": 1.0, "b": 2.0}
    assert list(step.wires.outputs) == ["a", "b"]
    with pytest.raises(RecipeError, match=r"r\.yaml:4:17: scaled: the option `a` does not fit"):
        plan(write("r.yaml", text.replace("a: 1", "a: x")))
