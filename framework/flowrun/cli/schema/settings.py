"""The settings of VS Code that tell its YAML language server which files are recipes."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from flowrun.cli.schema.jsonc import Located, NotJsonError, read_jsonc

_SCHEMAS = "yaml.schemas"
_INDENT = 4  # spaces, as VS Code itself writes


class UnsafeEditError(ValueError):
    """Settings that are better left alone; the text says why."""


def settings_text(schema: str, patterns: list[str]) -> str:
    """Whole settings that say nothing but which files `schema` is for."""
    return json.dumps({_SCHEMAS: {schema: patterns}}, indent=_INDENT, ensure_ascii=False)


def with_schema(text: str, schema: str, patterns: list[str]) -> str:
    """Settings with `patterns` among the files that `schema` is for.

    Only what is missing is put in; all that stands there, comments included, stays as it is.
    Raises UnsafeEditError where the text is not what VS Code takes for settings.
    """
    if not text.strip():
        return settings_text(schema, patterns) + "\n"
    root = _read(text)
    if not isinstance(root.data, dict):
        raise UnsafeEditError("it is not an object of settings")
    schemas = root.child(_SCHEMAS)
    if schemas is None:
        made = _with_entry(text, root, _SCHEMAS, {schema: patterns})
        return _checked(made, {**root.data, _SCHEMAS: {schema: patterns}})
    if not isinstance(schemas.data, dict):
        raise UnsafeEditError(f"`{_SCHEMAS}` in it is not an object")
    given = schemas.data.get(schema, [])
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, list):
        raise UnsafeEditError(f"the files of `{schema}` in it are not a list")
    missing = [pattern for pattern in patterns if pattern not in given]
    if not missing:
        return text
    files = schemas.child(schema)
    if files is None:
        made = _with_entry(text, schemas, schema, missing)
    elif isinstance(files.data, list):
        made = _with_items(text, files, [json.dumps(item, ensure_ascii=False) for item in missing])
    else:
        whole = json.dumps([*given, *missing], ensure_ascii=False)
        made = text[: files.start] + whole + text[files.end :]
    wanted = copy.deepcopy(root.data)
    wanted[_SCHEMAS][schema] = [*given, *missing]
    return _checked(made, wanted)


def _read(text: str) -> Located:
    try:
        return read_jsonc(text)
    except NotJsonError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UnsafeEditError(f"line {line} is not JSON with comments: {error}") from None


def _checked(made: str, wanted: dict[str, Any]) -> str:
    """The edited text, once it is certain to say what it said before, and what was added."""
    if _read(made).data != wanted:
        raise UnsafeEditError("it is written in a way that is not understood")
    return made


def _with_entry(text: str, parent: Located, key: str, value: Any) -> str:
    is_inline = bool(parent.children) and "\n" not in text[parent.start : parent.end]
    shown = json.dumps({key: value}, indent=None if is_inline else _INDENT, ensure_ascii=False)
    entry = shown[1:-1].strip()
    return _with_items(text, parent, [re.sub(rf"^ {{{_INDENT}}}", "", entry, flags=re.MULTILINE)])


def _with_items(text: str, parent: Located, items: list[str]) -> str:
    """The text with further items at the end of a list or object, laid out as those before."""
    close = parent.end - 1
    last = parent.children[-1].end if parent.children else parent.start + 1
    between = text[last:close]  # comments, and the comma where one follows the last item
    comma = "," if parent.children and not parent.has_comma else ""
    after = "," if parent.has_comma else ""
    if parent.children and "\n" not in text[parent.start : parent.end]:
        space = between[len(between.rstrip()) :]
        made = f"{comma}{between.rstrip()} {', '.join(items)}{after}{space}"
        return text[:last] + made + text[close:]
    newline = "\r\n" if "\r\n" in text else "\n"
    outer = _indentation(text, parent.start)
    inner = _indentation(text, parent.starts[0]) if parent.children else outer + " " * _INDENT
    unit = inner.removeprefix(outer) or " " * _INDENT
    lines = [_indented(line, inner, unit) for line in ",\n".join(items).split("\n")]
    block = newline.join(lines)
    made = f"{comma}{between.rstrip()}{newline}{block}{after}{newline}{outer}"
    return text[:last] + made + text[close:]


def _indented(line: str, start: str, unit: str) -> str:
    """A line of `json.dumps` with the file's own unit of indentation."""
    text = line.lstrip(" ")
    return start + unit * ((len(line) - len(text)) // _INDENT) + text


def _indentation(text: str, position: int) -> str:
    """The white space at the beginning of the line that holds `position`."""
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip(" \t"))]
