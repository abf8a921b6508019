"""`${env:NAME}`: its value, its default, and its mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun import RecipeError, load_recipe
from flowrun.recipes.reading import plain
from tests.conftest import Flowrun
from tests.core.problems import parts

SET = {
    "ROWS": "20", "RATE": "1e-3", "YES": "true", "TEXT": "a: b # c", "STAR": "*x", "OPEN": "[x",
    "LIST": "[1, 2]", "QUOTED": "'20'", "EMPTY": "", "DOLLAR": "${ROWS}", "LONG": "1" * 500,
}  # fmt: skip


def value(written: str) -> object:
    """The value of an option that is written so, in single quotes."""
    Path("r.yaml").write_text(f"recipe: r\nsteps:\n  - s: {{a: '{written}'}}\n")
    options = load_recipe("r.yaml").steps[0].options
    assert options is not None
    found = plain(options)
    assert isinstance(found, dict)
    return found["a"]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in SET.items():
        monkeypatch.setenv(name, text)
    monkeypatch.delenv("ABSENT", raising=False)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${env:ROWS}", 20),
        ("${ env:ROWS }", 20),
        ("${env:RATE}", 0.001),
        ("${env:YES}", True),
        ("${env:TEXT}", "a: b # c"),
        ("${env:STAR}", "*x"),
        ("${env:OPEN}", "[x"),
        ("${env:LIST}", [1, 2]),
        ("${env:QUOTED}", "20"),
        ("${env:EMPTY}", None),
        ("${env:DOLLAR}", "${ROWS}"),
        ("${env:LONG}", "1" * 500),
        ("${env:ROWS} rows", "20 rows"),
        ("<${env:LIST}>", "<[1, 2]>"),
        ("<${env:EMPTY}>", "<>"),
        ("${env:ROWS:-7}", 20),
        ("${env:EMPTY:-7}", 7),
        ("${env:ABSENT:-7}", 7),
        ("${env:ABSENT:-a b}", "a b"),
        ("${env:ABSENT:-[3, 4]}", [3, 4]),
        ("${env:ABSENT:-}", None),
        ("a${env:ABSENT:-}b", "ab"),
        ("$${env:ROWS}", "${env:ROWS}"),
    ],
)
def test_a_variable_is_a_value(written: str, expected: object) -> None:
    found = value(written)
    assert found == expected
    assert type(found) is type(expected)


CURE = "set it (`ABSENT=... flowrun ...`), or give a default: `${env:ABSENT:-value}`"
A_NAME = "a name from `vars`: `${name}`"
NO_VARS = "a name from `vars`, which this recipe does not have"
UNKNOWN = "`%s` refers to a variable that `vars` does not have"
WRITE = "for a variable of the environment write `%s`"


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("written", "message", "found", "expected", "hint"),
    [
        ("${env:ABSENT}", "the environment variable `ABSENT` is not set", None, None, CURE),
        ("${env:A B}", "`${env:A B}` names no variable of the environment", "`A B`",
         "`${env:NAME}`, or `${env:NAME:-default}`", None),
        ("${ROWS}", UNKNOWN % "${ROWS}", "`ROWS`", NO_VARS, WRITE % "${env:ROWS}"),
        ("${ABSENT}", UNKNOWN % "${ABSENT}", "`ABSENT`", NO_VARS, None),
        ("${env.ROWS}", UNKNOWN % "${env.ROWS}", "`env`", NO_VARS, WRITE % "${env:ROWS}"),
        ("${oc.env:ROWS}", "`oc.env:ROWS` stops being a path at character 7 (`:ROWS`)",
         "`${oc.env:ROWS}`", A_NAME, WRITE % "${env:ROWS}"),
        ("${oc.env:ROWS,5}", "`oc.env:ROWS,5` stops being a path at character 7 (`:ROWS,5`)",
         "`${oc.env:ROWS,5}`", A_NAME, WRITE % "${env:ROWS:-5}"),
        ("${ROWS:-5}", "`ROWS:-5` stops being a path at character 5 (`:-5`)",
         "`${ROWS:-5}`", A_NAME, WRITE % "${env:ROWS:-5}"),
        ("${env:ABSENT:-${x}}", "`${` without its `}`", None, None,
         "no reference stands inside another; `$${` gives the characters themselves"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_place_and_its_cure(
    tmp_path: Path,
    written: str,
    message: str,
    found: str | None,
    expected: str | None,
    hint: str | None,
) -> None:
    with pytest.raises(RecipeError) as failure:
        value(written)
    assert [parts(problem, tmp_path) for problem in failure.value.problems] == [
        ((3, 13), message, found, expected, hint)
    ]


@pytest.mark.usefixtures("environment")
def test_a_variable_that_is_nearly_the_name_is_suggested(
    flowrun: Flowrun,
) -> None:
    Path("r.yaml").write_text('recipe: r\nsteps: [{tensor: {a: "${env:ROWS_}"}}]\n')
    done = flowrun("r.yaml")
    assert done.returncode == 2
    assert "did you mean `ROWS`?\n" in done.stderr
