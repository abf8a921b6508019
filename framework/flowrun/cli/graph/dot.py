"""A flow written in DOT, the language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flowrun.cli.graph.flow import Flow, FlowEdge, FlowStep
from flowrun.cli.graph.labels import joined, printable

_TITLE_WIDTH = 56  # columns
_FONT = 'fontname="Helvetica,Arial,sans-serif"'
_GRAPH = f'{_FONT} fontsize=12 labelloc=t ranksep=0.25 nodesep=0.35 pad=0.2 bgcolor="white"'
_STEP = (
    f'{_FONT} fontsize=13 shape=box style="rounded,filled" fillcolor="#e8f0fb" color="#3b6ea8" '
    'height=0.4 margin="0.18,0.08"'
)
_VALUE = f'{_FONT} fontsize=11 fontcolor="#2f3b4a" color="#5f6b7a" arrowsize=0.7'
_STANDINGS = {
    "fails": 'fillcolor="#fdecea" color="#b3261e" fontcolor="#601410" penwidth=2.5',
    "unknown": 'style="rounded,dashed"',
    "blocked": 'style="rounded,dashed" color="#9aa3ad" fontcolor="#5f6b7a"',
}
_TEXT = 'shape=plain style="" fontsize=11 fontcolor="#2f3b4a"'
_RESULT = 'arrowhead=none color="#9aa3ad"'


def dot_text(flow: Flow, *, texts_as_nodes: bool = False) -> str:
    """The flow in DOT; the tooltip of a step that fails or is unknown says why.

    texts_as_nodes: with the text of each edge as a node halfway. It says the same in a less direct
    way, and `dot` lays it out better: nodes keep their distance from all lines, and labels do not.
    """
    lines = [
        f"digraph {_quoted(flow.name)} {{",
        f"    graph [label={_title(flow)} {_GRAPH}]",
        f"    node [{_STEP}]",
        f"    edge [{_VALUE}]",
        *map(_step_line, flow.steps),
    ]
    for edge in flow.edges:
        lines += _edge_lines(edge, texts_as_nodes)
    return "\n".join([*lines, "}"]) + "\n"


def _title(flow: Flow) -> str:
    """The recipe's name and its `about`, as a text with markup."""
    name = f'<font point-size="15"><b>{_markup(flow.name)}</b></font>'
    about = joined(flow.about.split(), _TITLE_WIDTH)
    return f"<{'<br/>'.join([name, *map(_markup, about), ' '])}>"


def _step_line(step: FlowStep) -> str:
    settings = [f"label={_text([step.id, *step.notes], end='n')}"]
    if step.message:
        settings.append(f"tooltip={_text(step.message.splitlines(), end='n')}")
    if step.standing is not None:
        settings += [f'class="{step.standing}"', _STANDINGS[step.standing]]
    return f"    {_quoted(step.id)} [{' '.join(settings)}]"


def _edge_lines(edge: FlowEdge, texts_as_nodes: bool) -> Iterator[str]:
    giver, label = _quoted(edge.giver), f"label={_text(edge.lines, end='l')}"
    dashed = "" if edge.is_known else " style=dashed"
    if edge.taker is None:
        result = _quoted(f"{edge.giver} results")
        yield f'    {result} [{label} class="result" {_TEXT}]'
        yield f"    {giver} -> {result} [{_RESULT}{dashed}]"
    elif texts_as_nodes:
        text = _quoted(f"{edge.giver} -> {edge.taker}")
        yield f'    {text} [{label} class="value" {_TEXT}]'
        yield f"    {giver} -> {text} [arrowhead=none{dashed}]"
        yield f"    {text} -> {_quoted(edge.taker)} [{dashed.strip()}]"
    else:
        yield f"    {giver} -> {_quoted(edge.taker)} [{label}{dashed}]"


def _text(lines: Iterable[str], *, end: str) -> str:
    """Lines of text for a label. end: `n` if they are centred, `l` if they start left."""
    escaped = [_escaped(line) for line in lines]
    if end == "l" and len(escaped) > 1:
        escaped.append("")  # the last line needs its end as well
    return '"' + f"\\{end}".join(escaped) + '"'


def _quoted(name: str) -> str:
    return f'"{_escaped(name)}"'


def _escaped(text: str) -> str:
    r"""The text for a quoted string: `\` begins an escape in it, and `&` an entity of HTML."""
    return printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")


def _markup(text: str) -> str:
    return printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
