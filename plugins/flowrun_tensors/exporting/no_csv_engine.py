"""What an exported script has in place of the engine for large text, so that it needs torch alone.

A template, as `prelude` is. The script reads every text cell by cell, to the same values.
"""

from __future__ import annotations

from pathlib import Path


def read_large(path: Path, names_end: int, delimiter: str, width: int, dtype: str) -> None:
    """Nothing: there is no engine here."""
