"""Each sentence of some pages names the tests that would fail if it were false.

The sentences of docs/NAME.md stand in NAME_sentences.yaml, in the order of the page:

    - says: the sentence, as it stands on the page
      tests: [the tests, as PATH::FUNCTION]
      edits: [cases of tests/campaigns/truth, which `make campaigns` tries all, `make test` some]
      attempts: [attempts of tests/campaigns/hostile, likewise]
      shown: true, if the blocks of the page show it, which test_docs.py runs
      introduces: for a sentence that promises nothing: why

List items and rows of tables are sentences, too; headings and fenced blocks are not.
"""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.campaigns.documents.test_docs import ROOT
from tests.campaigns.hostile.test_attempts import ATTEMPTS
from tests.campaigns.truth.cases import CASES

TABLES = sorted(Path(__file__).parent.glob("*_sentences.yaml"))
KEYS = {"says", "tests", "edits", "attempts", "shown", "introduces"}
_FENCED = re.compile(r"^(?:<!--.*?-->\n)?```.*?^```$", re.MULTILINE | re.DOTALL)
_BEGINS = re.compile(r"^(?:\n|- |#.*|\|[ |-]*\|$|(?=\|))", re.MULTILINE)  # a paragraph, an item ...
_ENDS = re.compile(r"(?<=[.?!])\s+(?=[A-Z`*]|flowrun )")
_MOST_INTRODUCTIONS = {"store_sentences": 3, "security_sentences": 10}

each_page = pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)


def sentences(text: str) -> list[str]:
    """The sentences of a page's prose, each in one line."""
    blocks = _BEGINS.split(_FENCED.sub("", text))
    found = [" ".join(sentence.split()) for block in blocks for sentence in _ENDS.split(block)]
    return [sentence for sentence in found if sentence]


@functools.cache
def functions(path: str) -> set[str]:
    """The test functions of a file; none if there is no such file."""
    file = ROOT / path
    tree = ast.parse(file.read_text(encoding="utf-8") if file.is_file() else "")
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def table(file: Path) -> list[dict[str, Any]]:
    """The entries of a table."""
    entries: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return entries


@each_page
def test_the_table_has_the_sentences_of_the_page(file: Path) -> None:
    page = ROOT / "docs" / f"{file.stem.removesuffix('_sentences')}.md"
    stated = sentences(page.read_text(encoding="utf-8"))
    assert [" ".join(entry["says"].split()) for entry in table(file)] == stated


@each_page
def test_each_sentence_names_tests_that_exist(file: Path) -> None:
    cases = {str(case) for case in CASES}
    attempts = {str(attempt) for attempt in ATTEMPTS}
    for entry in table(file):
        assert entry.keys() - {"says"}, f"nothing tests: {entry['says']}"
        assert entry.keys() <= KEYS, entry
        for test in entry.get("tests", []):
            path, _, function = test.partition("::")
            assert function in functions(path), f"there is no {test}"
        unknown = set(entry.get("edits", [])) - cases
        assert not unknown, f"tests/campaigns/truth has no such cases: {unknown}"
        unknown = set(entry.get("attempts", [])) - attempts
        assert not unknown, f"tests/campaigns/hostile has no such attempts: {unknown}"


@each_page
def test_few_sentences_promise_nothing(file: Path) -> None:
    introductions = [entry["says"] for entry in table(file) if "introduces" in entry]
    assert len(introductions) <= _MOST_INTRODUCTIONS[file.stem], introductions


def test_there_are_pages_whose_sentences_are_tests() -> None:
    assert {file.stem for file in TABLES} == _MOST_INTRODUCTIONS.keys()
