"""How many problems are printed, and how much of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

_MOST_PROBLEMS = 20  # are printed; of the others their number
_MOST_PRINTED = 5_000  # characters of a message, of a value found, of a hint


def problems_text(texts: Iterable[object]) -> str:
    """Problems as the command line prints them: the first 20, and how many more there are."""
    return "\n\n".join(first_texts(texts))


def first_texts(texts: Iterable[object]) -> list[str]:
    """The first 20 texts, and as the last one how many more there are."""
    found = texts if isinstance(texts, Sequence) else list(texts)
    shown = [str(one) for one in islice(found, _MOST_PROBLEMS)]
    more = len(found) - len(shown)
    return [*shown, *([f"and {more} more"] if more else [])]


def shortened(text: str, most: int) -> str:
    """The text if it has at most so many characters, else its beginning and three dots.

    most: characters of the result, the dots among them; at least 3.
    """
    return text if len(text) <= most else f"{text[: most - 3]}..."


def cut(text: str) -> str:
    """A part of a problem, which may repeat a text of any length, as it is printed."""
    if len(text) <= _MOST_PRINTED:
        return text
    return f"{text[:_MOST_PRINTED]}... ({len(text):,} characters)"
