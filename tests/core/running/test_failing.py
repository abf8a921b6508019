"""A step that fails: its report in full, and what it is to return."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import flowrun
from flowrun import StepError
from flowrun.planning.plan import step_seed

STEPS = '''
from flowrun import FlowrunError, step

@step(outputs="x")
def one():
    """Give a number."""
    return 1

@step(outputs="y")
def fail(x, *, message: str, own: bool = False):
    """Fail with a message."""
    raise (FlowrunError if own else ValueError)(message)

@step(outputs="a")
def give_one(*, value: str):
    """Give one value."""
    return eval(value)

@step(outputs=("a", "b"))
def give_two(*, value: str):
    """Give two values."""
    return eval(value)

@step(outputs=())
def give_none(*, value: str):
    """Give nothing."""
    return eval(value)

@step(outputs=lambda options: options.names)
def give_named(*, names: list[str], value: str):
    """Give values by name."""
    return eval(value)

@step(outputs=lambda options: (), inputs=lambda options: options.take)
def fail_named(values, *, take: list[str]):
    """Fail with inputs by name."""
    raise ValueError("no")
'''


@pytest.fixture(autouse=True)
def _steps() -> None:
    Path("steps.py").write_text(STEPS)


def report(steps: str) -> list[str]:
    Path("r.yaml").write_text(f"recipe: r\nplugins: [./steps.py]\nsteps:\n{steps}\n")
    with pytest.raises(StepError) as caught:
        flowrun.run("r.yaml", record=False)
    return str(caught.value).splitlines()


def line_of(text: str) -> int:
    return STEPS[: STEPS.index(text)].count("\n") + 1


RAISED = line_of("raise (Flow")


def test_a_report_has_the_line_the_message_the_inputs_the_options_and_the_device() -> None:
    assert report("- one\n- fail: {message: no}") == [
        "r.yaml:5:3: the step `fail` failed",
        "  5 | - fail: {message: no}",
        f"    ValueError: no (steps.py:{RAISED})",
        "    input   x: 1",
        "    options message: no, own: False",
        f"    device  cpu, dtype float32, seed {step_seed(0, 'fail')}",
    ]


def test_a_report_without_inputs_options_or_message_leaves_them_out() -> None:
    code = "@step(outputs=())\ndef fail():\n    'Fail.'\n    raise KeyError\n"
    Path("steps.py").write_text(f"from flowrun import step\n\n{code}")
    assert report("- fail") == [
        "r.yaml:4:3: the step `fail` failed",
        "  4 | - fail",
        "    KeyError without a message, at `raise KeyError` (steps.py:6)",
        f"    device  cpu, dtype float32, seed {step_seed(0, 'fail')}",
    ]


def test_inputs_by_name_are_shown_as_well() -> None:
    assert "    input   x: 1" in report("- one\n- fail_named: {take: [x]}")


@pytest.mark.parametrize("count", [10, 11, 13])
def test_a_message_is_shown_to_its_tenth_line(count: int) -> None:
    message = "\\n".join(f"line {number}" for number in range(1, count + 1))
    shown = report(f'- one\n- fail: {{message: "{message}"}}')[2:]
    assert shown[0] == f"    ValueError: line 1 (steps.py:{RAISED})"
    assert shown[1:10] == [f"    line {number}" for number in range(2, 11)]
    more = [f"    ... and {count - 10} lines more"] if count > 10 else []
    assert shown[10 : 11 + len(more)] == [*more, "    input   x: 1"]


@pytest.mark.parametrize(("length", "end"), [(150, ""), (151, "...")])
def test_a_line_of_a_message_is_shown_to_its_150th_column(length: int, end: str) -> None:
    shown = report(f'- one\n- fail: {{message: "a\\n{"b" * length}"}}')
    assert shown[3] == f"    {'b' * (150 - len(end))}{end}"


def test_a_message_of_flowrun_is_shown_whole_and_without_a_place() -> None:
    shown = report(f"- one\n- fail: {{message: {'b' * 151}, own: true}}")
    assert shown[2] == f"    {'b' * 151}"


@pytest.mark.parametrize(
    ("step", "value", "message"),
    [
        ("give_one", "None", "None; it should return the value of `a`; is a `return` missing?"),
        ("give_two", "1", "1 value; it should return 2: a, b"),
        ("give_two", "'ab'", "1 value; it should return 2: a, b"),
        ("give_two", "(1,)", "1 value; it should return 2: a, b"),
        ("give_two", "()", "0 values; it should return 2: a, b"),
        ("give_two", "[1, 2, 3]", "3 values; it should return 2: a, b"),
        ("give_none", "0", "int; it should return nothing: its outputs are ()"),
        ("give_named", "[1, 2]", "list; it should return a dict with a, b"),
        ("give_named", "{'a': 1}", "the keys a; it should return a dict with a, b"),
        ("give_named", "{'a': 1, 3: 2}", "the keys a, 3; it should return a dict with a, b"),
    ],
)
def test_a_step_returns_what_it_declares(step: str, value: str, message: str) -> None:
    names = "names: [a, b], " if step == "give_named" else ""
    shown = report(f'- {step}: {{{names}value: "{value}"}}')[2]
    assert shown == f"    the step returned {message} (steps.py:{line_of(f'def {step}') - 1})"


@pytest.mark.parametrize(
    ("step", "value", "given"),
    [
        ("give_one", "(1, 2)", {"a": (1, 2)}),
        ("give_one", "0", {"a": 0}),
        ("give_two", "[1, None]", {"a": 1, "b": None}),
        ("give_none", "None", {}),
        ("give_named", "{'b': 2, 'a': 1}", {"a": 1, "b": 2}),
    ],
)
def test_what_a_step_returns_is_given_by_name(
    step: str, value: str, given: dict[str, object]
) -> None:
    options = {"value": value, **({"names": ["a", "b"]} if step == "give_named" else {})}
    recipe = {"recipe": "r", "plugins": ["./steps.py"], "steps": [{step: options}]}
    result = flowrun.run(recipe, record=False)
    assert dict(result.values) == given
    assert list(result.record["steps"][0]["outputs"]) == list(given)


def test_a_failed_run_has_its_error_in_the_record_and_among_the_events() -> None:
    Path("r.yaml").write_text(
        "recipe: r\nplugins: [./steps.py]\nsteps: [one, fail: {message: no}]\n"
    )
    with pytest.raises(StepError) as caught:
        flowrun.run("r.yaml")
    (folder,) = Path(".flowrun/runs").iterdir()
    record = json.loads((folder / "run.json").read_text())
    assert (record["status"], record["error"]) == ("failed", str(caught.value))
    assert [step["id"] for step in record["steps"]] == ["one", "fail"]
    assert record["process"] is None
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == [
        "run_started", "step_started", "step_finished", "step_started", "step_failed",
        "run_finished",
    ]  # fmt: skip
    assert (events[4]["step"], events[4]["error"]) == ("fail", "no")
    assert events[5]["status"] == "failed"


def test_an_error_without_a_message_shows_its_line() -> None:
    code = "@step(outputs=())\ndef fail():\n    'Fail.'\n    assert 1 + 1 == 3\n"
    Path("steps.py").write_text(f"from flowrun import step\n\n{code}")
    said = "    AssertionError without a message, at `assert 1 + 1 == 3` (steps.py:6)"
    assert report("- fail")[2] == said


def test_the_errors_of_a_group_and_notes_are_shown() -> None:
    code = (
        "@step(outputs=())\ndef fail():\n    'Fail.'\n"
        "    inner = ExceptionGroup('inner', [KeyError('b'), ValueError()])\n"
        "    error = ExceptionGroup('many', [OSError('a'), inner])\n"
        "    error.add_note('while reading')\n    raise error\n"
    )
    Path("steps.py").write_text(f"from flowrun import step\n\n{code}")
    assert report("- fail")[2:-1] == [
        "    ExceptionGroup: many (2 sub-exceptions) (steps.py:9)",
        "    while reading",
        "      OSError: a",
        "      ExceptionGroup: inner (2 sub-exceptions)",
        "        KeyError: 'b'",
        "        ValueError",
    ]
