"""Patterns of recipes, searched in a time that grows with the text, whatever the pattern.

The syntax is RE2's. Python's own `re` takes years for some patterns, such as `(a+)+$`.
"""

from __future__ import annotations

from typing import Any

from flowrun.values.texts import readable

MOST_CHARACTERS = 1_000  # of a pattern


def pattern_error(pattern: str) -> str | None:
    """What is wrong with a pattern; None if it can be searched for."""
    if len(pattern) > MOST_CHARACTERS:
        return f"it is longer than {MOST_CHARACTERS:,} characters"
    import re2  # hardly a recipe has a pattern

    try:
        _compiled(pattern)
    except re2.error as error:
        text = error.args[0] if error.args else ""
        return text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return None


def is_found(pattern: str, text: str) -> bool:
    """Whether a pattern without an error is found in a text."""
    return _compiled(pattern).search(readable(text)) is not None


def _compiled(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False  # they would be printed
    return re2.compile(readable(pattern), options)
