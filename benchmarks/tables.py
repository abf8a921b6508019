"""Write what was found as Markdown, on standard output and, if asked for, into a file."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def bullets(facts: Mapping[str, str]) -> str:
    """A Markdown list of named facts."""
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def publish(text: str, out: Path | None) -> None:
    """Print the report, and write it to the file if there is one."""
    print(text)
    if out:
        out.write_text(text + "\n", encoding="utf-8")


def progress(text: str) -> None:
    """Tell what is going on, on standard error, so that the report alone is on standard output."""
    print(f"... {text}", file=sys.stderr, flush=True)
