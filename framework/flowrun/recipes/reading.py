"""YAML text to nodes that know their positions; sizes are bounded, no object is constructed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import yaml

from flowrun.errors import Mark, Problem, Source, shortened
from flowrun.recipes.syntax import syntax_problem

MOST_BYTES = 1 << 20
MOST_NODES = 100_000
MOST_DEPTH = 64
MOST_TEXT = 16 * MOST_BYTES  # characters of all texts that aliases or references stand for
MOST_IN_CHAIN = 64  # recipes, each of which extends the next
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser, if the wheel has it

# Plain scalars by the core schema of YAML 1.2 (section 10.3.2); PyYAML follows YAML 1.1.
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NOT_A_NUMBER = {".nan", ".NaN", ".NAN"}
# More than any float or useful integer has. Python itself writes no number of more than 4300
# decimal digits, and can be set to write no more than 640.
_MOST_DIGITS = 400


def parse(source: Source, problems: list[Problem], *, text: str | None = None) -> Node | None:
    """The one document in `source`; None if it is empty or cannot be parsed.

    Duplicate keys, tags, and keys that are not strings are added to `problems`, and reading goes
    on; a syntax error, or a document beyond the bounds, ends the reading there. text: takes the
    place of the source's own if only part of that is YAML (the value of a `--set`).
    """
    reader = _Reader(source, problems)
    try:
        for event in yaml.parse(source.text if text is None else text, Loader=_LOADER):
            reader.take(event)
    except _ReadingError as stop:
        problems.append(stop.problem)
        return None
    except yaml.YAMLError as error:
        problems.append(syntax_problem(error, source))
        return None
    return reader.root


class _ReadingError(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class _Open(msgspec.Struct):
    """A list or mapping whose end has not come yet."""

    mark: Mark
    anchor: str | None
    is_mapping: bool
    items: list[Node] = []
    entries: dict[str, Entry] = {}
    key: Node | None = None
    nodes_before: int = 0
    depth_below: int = 0


class _Reader:
    """Builds nodes from parser events, without recursion, counting as it goes."""

    def __init__(self, source: Source, problems: list[Problem]) -> None:
        self.source = source
        self.problems = problems
        self.root: Node | None = None
        self.count = 0
        self.copied = 0  # characters that aliases stand for
        self.documents = 0
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int, int]] = {}  # name: node, its nodes, its depth

    def take(self, event: yaml.Event) -> None:
        start: Any = event.start_mark
        mark = Mark(self.source, start.line, start.column)
        if isinstance(event, yaml.ScalarEvent):
            if event.tag is not None:
                self._refuse_tag(event.tag, mark)
            self._add(self._scalar(event, mark), event.anchor, nodes=1, depth=1)
        elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            if event.tag is not None:
                self._refuse_tag(event.tag, mark)
            self._check_depth(len(self.stack) + 1, mark)
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            self.stack.append(_Open(mark, event.anchor, is_mapping, nodes_before=self.count))
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(str(event.anchor), mark)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                message = "a recipe file has one document; a second one begins here"
                hint = "give each recipe a file of its own"
                raise _ReadingError(Problem(message, mark, hint=hint))

    def _close(self) -> None:
        done = self.stack.pop()
        inside = self.count - done.nodes_before
        node: Node
        if done.is_mapping:
            node = Mapping(done.mark, done.entries)
        else:
            node = Sequence(done.mark, tuple(done.items))
        self._add(node, done.anchor, nodes=1, depth=done.depth_below + 1, inside=inside)

    def _alias(self, anchor: str, mark: Mark) -> None:
        if anchor not in self.anchors:
            problem = Problem(
                f"`*{anchor}` refers to an anchor that is not complete above it",
                mark,
                expected=f"`&{anchor}` on a finished node above this line",
            )
            raise _ReadingError(problem)
        node, nodes, depth = self.anchors[anchor]
        self._check_depth(len(self.stack) + depth, mark)
        self._add(node, None, nodes=nodes, depth=depth)
        self.copied += _characters(node)
        if self.copied > MOST_TEXT:
            message = f"the aliases stand for more than {MOST_TEXT:,} characters"
            raise _ReadingError(Problem(message, mark, hint="move data into a file of its own"))

    def _add(
        self, node: Node, anchor: str | None, *, nodes: int, depth: int, inside: int = 0
    ) -> None:
        self.count += nodes
        if self.count > MOST_NODES:
            message = f"more than {MOST_NODES:,} nodes (values and keys, aliases expanded)"
            hint = "move data into a file of its own"
            raise _ReadingError(Problem(message, node.mark, hint=hint))
        if anchor is not None:
            self.anchors[anchor] = (node, nodes + inside, depth)
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        parent.depth_below = max(parent.depth_below, depth)
        if not parent.is_mapping:
            parent.items.append(node)
        elif parent.key is None:
            parent.key = node
        else:
            self._add_entry(parent, parent.key, node)
            parent.key = None

    def _add_entry(self, parent: _Open, key: Node, value: Node) -> None:
        if not isinstance(key, Scalar):
            self.problems.append(Problem("a key must be a string, not a list or mapping", key.mark))
        elif not isinstance(key.value, str):
            hint = _decimal_comma(parent, key, value) or f"put it in quotes: '{key.text}'"
            self.problems.append(
                Problem("a key must be a string", key.mark, f"`{key.text}`", hint=hint)
            )
        elif key.value == "<<" and not key.quoted:
            message = "merge keys are not part of YAML 1.2"
            hint = "use `extends` for a whole recipe, or `${...}` with `vars` for values"
            self.problems.append(Problem(message, key.mark, "`<<`", hint=hint))
        elif key.value in parent.entries:
            first = parent.entries[key.value].key.mark
            message = f"`{key.value}` is given twice; it stands on line {first.line + 1} already"
            self.problems.append(Problem(message, key.mark, hint="keep one of the two"))
        else:
            parent.entries[key.value] = Entry(key, value)

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> Scalar:
        if "\0" in event.value:
            message = "a text with the character U+0000, which no name and no path can have"
            raise _ReadingError(Problem(message, mark, hint="leave `\\0` out"))
        if event.style is not None and event.style != "":
            return Scalar(mark, event.value, event.value, quoted=True)
        if problem := _strange_space(event.value, mark):
            raise _ReadingError(problem)
        try:
            return Scalar(mark, resolve(event.value), event.value)
        except ValueError as error:
            self.problems.append(Problem(f"{error}: no number of a recipe is that long", mark))
            return Scalar(mark, 0, event.value)

    def _refuse_tag(self, tag: str, mark: Mark) -> None:
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        self.problems.append(
            Problem(
                "tags are not part of the recipe language",
                mark,
                found=f"`{shown}`",
                hint="write the value alone; a recipe never constructs Python objects",
            )
        )

    def _check_depth(self, depth: int, mark: Mark) -> None:
        if depth > MOST_DEPTH:
            message = f"nested deeper than {MOST_DEPTH} levels"
            hint = "move data into a file of its own"
            raise _ReadingError(Problem(message, mark, hint=hint))


def _decimal_comma(parent: _Open, key: Scalar, value: Node) -> str | None:
    """The hint for `{lr: 0,01}`, which YAML reads as `lr: 0` and a key `01` without a value."""
    entry = next(reversed(parent.entries.values()), None)
    before = entry.value if entry is not None else None
    is_empty = isinstance(value, Scalar) and value.value is None
    if not (key.text.isdigit() and is_empty and isinstance(before, Scalar)):
        return None
    if not isinstance(before.value, int) or before.mark.line != key.mark.line:
        return None
    return f"a comma ends the value before it; for a decimal write {before.text}.{key.text}"


def resolve(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar.

    `1e-3`, `1E5` and `.5` are numbers; `no`, `on` and `1_000` are strings; `0o17` is octal.
    Raises ValueError for a number of absurd length.
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if not (text[0].isdigit() or text[0] in "+-."):
        return text
    if len(text) > _MOST_DIGITS and any(
        kind.fullmatch(text) for kind in (_DECIMAL, _FLOAT, _HEXADECIMAL, _OCTAL)
    ):
        raise ValueError(f"a number of {len(text)} characters")
    if _DECIMAL.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text, 0)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITY.fullmatch(text):
        return float(text.replace(".", "", 1))
    if text in _NOT_A_NUMBER:
        return float("nan")
    return text


class Scalar(msgspec.Struct, frozen=True, gc=False):
    """A string, number, bool or null; `text` is the text in the file.

    is_broken: whether it stands for a reference that leads nowhere. That problem is reported
    already, and no further one is reported about the value.
    """

    mark: Mark
    value: object
    text: str
    quoted: bool = False
    is_broken: bool = False

    def mark_at(self, offset: int) -> Mark:
        """The place of a character of the text.

        That of the whole if the file has the text in another way: on several lines, with escapes,
        or with a reference in it.
        """
        before = 1 if self.quoted else 0
        written = self.mark.source.line(self.mark.line)[self.mark.column + before :]
        is_as_written = written.startswith(self.text)
        return self.mark.shifted(before + offset) if is_as_written else self.mark


class Sequence(msgspec.Struct, frozen=True, gc=False):
    """A list of nodes."""

    mark: Mark
    items: tuple[Node, ...]


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A key of a mapping with its value."""

    key: Scalar
    value: Node


class Mapping(msgspec.Struct, frozen=True, gc=False):
    """String keys to nodes, in the order of the file."""

    mark: Mark
    entries: dict[str, Entry]

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        return iter(self.entries.items())


Node = Scalar | Sequence | Mapping


def plain(node: Node) -> object:
    """The node as Python values: str, int, float, bool, None, list, dict."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key: plain(entry.value) for key, entry in node}


def reach(node: Node, path: tuple[str | int, ...]) -> Node:
    """The node that keys and positions lead to, or the last one met on the way."""
    for part in path:
        if isinstance(node, Mapping) and part in node.entries:
            node = node.entries[str(part)].value
        elif isinstance(node, Sequence) and _is_position(part, len(node.items)):
            node = node.items[int(part)]
        else:
            break
    return node


def _is_position(part: str | int, count: int) -> bool:
    return isinstance(part, int) and -count <= part < count


def _characters(node: Node) -> int:
    """How many characters all texts in a node have, those of keys as well."""
    if isinstance(node, Scalar):
        return len(node.text)
    if isinstance(node, Sequence):
        return sum(map(_characters, node.items))
    return sum(len(key) + _characters(entry.value) for key, entry in node)


def is_broken(node: Node) -> bool:
    """Whether a reference somewhere in the node could not be resolved."""
    if isinstance(node, Scalar):
        return node.is_broken
    if isinstance(node, Sequence):
        return any(is_broken(item) for item in node.items)
    return any(is_broken(entry.value) for _, entry in node)


def described(node: Node) -> str:
    """A node as messages show it: its text, shortened, with its kind."""
    if isinstance(node, Sequence):
        return f"a list of {len(node.items)}"
    if isinstance(node, Mapping):
        return f"a mapping with {', '.join(node.entries) or 'no keys'}"[:80]
    if node.value is None:
        return "nothing (null)"
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}
    return f"`{shortened(node.text, 60)}` ({kinds[type(node.value)]})"


def _strange_space(text: str, mark: Mark) -> Problem | None:
    """The problem of a plain text that begins with a space that is not YAML's."""
    if not text[:1].isspace():
        return None
    import unicodedata  # only this mistake needs it

    name = unicodedata.name(text[0], f"U+{ord(text[0]):04X}").lower()
    hint = "indent with ordinary spaces; text copied from a web page may hold others"
    return Problem(f"a {name} in a place for ordinary spaces", mark, hint=hint)
