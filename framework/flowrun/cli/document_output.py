"""Standard output for the one document of `--json`, whatever the code of steps prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter
from typing import Any, BinaryIO

import msgspec

from flowrun.errors.escaping import in_json
from flowrun.values.streams import Output
from flowrun.values.texts import json_bytes


@contextmanager
def stdout_kept() -> Iterator[BinaryIO]:
    """Standard output for one document alone: the output of steps goes to standard error.

    The file descriptor itself is redirected, so that subprocesses and C code are caught as well.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with BufferedWriter(Output(kept, is_out=True)) as out:
            yield out
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def write_document(out: BinaryIO, document: Any) -> None:
    """Write a document, with a line for each entry."""
    out.write(f"{document_text(document)}\n".encode())
    out.flush()


def document_text(document: Any) -> str:
    """A document as JSON, with a line for each entry; nothing in it acts on a terminal."""
    return in_json(msgspec.json.format(json_bytes(document), indent=2).decode())
