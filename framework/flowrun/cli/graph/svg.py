"""A flow as an SVG picture, laid out by Graphviz."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys

from flowrun.cli.graph.dot import dot_text
from flowrun.cli.graph.flow import Flow
from flowrun.errors import FlowrunError

# Run in a process of its own, as `dot` is: a layout can be interrupted there, and the command sees
# neither a crash nor the text that Graphviz's libraries print about the machine's fonts.
_LIBRARY = """
import sys, pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
sys.stdout.buffer.write(graph.draw(format="svg", prog="dot"))
"""


class LayoutError(FlowrunError):
    """A picture that cannot be laid out: no Graphviz is installed, or it failed."""


def svg_text(flow: Flow) -> str:
    """The flow as an SVG document, laid out by Graphviz.

    Graphviz is called through the library pygraphviz, whose wheels contain it, or else as the
    program `dot`. Raises LayoutError if neither is there, or the layout fails.
    """
    dot = dot_text(flow, texts_as_nodes=True)
    done = subprocess.run(_layout_command(), input=dot.encode(), capture_output=True, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1] if said else f"it ended with {done.returncode}"
        raise LayoutError(
            f"Graphviz cannot lay out the flow: {reason}\n"
            "    `--format dot` or `--format mermaid` gives it without a layout"
        )
    return done.stdout.decode()


def _layout_command() -> list[str]:
    if importlib.util.find_spec("pygraphviz") is not None:
        return [sys.executable, "-P", "-c", _LIBRARY]
    program = shutil.which("dot")
    if program is not None:
        return [program, "-Tsvg"]
    raise LayoutError(
        "an SVG picture needs Graphviz for its layout, and neither the library pygraphviz nor the "
        "program `dot` is here\n"
        "    `pip install 'flowrun-recipes[graph]'` brings it; `--format mermaid` and "
        "`--format dot` need nothing"
    )
