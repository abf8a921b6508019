"""All edits of the campaign."""

from __future__ import annotations

from tests.campaigns.truth import (
    backends,
    code,
    codecs,
    existence,
    given,
    imports,
    made_elsewhere,
    memory,
    notebooks,
    odd_names,
    options,
    paths,
    process,
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
    *paths.CASES,
    *stamps.CASES,
    *variables.CASES,
    *imports.CASES,
    *code.CASES,
    *codecs.CASES,
    *values.CASES,
    *started.CASES,
    *made_elsewhere.CASES,
    *backends.CASES,
    *given.CASES,
    *memory.CASES,
    *notebooks.CASES,
    *odd_names.CASES,
    *options.CASES,
    *process.CASES,
    *same.CASES,
    *same_code.CASES,
]
