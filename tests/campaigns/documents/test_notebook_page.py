"""docs/notebooks.md is the text of a notebook: its cells are run by a kernel, in order.

A block of `python` or `ipython` is a cell, one that begins with `# file: NAME` a file. A `text`
block below a cell is its output: what it prints and shows, and the text of its last value. The
lines are compared as those of the other documents are; a cell that has no such block may show
anything. A cell raises only if its block of output has the name of the exception.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import click
import nbformat
import pytest
from nbclient import NotebookClient

from tests import kernels
from tests.campaigns.documents.test_docs import ROOT, blocks, first_difference

PAGE = ROOT / "docs" / "notebooks.md"

_WAITING = re.compile(r"\s*importing \S+ \.\.\.\s*")  # passes on a terminal


def split(page: Path) -> tuple[dict[str, str], list[tuple[str, str | None]]]:
    """The files of a page by name, and its cells, each with the output that the page shows."""
    files: dict[str, str] = {}
    cells: list[tuple[str, str | None]] = []
    for language, text in blocks(page):
        if text.startswith("# file: "):
            files[text.partition("\n")[0].removeprefix("# file: ")] = text
        elif language in ("python", "ipython"):
            cells.append((text, None))
        elif language == "text":
            cells[-1] = (cells[-1][0], text)
    return files, cells


def lines_of(output: Any) -> list[str]:
    """The lines of one output of a cell."""
    if output.output_type == "stream":
        lines = click.unstyle(str(output.text)).splitlines()
        return [line for line in lines if not _WAITING.fullmatch(line)]
    if output.output_type == "error":
        return [f"{output.ename}: {output.evalue}"]
    return str(output.data.get("text/plain", "")).splitlines()


def test_the_cells_of_the_page_do_what_it_shows(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, cells = split(PAGE)
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name, value in kernels.settings(tmp_path_factory.mktemp("jupyter")).items():
        monkeypatch.setenv(name, value)
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setenv("PATH", programs)  # of `!flowrun`
    monkeypatch.setenv("COLUMNS", "200")  # of the terminal that it has
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(text.rstrip("\n")) for text, _ in cells]
    )
    client = NotebookClient(
        notebook, timeout=120, allow_errors=True, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    wrong = []
    for (source, shown), cell in zip(cells, notebook.cells, strict=True):
        output = [line for one in cell.outputs for line in lines_of(one)]
        found = None if shown is None else first_difference(shown.splitlines(), output)
        raised = [one.ename for one in cell.outputs if one.output_type == "error"]
        unexpected = [f"raised: {name}" for name in raised if name not in (shown or "")]
        if found is not None or unexpected:
            wrong.append("\n".join([source, found or "", *unexpected, *output]))
    assert not wrong, "\n\n".join(wrong)
    assert len(cells) > 10, "the page has cells"
