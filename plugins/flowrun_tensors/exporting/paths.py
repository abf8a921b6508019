"""The paths that a script has for the files of a recipe, from its own folder."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from flowrun_tensors.exporting.script import Script, StepLines
from flowrun_tensors.exporting.text import literal

VALUES = "values.pt"  # in a folder in which `save` writes values.json and safetensors


def resolved(step: StepLines, text: str) -> Path:
    return Path(os.path.normpath(step.step.folder / Path(text).expanduser()))


def here(step: StepLines, text: str, path: Path, *, copied: bool = True) -> str:
    """Code of a path of the recipe, from the script's folder; a file that is read goes there.

    Not one outside of that folder, where an export writes nothing.
    """
    where = script_path(step, text, path)
    if copied and not where.startswith(".."):
        step.script.files[where] = path
    return f"{step.script.here()} / {literal(where)}"


def saved_path(step: StepLines, text: str, path: Path, *, is_folder: bool) -> str:
    """Code of the file that `save` writes."""
    if is_folder:
        text, path = f"{text}/{VALUES}", path / VALUES
    return here(step, text, path, copied=False)


def script_path(step: StepLines, text: str, path: Path) -> str:
    """A path from the script's folder as from the recipe's; of one from the root, the name alone.

    So a script names no folder of the machine that writes it.
    """
    if Path(text).expanduser().is_absolute():
        return beside(step.script, path.name, path)
    return Path(os.path.relpath(path, step.script.plan.recipe.source.folder)).as_posix()


def beside(script: Script, name: str, path: Path) -> str:
    """A name beside the script that no other file has."""
    where = name
    while script.places.setdefault(where, path) != path:
        where = f"other_{where}"
    return where


def checked_file(step: StepLines, name: str, path: Path, url: str) -> str:
    """The name of a constant for a file that is to be had elsewhere, and that must be there.

    url: its address; empty if only an export writes it.
    """
    script = step.script
    where = beside(script, name, path)
    if where in script.constant_of:
        return script.constant_of[where]
    script.files[where] = path
    words = "".join(one if one.isalnum() else "_" for one in PurePath(where).stem.upper())
    constant = script.constant(words if words.isascii() and words.isidentifier() else "SOURCE",
                               f"{script.here()} / {literal(where)}")  # fmt: skip
    script.constant_of[where] = constant
    message = literal(f"{where} is missing: {'get it at ' if url else 'export writes it with -o'}")
    if url:
        message += f" + {script.constant('URL', literal(url))}"
    step.block(f"if not {constant}.exists():", f"raise SystemExit({message})")
    return constant
