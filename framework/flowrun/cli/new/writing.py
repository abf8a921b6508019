"""Files made from templates (string.Template), all of them or none, and none replaced."""

from __future__ import annotations

import contextlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from flowrun.errors import FlowrunError, listed, shown_path
from flowrun.values.files import UnsafeFileError, place_to_write

_SUFFIX = ".template"
_NAME = "NAME"  # in a template's path
_HIDDEN = ("gitignore", "github")  # without their dot, which package data would leave out


def write_new(kind: str, folder: Path, fields: dict[str, str]) -> list[Path]:
    """Write the files of a kind (`step`, `plugin`, `recipe`) below a folder; gives their paths.

    fields: the value of each `$name` in a template. Raises FlowrunError if one of the files
    is there already, or cannot be written; then nothing of it is left.
    """
    root = files("flowrun.cli.new").joinpath("templates", kind)
    texts = {
        _place(folder / path): Template(source.read_text(encoding="utf-8")).substitute(fields)
        for path, source in _templates(root, fields["name"])
    }
    taken = [shown_path(path) for path in texts if path.exists()]
    if taken:
        raise FlowrunError(
            f"{listed(taken)} {'is' if len(taken) == 1 else 'are'} here already, and nothing is "
            "replaced\n    take another name, or another folder by --into"
        )
    made: list[Path] = []
    try:
        for path, text in texts.items():
            _make_folders(path.parent, made)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                made.append(path)
                file.write(text)
    except OSError as error:
        for path in reversed(made):
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        reason = error.strerror or str(error)
        raise FlowrunError(f"{shown_path(folder)} cannot be written to: {reason}") from None
    return list(texts)


def _place(path: Path) -> Path:
    """The path of a new file; raises FlowrunError if a link leads out of the folder."""
    try:
        return place_to_write(path)
    except UnsafeFileError as error:
        raise FlowrunError(f"{shown_path(path)} is not written: {error}") from None


def _templates(root: Traversable, name: str, below: str = "") -> list[tuple[str, Traversable]]:
    """Each template below a folder, with the path of the file that it makes."""
    found: list[tuple[str, Traversable]] = []
    for entry in sorted(root.iterdir(), key=lambda entry: entry.name):
        plain = entry.name.removesuffix(_SUFFIX)
        path = below + (f".{plain}" if plain in _HIDDEN else plain.replace(_NAME, name))
        if entry.is_dir():
            found += _templates(entry, name, f"{path}/")
        elif entry.name.endswith(_SUFFIX):
            found.append((path, entry))
    return found


def _make_folders(folder: Path, made: list[Path]) -> None:
    """Make a folder and those above it. made: collects each folder that was not there."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir()
        made.append(one)
