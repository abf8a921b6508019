"""The place of an option that a step refuses: at the character if the step says which."""

from __future__ import annotations

from pathlib import Path

import pytest
from blake3 import blake3

import flowrun
from flowrun.planning.plan import step_seed

STEPS = '''
from flowrun import OptionError, step

@step(outputs="y")
def count(*, text: str = "a?b", texts: tuple[str, ...] = ()) -> int:
    """Count the characters."""
    return len(text)

@count.check_options
def _(options):
    text, texts = options.text, options.texts
    for name, value in [("text", text), *((("texts", i), one) for i, one in enumerate(texts))]:
        if "?" in value:
            raise OptionError("no questions", value.index("?"), "leave it out", option=name)
'''


@pytest.mark.parametrize(
    ("step", "line", "column"),
    [
        ("count: {text: ab?c}", 4, 21),
        ("count: {text: 'ab?c'}", 4, 22),
        ('count: {text: "ab?c"}', 4, 22),
        ("count:\n      text: |\n        ab\n        c?", 5, 13),  # a text of two lines
        ("count: {text: ab, texts: [c, d?]}", 4, 35),
        ("count", 4, 5),  # the default is wrong: the step's own place
    ],
)
def test_an_option_is_refused_at_the_character(
    step: str, line: int, column: int, tmp_path: Path
) -> None:
    (tmp_path / "steps.py").write_text(STEPS)
    path = tmp_path / "r.yaml"
    path.write_text(f"recipe: r\nplugins: [./steps.py]\nsteps:\n  - {step}\n")
    with pytest.raises(flowrun.RecipeError) as caught:
        flowrun.plan(path)
    (problem,) = caught.value.problems
    assert problem.mark is not None
    assert (problem.message, problem.hint) == ("count: no questions", "leave it out")
    assert (problem.mark.line + 1, problem.mark.column + 1) == (line, column)


def test_the_seed_of_a_step_is_63_bits_of_a_digest() -> None:
    for number in range(4):  # the highest bit is set in some
        digest = blake3(f"{number}/load".encode()).digest(length=8)
        assert step_seed(number, "load") == int.from_bytes(digest, "big") % 2**63
