"""Puts the schema where editors find it: a file, a line in a recipe, and settings to paste."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from urllib.parse import quote

import msgspec

from flowrun.cli.schema.recipe_files import recipe_patterns
from flowrun.errors import FlowrunError, shown_path
from flowrun.recipes.keys import Schema
from flowrun.store.files import replacing
from flowrun.store.home import home_folder, require_no_link
from flowrun.values.files import place_to_write, read_bytes, real_path

_NAME = "recipe.schema.json"
_INDENT = 4  # spaces, as VS Code itself writes
_HEAD = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*")  # the comments above a recipe
_LINE = re.compile(r"^#\s+yaml-language-server\s*:\s*\$schema=(\S+)[^\r\n]*", re.MULTILINE)


def schema_text(schema: Schema) -> str:
    """The schema as it is printed and kept."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def keep_schema(schema: Schema, folder: Path) -> Path:
    """Write the schema into flowrun's folder below `folder`; returns its path.

    Raises FlowrunError if it cannot be written.
    """
    home = folder / home_folder()
    require_no_link(home)
    path = home / _NAME
    try:
        _write(path, schema_text(schema))
    except OSError as error:
        raise FlowrunError(f"{shown_path(path)} cannot be written: {error.strerror}") from None
    return path


def vscode_settings(schema: Path, folder: Path) -> str:
    """The lines that name the schema in the settings of VS Code for a folder, to be pasted."""
    key = _relative(schema, folder)
    if key.startswith(".."):  # FLOWRUN_HOME is elsewhere
        key = real_path(schema).as_uri()
    settings = {"yaml.schemas": {key: recipe_patterns(folder)}}
    lines = json.dumps(settings, indent=_INDENT, ensure_ascii=False).splitlines()
    return "\n".join(lines[1:-1])


def add_line(schema: Path, recipe: Path) -> bool:
    """Name the schema in the first line of a recipe; returns whether that changed it.

    A line that names an earlier place of flowrun's schema is replaced. Raises FlowrunError if the
    recipe names another schema, or cannot be written.
    """
    place = quote(_relative(schema, recipe.parent), safe="/:")
    line = f"# yaml-language-server: $schema={place}"
    try:
        whole = read_bytes(recipe).decode()
        text = whole.removeprefix("\ufeff")
        mark = whole[: len(whole) - len(text)]
        head = _HEAD.match(text)
        found = _LINE.search(text, 0, head.end() if head is not None else 0)
        if found is None:
            newline = "\r\n" if "\r\n" in text else "\n"
            return _write(recipe, f"{mark}{line}{newline}{text}")
        if found[1].endswith(f"/{_NAME}"):
            return _write(recipe, mark + text[: found.start()] + line + text[found.end() :])
    except OSError as error:
        raise FlowrunError(f"{shown_path(recipe)}: {error.strerror}") from None
    raise FlowrunError(
        f"{shown_path(recipe)} names another schema, {found[1]}; take that line out first"
    )


def _relative(schema: Path, folder: Path) -> str:
    """The schema's path from a folder; its address if they are on different drives."""
    try:
        return Path(os.path.relpath(real_path(schema), real_path(folder))).as_posix()
    except ValueError:
        return real_path(schema).as_uri()


def _write(path: Path, text: str) -> bool:
    """Write a text file if it would change, with the same permissions; whether it changed."""
    path = place_to_write(path)
    content = text.encode()
    if path.exists() and read_bytes(path) == content:
        return False
    with replacing(path) as temporary:
        temporary.write_bytes(content)
        if path.exists():
            shutil.copymode(path, temporary)
    return True
