"""The metrics of a run, read from the summary of its value `metrics`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def metrics_of(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The plain numbers, texts and short lists of a summarised mapping; larger parts are left out.

    A tensor of one number is that number.
    """
    found = told_by(summary)
    return found if isinstance(found, dict) else {}


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each value that is no mapping, by its path: `cpu.gflops`."""
    for name, value in values.items():
        path = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, Mapping):
            yield from flat(value, path)
        else:
            yield path, value


def told_by(summary: Mapping[str, Any]) -> Any:
    """The plain value in a summary; None if the summary has only the type."""
    items = summary.get("items")
    if items is None:
        return summary.get("value")
    parts = {name: told_by(item) for name, item in items.items()}
    return {name: part for name, part in parts.items() if part is not None}
