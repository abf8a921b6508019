"""`@step`: what a signature says, and which functions cannot be steps."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Annotated, Any

import pytest

from flowrun import Meta, StepDefinitionError, step
from flowrun.plugins.steps import REQUIRED


@step(outputs=("total", "rest"), random=True, version=3)
def example(
    first: int,
    second: int = 2,
    *,
    factor: Annotated[float, Meta(gt=0, description="A factor.")],
    names: tuple[str, ...] = (),
    ctx: Any,
) -> tuple[float, int]:
    """Add and scale.

    More about it.
    """
    return (first + second) * factor, first


def test_a_signature_is_read_once() -> None:
    assert [(value.name, value.required) for value in example.inputs] == [
        ("first", True),
        ("second", False),
    ]
    assert [option.name for option in example.options] == ["factor", "names"]
    assert example.options[0].default is REQUIRED
    assert example.options[0].description == "A factor."
    assert (example.name, example.about) == ("example", "Add and scale.")
    assert (example.outputs, example.random, example.version) == (("total", "rest"), True, "3")
    assert example.takes_context


def test_a_step_is_still_the_plain_function() -> None:
    assert example(1, factor=2.0, ctx=None) == (6.0, 1)
    assert example.__doc__ is not None


def test_one_output_may_be_given_as_a_string() -> None:
    @step(outputs="data")
    def one() -> int:
        return 1

    assert one.outputs == ("data",)


def test_inputs_and_outputs_may_follow_from_the_options() -> None:
    @step(outputs=lambda options: options.give, inputs=lambda options: options.take)
    def copy(values: dict[str, Any], *, take: list[str], give: list[str]) -> dict[str, Any]:
        return dict(zip(give, values.values(), strict=True))

    assert copy.inputs == ()
    assert copy.inputs_of is not None
    assert copy.inputs_of(SimpleNamespace(take=["a"])) == ["a"]


def test_options_of_any_name_share_one_type() -> None:
    @step(outputs=lambda options: tuple(options.named))
    def double(*, by: float = 2.0, **named: float) -> dict[str, float]:
        return {name: by * value for name, value in named.items()}

    assert double.others is not None
    assert (double.others.name, double.others.annotation) == ("named", float)
    assert [option.name for option in double.options] == ["by"]


def stars(*values: int) -> None: ...
def context_first(ctx: int) -> None: ...
def yields() -> Iterator[int]:
    yield 1


async def awaited() -> None: ...


async def awaited_one_by_one() -> AsyncIterator[int]:
    yield 1


def unreadable(*, size: Annotated[float, "nonsense"] = 1, other: Missing = 1) -> None: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (stars, {"outputs": ()}, "has `*values`"),
        (context_first, {"outputs": ()}, "put it after a `*`"),
        (unreadable, {"outputs": ()}, "cannot be read: name 'Missing' is not defined"),
        (yields, {"outputs": ()}, "collect what it yields, and return a list"),
        (awaited, {"outputs": ()}, "runs the coroutine inside, with asyncio.run(...)"),
        (awaited_one_by_one, {"outputs": ()}, "with asyncio.run(...), and returns a list"),
        (example, {"outputs": ()}, "goes on a function"),
        (test_a_signature_is_read_once, {"outputs": ("a", "a")}, "gives an output twice"),
        (test_a_signature_is_read_once, {"outputs": ("not ok",)}, "is no name"),
        (test_a_signature_is_read_once, {"outputs": ("class",)}, "is no name"),
        (
            test_a_signature_is_read_once,
            {"outputs": (), "inputs": json.dumps},
            "must take them as a dict",
        ),
    ],
)
def test_a_function_that_cannot_be_a_step_is_refused_where_it_stands(
    function: Any, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(StepDefinitionError) as caught:
        step(**arguments)(function)
    assert message in str(caught.value)


def test_step_without_parentheses_says_how_to_write_it() -> None:
    with pytest.raises((StepDefinitionError, TypeError)) as caught:
        step(example)  # type: ignore[call-arg]
    assert "outputs" in str(caught.value)
