"""The hint for a step that looks for a file of the recipe's folder in the current folder."""

from __future__ import annotations

import os
from pathlib import Path

from flowrun.errors import shown_path
from flowrun.plugins.observation.record import unobserved


def missing_file_hint(error: Exception, folder: Path, *, takes_context: bool) -> list[str]:
    """How a step finds a file that is not in the current folder, but in that of the recipe.

    No line if the error is another one, or if the recipe's folder has no such file either.
    """
    if not isinstance(error, FileNotFoundError) or not isinstance(error.filename, (str, Path)):
        return []
    name = os.fspath(error.filename)
    if not name or Path(name).is_absolute():
        return []
    with unobserved():
        there = next((one for one in (Path(name), Path(name).parent) if _is_in(one, folder)), None)
    if there is None:
        return []
    takes = "" if takes_context else " (add `ctx` to the step's parameters: `*, ctx`)"
    return [
        f"    `{there}` is in the recipe's folder, {shown_path(folder)}, and the step looks in the "
        "current folder",
        f"    open `ctx.path({name!r})`, which starts from the recipe's folder{takes}",
    ]


def _is_in(path: Path, folder: Path) -> bool:
    """Whether there is such a file or folder; the current folder lacks it."""
    return path != Path() and (folder / path).exists() and not path.exists()
