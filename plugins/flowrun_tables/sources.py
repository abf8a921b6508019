"""Where the files of a table are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flowrun import Context, DataError, did_you_mean, on_one_line

QUICKLY_READ = 16 * 2**20  # bytes of all files that a check reads
_SIGNS = "*?["  # of a glob


def paths_of(
    source: str, sha256: str | None, ctx: Context, fetched: Callable[[str, str], Path]
) -> list[Path]:
    """The files of a source, sorted by name. Raises DataError if there is none."""
    if "://" in source:
        if sha256 is None:
            raise DataError(
                f"{on_one_line(source)}: an address needs its `sha256`, so that the data is known\n"
                "    fetch the file once, look at it, and copy the output of `sha256sum`"
            )
        return [fetched(source, sha256)]
    if sha256 is not None:
        raise DataError("`sha256` goes with an https address")
    path = ctx.path(source)
    if path.exists():
        return [path]
    if any(sign in source for sign in _SIGNS):
        folder = ctx.path(".")
        found = sorted(one for one in _glob(folder, source) if one.is_file())
        if found:
            return found
        raise DataError(f"no file fits the pattern {on_one_line(source)}")
    beside = {str(Path(source).with_name(one.name)) for one in path.parent.glob("*")}
    hint = did_you_mean(source, beside) or "a path starts from the recipe's folder"
    raise DataError(f"there is no file {on_one_line(path)}\n    {hint}")


def _glob(folder: Path, pattern: str) -> list[Path]:
    if Path(pattern).is_absolute():
        root = Path(Path(pattern).anchor)
        return list(root.glob(str(Path(pattern).relative_to(root))))
    return list(folder.glob(pattern))
