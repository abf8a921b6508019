"""Each sentence of docs/store.md names the tests that would fail if it were false.

They stand in store_sentences.yaml, in the order of the page:

    - says: the sentence, as it stands on the page
      tests: [the tests, as PATH::FUNCTION]
      edits: [cases of tests/campaigns/truth, which `make campaigns` tries all, `make test` some]
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

import yaml

from tests.campaigns.documents.test_docs import ROOT
from tests.campaigns.truth.cases import CASES

TABLE = Path(__file__).with_name("store_sentences.yaml")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_BEGINS = re.compile(r"^(?:\n|- |#.*|\|[ |-]*\|$|(?=\|))", re.MULTILINE)  # a paragraph, an item ...
_ENDS = re.compile(r"(?<=[.?!])\s+(?=[A-Z`*])")
_MOST_INTRODUCTIONS = 3


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


def table() -> list[dict[str, Any]]:
    """The entries of the table."""
    entries: list[dict[str, Any]] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return entries


def test_the_table_has_the_sentences_of_the_page() -> None:
    page = (ROOT / "docs/store.md").read_text(encoding="utf-8")
    assert [" ".join(entry["says"].split()) for entry in table()] == sentences(page)


def test_each_sentence_names_tests_that_exist() -> None:
    cases = {str(case) for case in CASES}
    for entry in table():
        assert entry.keys() - {"says"}, f"nothing tests: {entry['says']}"
        assert entry.keys() <= {"says", "tests", "edits", "shown", "introduces"}, entry
        for test in entry.get("tests", []):
            path, _, function = test.partition("::")
            assert function in functions(path), f"there is no {test}"
        unknown = set(entry.get("edits", [])) - cases
        assert not unknown, f"tests/campaigns/truth has no such cases: {unknown}"


def test_few_sentences_promise_nothing() -> None:
    introductions = [entry["says"] for entry in table() if "introduces" in entry]
    assert len(introductions) <= _MOST_INTRODUCTIONS, introductions
