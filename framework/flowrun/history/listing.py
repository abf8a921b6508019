"""The table of runs: a line for each, with the requested values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowrun.errors.escaping import on_one_line
from flowrun.history.selecting import Selected
from flowrun.running.record import local_time
from flowrun.values.codecs import number_text
from flowrun.values.metrics import flat

_GAP = "  "
_FIXED = ("id", "when", "recipe", "status", "seconds")
_HEADINGS = ("id", "when", "recipe", "result", "seconds")
ELSEWHERE = " (elsewhere)"  # behind the result of a run that the user's key did not seal
_MOST_METRICS = 4  # columns of metrics that were not requested

Column = tuple[str, list[str]]


def table(selected: Sequence[Selected], asked: Sequence[str], width: int | None) -> str:
    """The runs as lines below a line of headings.

    asked: paths whose values are shown. If empty, the seed is shown, and the first few metrics that
    fit into `width` columns (None: any width).
    """
    rows = [one.row for one in selected]
    columns: list[Column] = [
        ("id", [row.id for row in rows]),
        ("when", [local_time(row.started) for row in rows]),
        ("recipe", [f"{row.recipe} ({row.part})" if row.part else row.recipe for row in rows]),
        ("result", [f"{row.status}{ELSEWHERE if row.elsewhere else ''}" for row in rows]),
        ("seconds", [f"{row.seconds:.2f} s" for row in rows]),
    ]
    paths = [path for path in dict.fromkeys(asked) if path not in _FIXED]
    if paths:
        columns += [(path, [_text(one.found.get(path)) for one in selected]) for path in paths]
    else:
        columns.append(("seed", [row.seed for row in rows]))
        columns = _with_metrics(columns, selected, width)
    return "\n".join(_lines(columns))


def as_document(selected: Sequence[Selected]) -> list[dict[str, Any]]:
    """The runs for `--json`."""
    return [
        {
            "id": one.row.id,
            "started": one.row.started,
            "recipe": one.row.recipe,
            "file": one.row.file,
            "part": one.row.part,
            "status": one.row.status,
            "seconds": one.row.seconds,
            "seed": _seed(one.row.seed),
            "metrics": one.row.metrics,
            **({"elsewhere": True} if one.row.elsewhere else {}),
            **({"where": one.found} if one.found else {}),
        }
        for one in selected
    ]


def _seed(text: str) -> int | None:
    """The seed of a row; None if its record is unreadable, or the row is damaged."""
    try:
        return int(text)
    except ValueError:
        return None


def _with_metrics(
    columns: list[Column], selected: Sequence[Selected], width: int | None
) -> list[Column]:
    """The columns, and a few more for metrics, those of the latest runs first."""
    found = [dict(flat(one.row.metrics)) for one in selected]
    names = list(dict.fromkeys(name for metrics in found for name in metrics))
    for name in names[:_MOST_METRICS]:
        column = (name, [_text(metrics.get(name)) for metrics in found])
        if width is not None and _width([*columns, column]) > width:
            break
        columns = [*columns, column]
    return columns


def _lines(columns: list[Column]) -> list[str]:
    padded = []
    for heading, cells in columns:
        shown = [*map(on_one_line, [heading, *cells])]
        size = max(map(len, shown))
        align = f"{{:<{size}}}" if heading in _HEADINGS[:4] else f"{{:>{size}}}"
        padded.append([align.format(cell) for cell in shown])
    return [_GAP.join(cells).rstrip() for cells in zip(*padded, strict=True)]


def _width(columns: list[Column]) -> int:
    sizes = [max(map(len, [heading, *cells])) for heading, cells in columns]
    return sum(sizes) + len(_GAP) * (len(sizes) - 1)


def _text(value: Any) -> str:
    """A value in a cell; empty if the run has none."""
    if value is None:
        return ""
    if isinstance(value, list):
        return f"[{', '.join(map(number_text, value))}]" if len(value) <= 3 else f"[{len(value)}]"
    return number_text(value)
