"""What a result, a plan and a check show of themselves, in a notebook and as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import flowrun

STEPS = '''
from flowrun import step

@step(outputs="text")
def speak(*, say: str = "", fail: bool = False, ctx) -> str:
    """Say something."""
    say = say.replace("%DC%80", "\\udc80")
    ctx.warn(f"it says {say}")
    return say

@step(outputs="metrics")
def measure(text: str) -> dict[str, object]:
    """Measure."""
    return {"length": len(text), text[:20] or "none": 0.123456, "all": list(range(50))}
'''
LIST = "all [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15...)"
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</td></table></div><b>bold</b>",
    "&lt;script&gt; &amp; 'quoted'",
]


@pytest.fixture(autouse=True)
def _steps() -> None:
    Path("steps.py").write_text(STEPS)


def recipe(say: str = "hello", **more: object) -> dict[str, Any]:
    return {
        "recipe": "r",
        "about": say,
        "plugins": ["./steps.py"],
        "steps": [{"speak": {"say": say}}, "measure"],
        "expect": {"metrics.length": {"above": 0 if "%" in say else 3}},
        **more,
    }


class Page(HTMLParser):
    """The elements and the text of a piece of HTML; fails if elements are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.styles = ""
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.styles += "".join(value or "" for name, value in attributes if name == "style")
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(shown: Any) -> Page:
    return Page(shown._repr_html_())


def test_a_result_shows_expectations_metrics_and_steps() -> None:
    found = page(flowrun.run(recipe("hello")))
    assert "r: hello" in found.text
    assert "metrics.length 5, above 3:met" in found.text
    assert "hello0.12346" in found.text
    assert "all[50]" in found.text
    assert "2 steps, 0 kept, 1 warning" in found.text
    assert "warning: it says hello" in found.text
    assert "ok, 0." in found.text
    assert "seed 0, run 2" in found.text


def test_an_expectation_that_is_not_met_stands_out() -> None:
    html = flowrun.run(recipe("no"))._repr_html_()
    assert "<strong>NOT MET</strong>" in html
    assert "<strong>met</strong>" not in html
    assert "unmet, 0." in Page(html).text


def test_a_skipped_recipe_says_why() -> None:
    result = flowrun.run(recipe(needs=["cuda"], device="cuda"))
    assert result._repr_html_().count("skipped: ") == 1


def test_a_plan_shows_options_wiring_and_expectations() -> None:
    found = page(flowrun.plan(recipe()))
    assert "speak(say='hello', fail=False)→ text" in found.text
    assert "measure()text → metrics" in found.text
    assert "metrics.length above 3" in found.text
    assert "nothing has run yet" in found.text


def test_a_plan_shows_the_step_that_is_to_fail() -> None:
    expected = {"error": {"step": "speak", "matches": "<no>"}}
    assert (
        "`speak` fails with a message that matches `<no>`"
        in page(flowrun.plan(recipe(expect=expected))).text
    )


def test_a_check_shows_states_and_findings() -> None:
    steps = [
        {"random": {"X_train": {"randn": [10, 3]}, "y_train": {"randn": [10, 2]}}},
        {"init_params": {"layers": [4, 1]}},
        "gd_train",
    ]
    checked = flowrun.check({"recipe": "narrow", "steps": steps}, device="cuda")
    found = page(checked)
    assert "<strong>fails</strong>" in checked._repr_html_()
    assert "X_train (10, 3) float32 cuda:0" in found.text
    assert "the last layer gives 1 predictions a row" in found.text
    assert "1 of 3 steps fit" in found.text
    assert repr(checked) == (
        "Checked(narrow: 1 of 3 steps fit, peak 200 B on cuda:0 (random), error: 1)"
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_names_and_values_of_others_are_text(text: str) -> None:
    """Whatever a recipe says, the page has the elements that flowrun has written, and no others."""
    shown = [flowrun.run(recipe(text)), flowrun.plan(recipe(text)), flowrun.check(recipe(text))]
    usual = [flowrun.run(recipe("x")), flowrun.plan(recipe("x")), flowrun.check(recipe("x"))]
    for one, other in zip(shown, usual, strict=True):
        found, plain = page(one), page(other)
        assert found.elements <= plain.elements
        assert found.attributes <= plain.attributes
        assert text in found.text


def test_a_page_sets_no_colours_and_begins_no_formula() -> None:
    html = flowrun.run(recipe("$x$"))._repr_html_()
    assert "color" not in Page(html).styles
    assert "background" not in Page(html).styles
    assert "mathjax_ignore" in html


def test_half_a_surrogate_pair_can_be_sent() -> None:
    """Python has one for each byte of a file's name that is not UTF-8."""
    result = flowrun.run(recipe("%DC%80"))
    assert page(result).text.encode()
    assert repr(result).encode() == b"Result(r: ok, length 1, \\udc80 0.12346, " + LIST.encode()


def test_many_lines_are_cut() -> None:
    steps = [{"speak": {}, "id": f"s{number}"} for number in range(250)]
    found = page(flowrun.plan({**recipe(), "steps": [*steps, "measure"], "expect": {}}))
    assert "s199" in found.text
    assert "and 51 more" in found.text


def test_each_shows_itself_as_a_short_text() -> None:
    given = recipe("hello")
    result = flowrun.run(given)
    assert repr(result) == f"Result(r: ok, length 5, hello 0.12346, {LIST}"
    assert repr(result.values) == "<values text, metrics>"
    assert repr(flowrun.plan(given)) == "Plan(r: speak, measure)"
    assert repr(flowrun.load_recipe(given)) == "Recipe(r: speak, measure)"
    assert repr(flowrun.check(given)) == "Checked(r: 2 of 2 steps fit)"
    steps = [{"speak": {}, "id": f"step_{number}"} for number in range(100)]
    assert len(repr(flowrun.plan({**given, "steps": steps, "expect": {}}))) < 200


def test_characters_that_act_are_escaped_in_html_and_text() -> None:
    say = "\x1b[2J\u202ex\x9b\n  expect"
    result = flowrun.run(recipe(say))
    for shown in (result, flowrun.plan(recipe(say))):
        html = shown._repr_html_()
        assert r"\x1b[2J\u202ex\x9b" in Page(html).text
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", html + repr(shown))
