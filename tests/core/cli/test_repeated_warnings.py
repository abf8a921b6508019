"""A warning of several lines that recipes of one command share is told in full but once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

STEPS = '''
from flowrun import step

@step(outputs="x")
def warned(*, what: str = "hail", ctx):
    """Give one, and warn."""
    ctx.warn(f"beware of {what};\\nit falls\\nfrom above")
    ctx.warn("and look out")
    return 1.0
'''


@pytest.fixture(autouse=True)
def _recipes(write: Write) -> None:
    write("steps.py", STEPS)
    for name, step in [("one", "warned"), ("two", "warned"), ("other", "warned: {what: snow}")]:
        write(f"{name}.yaml", f"recipe: {name}\nplugins: [steps.py]\nsteps:\n  - {step}\n")


def test_the_second_recipe_shows_its_first_line_and_that_it_stands_above(flowrun: Flowrun) -> None:
    first, second = flowrun("one.yaml", "two.yaml").stdout.split("two\n", 1)
    assert "warning: beware of hail;\n                it falls\n" in first
    assert "from above\n" in first
    assert "warning: beware of hail (as above)\n" in second
    assert "from above" not in second
    assert second.count("warning: and look out\n") == 1


def test_a_warning_that_is_another_is_told_in_full(flowrun: Flowrun) -> None:
    assert flowrun("one.yaml", "other.yaml").stdout.count("from above\n") == 2


def test_quiet_output_does_the_same(flowrun: Flowrun) -> None:
    told = flowrun("-q", "one.yaml", "two.yaml").stderr
    assert "one: warning: beware of hail;\n    it falls\n    from above\n" in told
    assert "two: warning: beware of hail (as above)\ntwo: warning: and look out\n" in told


def test_each_command_tells_it_in_full(flowrun: Flowrun) -> None:
    for _ in range(2):
        assert "from above\n" in flowrun("one.yaml").stdout
