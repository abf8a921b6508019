"""`flowrun graph`: the flow of a recipe, read back from the three formats it is written in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import flowrun as flowrun_api
from tests.conftest import Flowrun
from tests.core.cli.graph.graph_readers import Drawn, can_lay_out, read_dot, read_mermaid, read_svg
from tests.core.cli.graph.graph_recipes import FIELDS, STEPS

Write = Callable[[str, str], Path]
Draw = Callable[..., Drawn]

EDGES = [
    ("join", "reap", ("field (6, 3)",), False),
    ("reap", "sell", ("harvest (6,)",), False),
    ("reap", None, ("report {hops (3,), rye (3,),", "oats (3,)}"), False),
    ("sow", "join", ("field (4, 3)",), False),
    ("sow", "reap", ("names [3]",), False),
    ("sow-more", "join", ("more (2, 3)",), False),
    ("sow-more", None, ("more_names [3]",), False),
]


def in_order(drawn: Drawn) -> list[tuple[str, str | None, tuple[str, ...], bool]]:
    return sorted(drawn.edges, key=lambda edge: (edge[0], edge[1] or "~"))


@pytest.fixture(autouse=True)
def _steps(write: Write) -> None:
    write("steps.py", STEPS)


@pytest.fixture(params=["mermaid", "dot", "svg"])
def form(request: pytest.FixtureRequest) -> str:
    if request.param == "svg" and not can_lay_out():
        pytest.skip("an SVG needs the extra `graph`, or the program `dot`")
    return str(request.param)


@pytest.fixture
def draw(form: str, flowrun: Flowrun, write: Write) -> Draw:
    """Draw a recipe in one of the formats, and read the drawing."""

    def drawing(recipe: str, *arguments: str) -> Drawn:
        done = flowrun("graph", write("r.yaml", recipe), "--format", form, *arguments)
        assert done.returncode == 0, done.stderr
        if form == "mermaid":
            return read_mermaid(done.stdout)
        return read_dot(done.stdout) if form == "dot" else read_svg(done.stdout)

    return drawing


def test_every_value_goes_from_the_step_that_gives_it_to_those_that_take_it(draw: Draw) -> None:
    drawn = draw(FIELDS)
    assert drawn.title == "fields"
    steps = [("sow",), ("sow-more", "sow"), ("join",), ("reap",), ("sell",)]
    assert drawn.steps == dict.fromkeys(steps)
    assert in_order(drawn) == EDGES


def test_without_shapes_the_edges_are_the_wiring_of_the_plan(draw: Draw, write: Write) -> None:
    drawn = draw(FIELDS, "--no-shapes")
    wired, givers = set(), {}
    for step in flowrun_api.plan(write("r.yaml", FIELDS)).steps:
        wired |= {(givers[name], step.id, (name,), False) for name in step.wires.inputs.values()}
        givers.update(dict.fromkeys(step.wires.outputs.values(), step.id))
    assert {edge for edge in drawn.edges if edge[1] is not None} == wired
    results = [edge for edge in drawn.edges if edge[1] is None]
    assert results == [
        ("sow-more", None, ("more_names",), False),
        ("reap", None, ("report",), False),
    ]


def test_values_between_the_same_two_steps_share_an_edge(draw: Draw) -> None:
    drawn = draw("recipe: r\nplugins: [steps.py]\nsteps: [sow, reap]\n")
    assert drawn.edges[0] == ("sow", "reap", ("field (4, 3)", "names [3]"), False)


def test_a_value_that_is_given_again_comes_from_the_step_that_gave_it_last(draw: Draw) -> None:
    drawn = draw("recipe: r\nplugins: [steps.py]\nsteps: [sow, turn, turn]\n")
    assert in_order(drawn) == [
        ("sow", "turn", ("field (4, 3)",), False),
        ("sow", None, ("names [3]",), False),
        ("turn", "turn_2", ("field (3, 4)",), False),
        ("turn_2", None, ("field (4, 3)",), False),
    ]


def test_inputs_that_follow_from_options_are_wired_as_well(draw: Draw) -> None:
    mixed = "steps: [sow, {sow: {}, out: {field: other, names: others}}, mix: {of: [other]}]\n"
    drawn = draw(f"recipe: r\nplugins: [steps.py]\n{mixed}")
    assert ("sow_2", "mix", ("other (4, 3)",), False) in drawn.edges
    assert ("sow_2", None, ("others [3]",), False) in drawn.edges


def test_an_unusual_device_and_dtype_are_told(draw: Draw) -> None:
    drawn = draw(
        "recipe: r\nplugins: [steps.py]\ndevice: cuda\n"
        "steps: [sow: {}, turn, {sow: {dtype: float64}, device: cpu, out: {field: cold}}]\n"
    )
    assert drawn.steps == dict.fromkeys([("sow",), ("turn",), ("sow_2", "sow", "on cpu")])
    assert in_order(drawn) == [
        ("sow", "turn", ("field (4, 3)",), False),
        ("sow", None, ("names [3]",), False),
        ("sow_2", None, ("cold (4, 3) float64 cpu", "names [3]"), False),
        ("turn", None, ("field (3, 4)",), False),
    ]


FAILING = FIELDS.replace("  - join:\n", "  - turn\n  - join:\n")


def test_a_step_that_fails_is_marked_and_those_behind_it_are_as_well(draw: Draw, form: str) -> None:
    drawn = draw(FAILING)
    assert drawn.steps == {
        ("sow",): None, ("sow-more", "sow"): None, ("turn",): None, ("join", "fails"): "fails",
        ("reap",): "blocked", ("sell",): "blocked",
    }  # fmt: skip
    assert ("join", "reap", ("field unknown",), form != "svg") in drawn.edges
    if form != "mermaid":
        assert "the step `join` fails: ValueError: fields of (3, 4) and" in drawn.hints["join"]


def test_a_step_that_fails_is_explained_in_a_comment_of_mermaid_and_on_stderr(
    flowrun: Flowrun, write: Write
) -> None:
    write("r.yaml", FAILING)
    done = flowrun("graph", "r.yaml")
    lines = [line.strip() for line in done.stdout.splitlines()]
    comment = lines[lines.index('join["join<br>fails"]:::fails') - 1]
    assert "fields of (3, 4) and (2, 3)" in comment
    assert "error: r.yaml:11:5: the step `join` fails" in done.stderr
    assert "`flowrun check r.yaml` says more" in done.stderr


def test_what_is_known_only_in_a_run_is_dashed(draw: Draw, form: str) -> None:
    drawn = draw("recipe: r\nplugins: [steps.py]\nsteps: [sow, look, sell]\n")
    assert drawn.steps == {("sow",): None, ("look",): "unknown", ("sell",): "unknown"}
    assert ("look", "sell", ("harvest unknown",), form != "svg") in drawn.edges
    if form != "mermaid":
        assert "it counts what grew" in drawn.hints["look"]


HOSTILE = [
    'a "b" c', "<script>alert(1)</script>", "a|b|c", "a\\nb\\", "a\nb", "x]y[z", "{x} (y)",
    "&amp; &lt; #35; #quot;", "%%{init: {'theme': 'dark'}}%%", "`a` *b* __c__ ~d~", "1. one",
    "- two", "$$x$$", "end", "Größe 葡萄 🍇", "\u202eevil\u0007", "style a:#fff;", "--> b",
    "]]>", "a<br>b", "fi", "https://a.example", "\\", '"', "#", "a;b",
]  # fmt: skip


def shown(text: str) -> str:
    """The text as it is to be seen: what has no picture as its escape."""
    return text.replace("\n", "\\n").replace("\u202e", "\\u202e").replace("\u0007", "\\x07")


def test_any_text_comes_out_as_it_went_in(draw: Draw) -> None:
    recipe = {
        "recipe": " ".join(HOSTILE), "about": "\n".join(HOSTILE), "plugins": ["./steps.py"],
        "steps": [{"report": {"names": [text]}} for text in HOSTILE],
    }  # fmt: skip
    drawn = draw(json.dumps(recipe, ensure_ascii=False))
    assert drawn.title == shown(" ".join(HOSTILE))
    texts = [" ".join(edge[2]) for edge in drawn.edges]
    assert texts == [f"report {{{shown(text)} 1}}" for text in HOSTILE]


def test_the_name_of_a_step_is_not_taken_for_a_word_of_mermaid_or_dot(draw: Draw) -> None:
    ids = ["end", "graph", "subgraph", "style", "node", "a-b", "a_b", "größe", "ende_", "x_2"]
    steps = "".join(f"  - sow:\n    id: {name}\n" for name in ids)
    drawn = draw(f"recipe: r\nplugins: [steps.py]\nsteps:\n{steps}")
    assert drawn.steps == dict.fromkeys((name, "sow") for name in ids)


def test_a_thousand_steps_are_drawn(flowrun: Flowrun, write: Write, tmp_path: Path) -> None:
    steps = ", ".join(["sow", *["turn"] * 999])
    write("r.yaml", f"recipe: r\nplugins: [steps.py]\nsteps: [{steps}]\n")
    done = flowrun("graph", "r.yaml", "--out", "r.dot")
    assert done.returncode == 0, done.stderr
    assert len(read_dot((tmp_path / "r.dot").read_text()).edges) == 1001
    mermaid = flowrun("graph", "r.yaml")
    assert mermaid.stdout.count(" -->|") == 999
    assert "note: Mermaid draws 500 edges and 50000 characters, and this is more" in mermaid.stderr
