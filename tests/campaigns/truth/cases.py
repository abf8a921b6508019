"""All edits of the campaign."""

from __future__ import annotations

from tests.campaigns.truth import (
    code,
    existence,
    imports,
    made_elsewhere,
    memory,
    notebooks,
    readers,
    same,
    same_code,
    stamps,
    started,
    values,
    variables,
)

CASES = [
    *readers.CASES,
    *existence.CASES,
    *stamps.CASES,
    *variables.CASES,
    *imports.CASES,
    *code.CASES,
    *values.CASES,
    *started.CASES,
    *made_elsewhere.CASES,
    *memory.CASES,
    *notebooks.CASES,
    *same.CASES,
    *same_code.CASES,
]
