"""One `--set` as text: a path, what is done there, and a value as a person types it in a shell."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from flowrun.errors import Mark, Problem, Source
from flowrun.recipes.reading import Mapping, Node, Scalar, Sequence, parse, resolve

Verb = Literal["set", "append", "add", "delete"]

PREFIX = "--set "
_IN_WORDS: dict[Verb, str] = {
    "set": "set",
    "append": "append to",
    "add": "add",
    "delete": "delete",
}
_YAML = ("[", "{", '"', "'", "!")  # what begins with these is YAML, anything else one text
_BLOCK = re.compile(r"[-?]\s|.*:(\s|$)")  # a mapping or a list as a file has them, over lines


class Setting(msgspec.Struct, frozen=True):
    """What one `--set` does at a path. mark: of the path. value: null for a deletion."""

    verb: Verb
    path: str
    mark: Mark
    value: Node

    @property
    def in_words(self) -> str:
        """The verb as messages use it: `append to`."""
        return _IN_WORDS[self.verb]


class RefusedError(Exception):
    """A setting that does not fit the value at its path."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


def read_setting(text: str, problems: list[Problem]) -> Setting | None:
    """Read `PATH=VALUE`, `PATH+=VALUE`, `+PATH=VALUE` or `~PATH`; None if it is none of these."""
    source = Source("--set", PREFIX + text)
    mark = Mark(source, 0, len(PREFIX))
    path, sign, _ = text.partition("=")
    name = path.strip()
    if name.startswith("~"):
        if sign:
            hint = f"without a value: `--set '{name}'`"
            problems.append(Problem("a deletion is written ~PATH", mark, f"`{text}`", hint=hint))
            return None
        return Setting("delete", name[1:], mark, Scalar(mark, None, ""))
    if not sign:
        hint = f"without spaces: `--set {text}=...`"
        problems.append(Problem("a setting is written PATH=VALUE", mark, f"`{text}`", hint=hint))
        return None
    count = len(problems)
    value = _value(source, len(PREFIX) + len(path) + 1, problems)
    if value is None or len(problems) > count:
        return None
    if name.endswith("+"):
        return Setting("append", name[:-1].rstrip(), mark, value)
    if name.startswith("+"):
        return Setting("add", name[1:], mark, value)
    return Setting("set", name, mark, value)


def edited(setting: Setting, old: Node | None) -> Node | None:
    """The value at a setting's path in place of `old`; None for no value in both.

    Raises RefusedError if the setting cannot be made there.
    """
    if setting.verb == "set":
        return setting.value
    if setting.verb == "add":
        if old is None:
            return setting.value
        hint = f"without the `+` it is replaced: `--set {setting.path}=...`"
        message = f"there is a `{setting.path}` already"
        raise RefusedError(Problem(message, setting.mark, hint=hint))
    if old is None:
        raise RefusedError(missing(setting))
    return None if setting.verb == "delete" else _appended(setting, old)


def missing(setting: Setting, hint: str | None = None) -> Problem:
    """The problem of a setting whose path leads to nothing."""
    message = f"the recipe has no `{setting.path}` to {setting.in_words}"
    if setting.verb == "append" and hint is None:
        hint = f"`--set '{setting.path}=[...]'` sets a list"
    return Problem(message, setting.mark, hint=hint)


def _appended(setting: Setting, old: Node) -> Node:
    if isinstance(old, Sequence):
        value = setting.value
        more = value.items if isinstance(value, Sequence) else (value,)
        return Sequence(old.mark, (*old.items, *more))
    if isinstance(old, Scalar) and old.text.startswith("${"):
        name = old.text[2:].partition("}")[0]
        hint = f"append to the variable: `--set vars.{name}+=...`"
    elif isinstance(old, Mapping):
        hint = f"set a key of it: `--set {setting.path}.KEY=...`"
    else:
        hint = f"set it: `--set {setting.path}=...`"
    found = old.text if isinstance(old, Scalar) else "a mapping"
    message = f"`{setting.path}` is no list to append to"
    raise RefusedError(Problem(message, setting.mark, f"`{found}`", hint=hint))


def _value(source: Source, start: int, problems: list[Problem]) -> Node | None:
    """The value that stands from a character of the setting's text on.

    Brackets, braces and quotes are YAML. Anything else is one value as it was typed, so that `#5`,
    `a # b`, `@x` and `*` need no quotes beside those of the shell.
    """
    text = source.text[start:]
    bare = text.strip(" ")
    mark = Mark(source, 0, start + len(text) - len(text.lstrip(" ")))
    if bare.startswith(_YAML) or "\n" in bare:
        value = parse(source, problems, text=" " * start + text)
        if value is not None and (unspaced := _unspaced(value)):
            problems.append(unspaced)
        return value
    if _BLOCK.match(bare):
        read = parse(source, problems, text=" " * start + text)
        if read is None:
            return None
        if not isinstance(read, Scalar):
            problems.append(_of_a_block(read, bare, mark))
            return None
    try:
        return Scalar(mark, resolve(bare), bare)
    except ValueError as error:
        problems.append(Problem(f"{error}: no number of a recipe is that long", mark))
        return None


def _of_a_block(node: Node, text: str, mark: Mark) -> Problem:
    """The problem of `key: value` and `- item`, which may as well be meant as a text."""
    kind, pair = ("mapping", "{}") if isinstance(node, Mapping) else ("list", "[]")
    inner = text.removeprefix("- ")
    return Problem(
        f"a {kind} is written with `{pair[0]}` and `{pair[1]}` here, and a text of this form "
        "in quotes",
        mark,
        f"`{text}`",
        f'`{pair[0]}{inner}{pair[1]}` or `"{text}"`',
        "the shell removes one pair of quotes: put the other pair around the whole setting",
    )


def _unspaced(node: Node) -> Problem | None:
    """The problem of `{a:1}`, which YAML reads as a key `a:1` without a value."""
    if isinstance(node, Scalar):
        return None
    if isinstance(node, Sequence):
        return next(filter(None, map(_unspaced, node.items)), None)
    for name, entry in node:
        before, colon, after = name.partition(":")
        is_empty = isinstance(entry.value, Scalar) and not entry.value.text
        if colon and after and is_empty and not entry.key.quoted:
            hint = f"write `{before}: {after}`"
            return Problem("a colon needs a space after it", entry.key.mark, f"`{name}`", hint=hint)
    return next(filter(None, (_unspaced(entry.value) for _, entry in node)), None)
