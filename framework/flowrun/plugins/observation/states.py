"""The states of the things that code looks at, as an observation has them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from blake3 import blake3

from flowrun.plugins.observation.ownership import SESSION
from flowrun.plugins.observation.paths import (
    link_state,
    mode_state,
    names_state,
    sizes_state,
    stat_state,
    times_state,
)
from flowrun.plugins.observation.record import real_getcwd, unobserved
from flowrun.values.stamps import stamp_of, variable_digest

INPUT = "input:"  # the standard input, which is never again as it was


def state_now(what: str) -> Any:
    """How a thing is now, in the form in which an observation saw it."""
    kind, _, name = what.partition(":")
    return STATES[kind](name)


def _listing_state(path: str) -> str | None:
    with unobserved():
        return names_state(path)


def _sizes_state(path: str) -> str | None:
    with unobserved():
        return sizes_state(path)


def variable_state(name: str) -> str | None:
    """The digest of an environment variable, which may hold a secret; None if it is not set."""
    with unobserved():
        return variable_digest(name)


def names_of_variables() -> str:
    """The digest of the names of all environment variables."""
    names = sorted({os.fsdecode(name) for name in os.environ._data} - SESSION)  # type: ignore[attr-defined]
    return blake3("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest(length=16)


STATES: dict[str, Callable[[str], Any]] = {
    "file": stamp_of,
    "list": _listing_state,
    "sizes": _sizes_state,
    "stat": stat_state,
    "times": times_state,
    "mode": mode_state,
    "link": link_state,
    "env": variable_state,
    "names": lambda _: names_of_variables(),
    "cwd": lambda _: real_getcwd(),
    "input": lambda _: None,
    "module": lambda _: None,
}

OBSERVED = frozenset(STATES)  # the kinds of things of which an observation has the state
