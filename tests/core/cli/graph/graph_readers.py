"""The three formats of `flowrun graph` read back, each by a parser that flowrun did not write."""

from __future__ import annotations

import html
import importlib.util
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import npm

MERMAID = Path(__file__).parent / "mermaid"  # Mermaid in one file, with no dependencies

# Mermaid cleans labels with a library that wants a browser's document. Without one that library
# is a bare function; what Mermaid calls on it is given to it here, and labels stay as they are.
_READ_MERMAID = """
Function.prototype.addHook = () => {};
Function.prototype.sanitize = (text) => text;
globalThis.window = globalThis;
const fs = require("fs");
require("vm").runInThisContext(fs.readFileSync(process.argv[1], "utf8"));
const text = fs.readFileSync(0, "utf8");
(async () => {
  const { diagramType, config } = await mermaid.parse(text);
  const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
  const vertices = [...db.getVertices().values()];
  console.log(JSON.stringify({
    type: diagramType,
    config,
    vertices: vertices.map(({ id, text, classes }) => ({ id, text, classes })),
    edges: db.getEdges().map(({ start, end, text, stroke }) => ({ start, end, text, stroke })),
    classes: [...db.getClasses().keys()],
  }));
})().catch((error) => { console.error(String(error)); process.exit(1); });
"""

Lines = tuple[str, ...]


def can_lay_out() -> bool:
    """Whether Graphviz is here, in one of the two ways in which it can be."""
    return bool(importlib.util.find_spec("pygraphviz") or shutil.which("dot"))


@dataclass
class Drawn:
    """What a drawing shows.

    steps: the lines in each step's box, and what it is marked as. edges: the first line in the
    box it comes from, the first line in the box it goes to (None for results that nobody takes),
    the lines on it, and whether it is dashed. hints: what is to be seen of a step on request.
    """

    title: str = ""
    steps: dict[Lines, str | None] = field(default_factory=dict)
    edges: list[tuple[str, str | None, Lines, bool]] = field(default_factory=list)
    hints: dict[str, str] = field(default_factory=dict)


def read_mermaid(text: str) -> Drawn:
    """The drawing as Mermaid's own parser understands it; skips the test if it is not available."""
    script = npm.installed(MERMAID, "mermaid") / "@mermaid-js/tiny/dist/mermaid.tiny.js"
    found = subprocess.run(
        [npm.node(), "-e", _READ_MERMAID, "--", script],
        input=text, capture_output=True, encoding="utf-8", timeout=120, check=False,
        env=npm.environment(),
    )  # fmt: skip
    assert found.returncode == 0, f"{found.stderr}\n{text}"
    told: dict[str, Any] = json.loads(found.stdout)
    assert told["type"].startswith("flowchart")
    assert not told["config"], "a text is taken for settings of Mermaid"
    front = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    assert front is not None
    drawn = Drawn(yaml.safe_load(front[1])["title"])
    lines = {vertex["id"]: _mermaid_lines(vertex["text"]) for vertex in told["vertices"]}
    for vertex in told["vertices"]:
        assert set(vertex["classes"]) <= set(told["classes"])
        if "result" not in vertex["classes"]:
            drawn.steps[lines[vertex["id"]]] = next(iter(vertex["classes"]), None)
    for edge in told["edges"]:
        giver, taker = lines[edge["start"]], lines[edge["end"]]
        dashed = edge["stroke"] == "dotted"
        if taker in drawn.steps:
            text = _mermaid_lines(edge["text"])
            drawn.edges.append((giver[0], taker[0], text, dashed))
        else:
            drawn.edges.append((giver[0], None, taker, dashed))
    return drawn


# What Mermaid, which makes HTML of a label by way of Markdown, would not show as it stands.
_MARKUP = re.compile(r"[<>`*~$\\|]|(^|\s)[-+] |\d\. |(^|\W)_|_(\W|$)|://")


def _mermaid_lines(text: str) -> Lines:
    """The lines of a label, with the marks undone that Mermaid sets for `#35;` until it draws."""
    assert not _MARKUP.search(text.replace("<br>", ""))
    entities = text.replace("ﬂ°°", "&#").replace("ﬂ°", "&").replace("¶ß", ";")
    return tuple(html.unescape(line) for line in entities.split("<br>"))


def read_dot(text: str) -> Drawn:
    """The drawing as Graphviz's own parser understands it."""
    pygraphviz = pytest.importorskip("pygraphviz", reason="DOT is parsed with the extra `graph`")
    graph = pygraphviz.AGraph(string=text)
    drawn = Drawn(_markup_lines(graph.graph_attr["label"])[0])
    lines = {node: _dot_lines(node.attr["label"]) for node in graph.nodes()}
    for node in graph.nodes():
        if node.attr["class"] != "result":
            drawn.steps[lines[node]] = node.attr["class"] or None
            if node.attr["tooltip"]:
                drawn.hints[lines[node][0]] = "\n".join(_dot_lines(node.attr["tooltip"]))
    for edge in graph.edges():
        giver, taker = (lines[node] for node in edge)
        dashed = edge.attr["style"] == "dashed"
        if taker in drawn.steps:
            drawn.edges.append((giver[0], taker[0], _dot_lines(edge.attr["label"]), dashed))
        else:
            drawn.edges.append((giver[0], None, taker, dashed))
    return drawn


def _dot_lines(text: str) -> Lines:
    """The lines of a label: `\\n` and `\\l` end one, any other `\\` stands for what follows it."""
    ended = re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nl" else found[1], text)
    return tuple(html.unescape(line).strip() for line in ended.removesuffix("\n").split("\n"))


def _markup_lines(text: str) -> Lines:
    whole = ET.fromstring(f"<label>{text}</label>")
    return tuple(line for line in whole.itertext() if line.strip())


def read_svg(text: str) -> Drawn:
    """The drawing as its XML says it: texts, classes, and the titles that Graphviz gives."""
    root = ET.fromstring(text)
    space = {"": "http://www.w3.org/2000/svg"}
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    graph = root.find("g", space)
    assert graph is not None
    drawn = Drawn("".join(graph.find("text", space).itertext()))  # type: ignore[union-attr]
    for node in graph.findall("g", space):
        kinds = node.attrib["class"].split()
        title = node.findtext("title", namespaces=space) or ""
        lines = tuple("".join(line.itertext()).strip() for line in node.iterfind(".//text", space))
        if kinds == ["node", "value"]:
            giver, _, taker = title.partition(" -> ")
            drawn.edges.append((giver, taker, lines, False))
        elif kinds == ["node", "result"]:
            drawn.edges.append((title.removesuffix(" results"), None, lines, False))
        elif kinds[0] == "node":
            drawn.steps[lines] = kinds[1] if len(kinds) > 1 else None
            for link in node.iterfind(".//a", space):
                drawn.hints[lines[0]] = link.attrib["{http://www.w3.org/1999/xlink}title"]
    return drawn
