"""`vars` and `${...}`: one place for a number that a recipe needs in several."""

from __future__ import annotations

import re

from msgspec.structs import replace

from flowrun.errors import Mark, Problem, did_you_mean, listed
from flowrun.recipes.reading import (
    MOST_BYTES,
    MOST_NODES,
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    described,
    reach,
)
from flowrun.values.paths import parse_path

_MOST_MADE = 2 * MOST_NODES  # the recipe's own nodes once, and as many from references
_MOST_TEXT = 16 * MOST_BYTES  # characters of all texts that hold references
_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")


class Variables:
    """The `vars` of a recipe, each resolved when it is first referred to."""

    def __init__(self, node: Mapping | None, problems: list[Problem]) -> None:
        self._raw = node.entries if node is not None else {}
        self._problems = problems
        self._resolved: dict[str, Node] = {}
        self._resolving: list[str] = []
        self._nodes_made = 0
        self._characters_made = 0

    def resolve_all(self) -> dict[str, Node]:
        """Every variable with the references inside it replaced."""
        return {name: self._variable(name) for name in self._raw}

    def fill(self, node: Node) -> Node:
        """`node` with every `${...}` in its strings replaced.

        A string that is one reference alone becomes the variable's value with its type; a
        reference inside a longer string becomes the text that stands in `vars`.
        """
        if not self._has_room(1, node.mark):
            return Scalar(node.mark, None, "", is_broken=True)
        if isinstance(node, Sequence):
            return Sequence(node.mark, tuple(self.fill(item) for item in node.items))
        if isinstance(node, Mapping):
            return Mapping(
                node.mark, {key: Entry(entry.key, self.fill(entry.value)) for key, entry in node}
            )
        if isinstance(node.value, str) and "${" in node.value:
            return self._fill_text(node, node.value)
        return node

    def _has_room(self, count: int, mark: Mark) -> bool:
        """Whether so many more nodes may be made; the first time they may not is a problem."""
        had_room = self._nodes_made <= _MOST_MADE
        self._nodes_made += count
        if had_room and self._nodes_made > _MOST_MADE:
            message = "the references of this recipe expand to too many values"
            self._problems.append(Problem(message, mark))
        return self._nodes_made <= _MOST_MADE

    def _fill_text(self, node: Scalar, text: str) -> Node:
        whole = _REFERENCE.fullmatch(text)
        if whole is not None and whole.group(1) is not None:
            target = self._target(whole.group(1), _place_in(node, text), text)
            if target is None or not self._has_room(_size(target, _MOST_MADE), node.mark):
                return Scalar(node.mark, None, "", is_broken=True)
            return replace(target, mark=node.mark)
        if self._characters_made > _MOST_TEXT:
            return Scalar(node.mark, None, "", is_broken=True)
        pieces: list[str] = []
        position = 0
        for match in _REFERENCE.finditer(text):
            pieces.append(text[position : match.start()])
            inserted = self._inserted(match, node)
            if inserted is None:
                return Scalar(node.mark, None, "", is_broken=True)
            pieces.append(inserted)
            position = match.end()
        filled = "".join(pieces) + text[position:]
        if len(filled) > MOST_BYTES:
            self._problems.append(Problem("a text of more than 1 MiB", node.mark))
            filled = ""
        self._characters_made += len(filled)
        if self._characters_made > _MOST_TEXT:
            message = "the references of this recipe expand to too much text"
            self._problems.append(Problem(message, node.mark))
        return Scalar(node.mark, filled, filled, quoted=True)

    def _inserted(self, match: re.Match[str], node: Scalar) -> str | None:
        """The text that a reference stands for; None (and a problem) if there is no such text."""
        if match.group() == "$${":
            return "${"
        mark = _place_in(node, match.group())
        if match.group(1) is None:
            hint = "end the reference with `}`, or write `$${` for the characters themselves"
            self._problems.append(Problem("`${` without its `}`", mark, hint=hint))
            return None
        target = self._target(match.group(1), mark, match.group())
        if target is None:
            return None
        if not isinstance(target, Scalar):
            self._problems.append(
                Problem(
                    f"`{match.group()}` cannot stand inside a text",
                    mark,
                    found=described(target),
                    expected="a single value",
                )
            )
            return None
        return target.text

    def _target(self, reference: str, mark: Mark, shown: str) -> Node | None:
        """The node that a reference names; None (and a problem) if there is no such node."""
        try:
            path = parse_path(reference.strip())
        except ValueError as error:
            self._problems.append(
                Problem(f"{error}", mark, f"`{shown}`", expected="a name from `vars`: `${name}`")
            )
            return None
        if path.root not in self._raw:
            self._problems.append(
                Problem(
                    f"`{shown}` refers to a variable that `vars` does not have",
                    mark,
                    found=f"`{path.root}`",
                    expected=f"one of: {listed(self._raw)}",
                    hint=did_you_mean(path.root, self._raw),
                )
            )
            return None
        if path.root in self._resolving:
            chain = " -> ".join([*self._resolving, path.root])
            self._problems.append(Problem(f"`vars` refer to each other in a circle: {chain}", mark))
            return None
        node: Node | None = self._variable(path.root)
        for part in path.flat:
            inner = reach(node, (part,)) if node is not None else None
            if inner is None or inner is node:
                self._problems.append(
                    Problem(
                        f"`{shown}` leads nowhere: `{part}` is not in it",
                        mark,
                        found=described(node) if node is not None else None,
                    )
                )
                return None
            node = inner
        return node

    def _variable(self, name: str) -> Node:
        if name not in self._resolved:
            self._resolving.append(name)
            self._resolved[name] = self.fill(self._raw[name].value)
            self._resolving.pop()
        return self._resolved[name]


def _place_in(node: Scalar, piece: str) -> Mark:
    """Where `piece` stands in the source text of a scalar that begins at the node's mark."""
    line = node.mark.source.line(node.mark.line)
    column = line.find(piece, node.mark.column)
    return Mark(node.mark.source, node.mark.line, column) if column >= 0 else node.mark


def _size(node: Node, most: int) -> int:
    """How many nodes there are in a tree; the counting stops beyond `most`."""
    count, open_nodes = 0, [node]
    while open_nodes and count <= most:
        current = open_nodes.pop()
        count += 1
        if isinstance(current, Sequence):
            open_nodes.extend(current.items)
        elif isinstance(current, Mapping):
            open_nodes.extend(entry.value for _, entry in current)
    return count
