"""The text of a recipe file, or what is wrong with a file that cannot be one."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from flowrun.errors import (
    Lines,
    Problem,
    RecipeError,
    Source,
    listed,
    nearest,
    shown_path,
    typed_path,
)
from flowrun.errors.escaping import on_one_line
from flowrun.recipes.reading import MOST_BYTES
from flowrun.recipes.texts import holds_recipe
from flowrun.values.files import UnsafeFileError, read_bytes, real_path

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/(/?)(?=[^/])")  # a path has one slash of the two
_OPEN = re.compile(r"/dev/(stdin|fd/\d+)|/proc/self/fd/\d+")  # files that are open in this process
_DATA = (".csv", ".tsv")  # binary ones are told by their content


def read_source(path: Path, *, is_given: bool = False) -> Source:
    """The text of a recipe file; raises RecipeError if it cannot be read as UTF-8 text.

    is_given: whether the user has named it, rather than another file: then it may be an open pipe,
    as that of `<(...)` in a shell.
    """
    name = typed_path(path)
    if path.is_file() and (problem := _other_kind(path)):
        raise RecipeError([problem])
    try:
        content = _content(path, is_given=is_given)
    except UnsafeFileError as error:
        message = f"{name}: {error.strerror}"
        raise RecipeError([Problem(message, hint="a recipe is a file of text")]) from None
    except IsADirectoryError:
        message = f"{name} is a folder, and a recipe is a file"
        raise RecipeError([Problem(message, hint=_contained(path))]) from None
    except OSError as error:
        if problem := address_problem(str(path)):
            raise RecipeError([problem]) from None
        hint = near_recipe(path) if isinstance(error, FileNotFoundError) else None
        message = f"{name}: {error.strerror or error}"
        raise RecipeError([Problem(message, hint=hint)]) from None
    if len(content) > MOST_BYTES:
        message = f"{name}: a recipe is at most 1 MiB, and this file is larger"
        raise RecipeError([Problem(message, hint="move data into a file of its own")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig").split("\n")
        place = f"{name}:{len(before)}:{len(before[-1]) + 1}"
        message = f"{place}: not UTF-8 text (byte 0x{content[error.start]:02x})"
        hint = "save the file as UTF-8"
        raise RecipeError([Problem(message, hint=hint)]) from None
    return Source(name, text, real_path(path))


def near_recipe(path: Path) -> str | None:
    """The question for the file of the nearest name in the folder of a recipe that is not there."""
    folder = path.parent if path.parent.is_dir() else Path()
    names = {found.stem: found.name for found in sorted(folder.glob("*.y*ml"))}
    near = nearest(path.stem, names)  # every name has the suffix, which says nothing
    if near is None:
        return None
    is_here = real_path(folder) == Path.cwd()
    place = "" if is_here else f" (in {shown_path(folder)})"
    return f"did you mean `{on_one_line(names[near])}`?{place}"


def _content(path: Path, *, is_given: bool) -> bytes:
    """The bytes of a file, one more than a recipe may have; raises OSError."""
    if is_given and _OPEN.fullmatch(str(path)):
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    return read_bytes(path, most=MOST_BYTES + 1)


def address_problem(recipe: str) -> Problem | None:
    """The problem of an address of the web in place of a recipe; None if it is none."""
    if not _ADDRESS.match(recipe):
        return None
    address = _ADDRESS.sub(lambda found: found[0] if found[1] else f"{found[0]}/", recipe, count=1)
    name = re.split(r"[?#]", address.rstrip("/"))[0].rpartition("/")[2]
    message = f"`{address}` is an address, and a recipe is a file on this machine"
    hint = f"download it, and the files that it names: curl -L -o {name} {shlex.quote(address)}"
    return Problem(message, hint=hint)


def _other_kind(path: Path) -> Problem | None:
    """The problem of a file whose name says that it is something else."""
    name, suffix = shown_path(path), path.suffix.lower()
    if suffix in (".py", ".ipynb"):
        message = f"{name} is Python code, and a recipe is a YAML file"
        hint = f"a recipe uses the steps of a file by `plugins: [./{path.name}]`"
        if suffix == ".py":
            hint += f"; `flowrun steps -p {name}` lists them"
        return Problem(message, hint=hint)
    if suffix in _DATA:
        message = f"{name} is a file of data, and a recipe is a YAML file"
        return Problem(message, hint=f"a recipe reads it by `- load: {{source: ./{path.name}}}`")
    return None


def _contained(folder: Path) -> str:
    """The recipes in a folder."""
    files = sorted(folder.glob("*.y*ml"))
    recipes = [file for file in files if holds_recipe(file)] or files
    hint = f"it contains: {listed(map(shown_path, recipes))}"
    if len(recipes) > 1:
        further = f"`flowrun test {shown_path(folder)}` runs and tests all of them"
        return Lines(f"{hint}\n{further}")
    return hint
