"""The tree of a recipe: the three kinds of node of YAML, each with its place in the text."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from flowrun.errors import Mark


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


def is_broken(node: Node) -> bool:
    """Whether a reference somewhere in the node could not be resolved."""
    if isinstance(node, Scalar):
        return node.is_broken
    if isinstance(node, Sequence):
        return any(is_broken(item) for item in node.items)
    return any(is_broken(entry.value) for _, entry in node)


def described(node: Node) -> str:
    """A node as a message shows what was found: its text, shortened, with its kind."""
    if isinstance(node, Sequence):
        return f"a list of {len(node.items)}"
    if isinstance(node, Mapping):
        return f"a mapping with {', '.join(node.entries) or 'no keys'}"[:80]
    if node.value is None:
        return "nothing (null)"
    text = node.text if len(node.text) <= 60 else node.text[:57] + "..."
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}
    return f"`{text}` ({kinds[type(node.value)]})"
