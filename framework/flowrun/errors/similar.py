"""The known name most like a misspelt one, searched for within bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice

# A comparison of two names takes some 20 microseconds, and a recipe from elsewhere may have
# thousands of misspelt names beside thousands of known ones.
_MOST_COMPARED = 1_000  # names with one name
_MOST_COMPARED_IN_ALL = 20_000  # names, for all problems of a recipe
_LONGEST_COMPARED = 100  # characters of a name
_LEAST_ALIKE = 0.6  # as difflib measures it, from 0 to 1

_left_to_compare: ContextVar[list[int] | None] = ContextVar("left_to_compare", default=None)


@contextmanager
def suggestions_bounded() -> Iterator[None]:
    """Bound the search for similar names in all of the block: of later ones none is suggested."""
    if _left_to_compare.get() is not None:  # the caller's bound holds
        yield
        return
    token = _left_to_compare.set([_MOST_COMPARED_IN_ALL])
    try:
        yield
    finally:
        _left_to_compare.reset(token)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None if none is near.

    Of many known names only the first 1,000 of similar length are looked at, and no long ones.
    """
    left = _left_to_compare.get() or [_MOST_COMPARED]
    if left[0] <= 0 or len(name) > _LONGEST_COMPARED:
        return None
    import difflib  # only a mistake needs it

    similar = (one for one in known if _are_of_similar_length(name, one))
    candidates = list(islice(similar, min(_MOST_COMPARED, left[0])))
    left[0] -= len(candidates)
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    for candidate in by_lower:
        if _is_swapped(candidate, name.lower()):  # the likeliest slip
            return by_lower[candidate]
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=_LEAST_ALIKE)
    return by_lower[close[0]] if close else None


def _is_swapped(one: str, other: str) -> bool:
    """Whether two neighbouring letters are in the other order, and all else is equal."""
    differing = [at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]]
    if len(one) != len(other) or len(differing) != 2 or differing[1] != differing[0] + 1:
        return False
    first, second = differing
    return one[first] == other[second] and one[second] == other[first]


def _are_of_similar_length(name: str, other: str) -> bool:
    """Whether two names can be alike at all, by the measure of difflib."""
    short, long = sorted((len(name), len(other)))
    return long <= _LONGEST_COMPARED and 2 * short >= _LEAST_ALIKE * (short + long)
