"""The reader of new rows that `predict` asks for, by the name in the encoding."""

from __future__ import annotations

from typing import Any

from flowrun import Context

READER = "table"


def read(source: str, encoding: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """New rows as numbers, and as they were read."""
    from flowrun_tables.scoring import raw_rows

    return raw_rows(source, encoding, ctx)
