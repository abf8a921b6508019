"""A flow written as a Mermaid flowchart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from flowrun.cli.graph.flow import Flow, FlowEdge, FlowStep
from flowrun.cli.graph.labels import joined, printable

MOST_EDGES, MOST_CHARACTERS = 500, 50_000  # Mermaid's limits unless it is configured differently

_STYLES = {
    "fails": "fill:#fdecea,stroke:#b3261e,stroke-width:3px,color:#601410",
    "unknown": "stroke-dasharray:5 4",
    "blocked": "stroke-dasharray:5 4,opacity:0.6",
    "result": "fill:none,stroke:none",
}
_KEYWORDS = frozenset(
    "_blank _parent _self _top call class classDef click default end flowchart graph href "
    "interpolate linkStyle style subgraph".split()
)
# Characters with a meaning in a quoted text of Mermaid, in HTML or in Markdown, only in the places
# where they have it: as Mermaid reads a label as Markdown, `1. a` would be a list, `__a__` bold.
_SPECIAL = re.compile(
    r"""[^\w\s(){}\[\],.'=/?+_-]  # all but letters, digits and the harmless
        | (?<![^\W_])_ | _(?![^\W_])  # an underscore at the edge of a word
        | (?<=\d)\.(?=\s) | [-+=](?=[-+=\s]|$) | \](?=[(\[])
    """,
    re.VERBOSE,
)


def mermaid_text(flow: Flow) -> str:
    """The flow as a Mermaid flowchart with a title; comments name the steps that fail."""
    keys = _keys(flow)
    lines = ["---", f"title: {json.dumps(printable(flow.name), ensure_ascii=False)}", "---"]
    lines += ["flowchart TB", *_comments(flow.about)]
    for step in flow.steps:
        lines += _step_lines(step, keys[step.id])
    for edge in flow.edges:
        lines += _edge_lines(edge, keys)
    used = {str(step.standing) for step in flow.steps}
    used |= {"result" for edge in flow.edges if edge.taker is None}
    lines += [f"    classDef {name} {style}" for name, style in _STYLES.items() if name in used]
    return "\n".join(lines) + "\n"


def is_too_large(text: str, flow: Flow) -> bool:
    """Whether Mermaid refuses to draw so much unless it is configured to."""
    return len(text) > MOST_CHARACTERS or len(flow.edges) > MOST_EDGES


def _step_lines(step: FlowStep, key: str) -> Iterator[str]:
    yield from _comments(step.message)
    standing = "" if step.standing is None else f":::{step.standing}"
    yield f"    {key}[{_label([step.id, *step.notes])}]{standing}"


def _edge_lines(edge: FlowEdge, keys: dict[str, str]) -> Iterator[str]:
    giver = keys[edge.giver]
    if edge.taker is None:
        result = keys[_result_of(edge.giver)]
        yield f"    {giver} --- {result}[{_label(edge.lines)}]:::result"
        return
    arrow = "-->" if edge.is_known else "-.->"
    yield f"    {giver} {arrow}|{_label(edge.lines)}| {keys[edge.taker]}"


def _keys(flow: Flow) -> dict[str, str]:
    """A name for each step, and for the results of each, that Mermaid takes as it is."""
    results = [_result_of(edge.giver) for edge in flow.edges if edge.taker is None]
    keys: dict[str, str] = {}
    taken: set[str] = set(_KEYWORDS)
    for name in [*(step.id for step in flow.steps), *results]:
        key = re.sub(r"\W", "_", name, flags=re.ASCII)
        number = 1
        while (candidate := key if number == 1 else f"{key}_{number}") in taken:
            number += 1
        keys[name] = candidate
        taken.add(candidate)
    return keys


def _result_of(step: str) -> str:
    return f"{step} results"  # no id of a step has a space


def _label(lines: Iterable[str]) -> str:
    return f'"{"<br>".join(_escaped(printable(line.strip())) for line in lines)}"'


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", text)


def _comments(text: str) -> Iterator[str]:
    """A text as comment lines; `%%{` would be a directive of Mermaid's even there."""
    for paragraph in text.splitlines():
        for line in joined(paragraph.split(" "), 96):
            yield f"    %% {printable(line).replace('%%', '% %')}"
