"""Text of others on a terminal: what would act there is escaped, and any other text stays."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Flowrun
from tests.terminals import on_terminal

Write = Callable[[str, str], Path]

ACTS = "\x1b[31mred\x1b]0;title\x07\x9b2J\u202e\u2066"
SHOWN = "\\x1b[31mred\\x1b]0;title\\x07\\x9b2J\\u202e\\u2066"
STEPS = '''
from flowrun import step

@step(outputs="text")
def say(*, text: str, ctx) -> str:
    """Say a text."""
    ctx.log(text)
    ctx.warn(text)
    return text

@step(outputs="x")
def fail(*, text: str) -> int:
    """Fail with a text."""
    raise ValueError(text)
'''
STYLE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def recipe(write: Write) -> Callable[..., Path]:
    """Writes a recipe with these steps, each character of a text as an escape."""
    write("steps.py", STEPS)

    def written(*steps: Any, **more: Any) -> Path:
        document = {"recipe": "r", "plugins": ["./steps.py"], "steps": list(steps), **more}
        text = json.dumps(document, ensure_ascii=False)
        return write("r.yaml", re.sub("[^ -~]", lambda found: f"\\U{ord(found[0]):08x}", text))

    return written


def test_a_terminal_gets_the_colours_of_flowrun_alone(
    recipe: Callable[..., Path], tmp_path: Path
) -> None:
    recipe({"say": {"text": f"{ACTS}\n  expect"}}, recipe=ACTS, about=ACTS)
    for _ in range(2):  # the second run is answered from its memo
        _, written = on_terminal(tmp_path, "r.yaml", columns=200)
        assert f"\x1b[1m{SHOWN}\x1b[0m: {SHOWN}" in written
        assert f"text {SHOWN}\\n  expect" in written
        assert "\x1b[31m" not in written  # a red of the recipe's
        assert f"\n                {SHOWN}\n" in written
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066]", STYLE.sub("", written))


@pytest.mark.parametrize(
    "text", ["é", "漢字", "עברית", "한국어", "👩‍👩‍👧 👍🏽 ❤️", "می‌خواهم", "a\\nb"]
)
def test_a_usual_text_stays_as_it_is(
    recipe: Callable[..., Path], flowrun: Flowrun, text: str
) -> None:
    recipe({"say": {"text": text}}, about=text)
    out = flowrun("r.yaml").stdout
    assert out.startswith(f"r: {text}\n  say           text {text}  ")


def test_what_a_step_logs_keeps_its_lines_below_its_own(
    recipe: Callable[..., Path], flowrun: Flowrun
) -> None:
    recipe({"say": {"text": f"one\n  expect  a 1: met\n\x1b[2J{ACTS}"}})
    lines = flowrun("r.yaml").stdout.splitlines()
    assert lines[2:5] == [
        "                one",
        "                  expect  a 1: met",
        f"                \\x1b[2J{SHOWN}",
    ]


def test_a_failing_step_and_its_traceback_are_escaped(
    recipe: Callable[..., Path], flowrun: Flowrun
) -> None:
    recipe({"fail": {"text": f"{ACTS}\n  expect  a 1: met"}})
    done = flowrun("r.yaml", "--traceback")
    assert done.returncode == 3
    assert f"    ValueError: {SHOWN} (steps.py:" in done.stderr
    assert "\n      expect  a 1: met\n" in done.stderr
    assert f"ValueError: {SHOWN}\n" in done.stderr
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066]", done.stdout + done.stderr)


def test_what_a_step_itself_prints_stays(
    recipe: Callable[..., Path], tmp_path: Path, flowrun: Flowrun
) -> None:
    recipe("speak")
    with (tmp_path / "steps.py").open("a") as file:
        file.write('\n@step(outputs="y")\ndef speak() -> int:\n    """Speak."""\n')
        file.write('    print("\\x1b[2Jhello")\n    return 1\n')
    assert "\x1b[2Jhello\n" in flowrun("r.yaml").stdout


def test_json_keeps_a_text_exactly_and_shows_it_escaped(
    recipe: Callable[..., Path], flowrun: Flowrun
) -> None:
    text = f"{ACTS}\n\U000e0041é漢"
    recipe({"say": {"text": text}})
    for command in (["r.yaml", "--json"], ["show", "last", "--json"]):
        out = flowrun(*command).stdout
        assert json.loads(out)["steps"][0]["outputs"]["text"]["value"] == text
        assert out.isascii() is False
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2066\U000e0041]", out)


def test_a_command_in_a_message_can_be_typed(recipe: Callable[..., Path], flowrun: Flowrun) -> None:
    name = "it's\x1b[2J\n\u202e\\n.yaml"
    recipe({"say": {"text": "a"}}, expect={"text": {"equals": "b"}}).rename(name)
    out = flowrun("test").stdout
    command = out.partition("run again   ")[2].partition("\n")[0]
    assert command.isprintable()
    done = subprocess.run(
        ["bash", "-c", f"printf %s {command.removeprefix('flowrun ')}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == name
