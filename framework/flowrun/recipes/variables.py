"""`vars` and `${...}`: one place for a number that a recipe needs in several, or that varies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from flowrun.errors import Mark, Problem, did_you_mean, listed
from flowrun.recipes.environment import Environment, value_of
from flowrun.recipes.reading import (
    MOST_BYTES,
    MOST_DEPTH,
    MOST_NODES,
    MOST_TEXT,
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
_MOST_IN_A_CIRCLE = 10  # names that a message shows
_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")


class Variables:
    """The `vars` of a recipe, each resolved when it is first referred to, and the environment."""

    def __init__(
        self, node: Mapping | None, environment: Environment, problems: list[Problem]
    ) -> None:
        self._raw = node.entries if node is not None else {}
        self._environment = environment
        self._problems = problems
        self._resolved: dict[str, Node] = {}
        self._resolving: dict[str, None] = {}  # each refers to the next
        self._nodes_made = 0
        self._characters_made = 0

    def resolve_all(self) -> dict[str, Node]:
        """Every variable with the references inside it replaced."""
        return {name: self._variable(name) for name in self._raw}

    def fill(self, node: Node, depth: int = 0) -> Node:
        """`node` with every `${...}` in its strings replaced.

        depth: how many nodes it is in.

        A string that is one reference alone becomes the variable's value with its type; a
        reference inside a longer string becomes the text that stands in `vars`.
        """
        if not self._has_room(1, node.mark):
            return Scalar(node.mark, None, "", is_broken=True)
        if isinstance(node, Sequence):
            return Sequence(node.mark, tuple(self.fill(item, depth + 1) for item in node.items))
        if isinstance(node, Mapping):
            filled = ((key, entry.key, self.fill(entry.value, depth + 1)) for key, entry in node)
            return Mapping(node.mark, {key: Entry(own, value) for key, own, value in filled})
        if isinstance(node.value, str) and "${" in node.value:
            return self._fill_text(node, node.value, depth)
        return node

    def _has_room(self, count: int, mark: Mark) -> bool:
        """Whether so many more nodes may be made; the first time they may not is a problem."""
        had_room = self._nodes_made <= _MOST_MADE
        self._nodes_made += count
        if had_room and self._nodes_made > _MOST_MADE:
            message = "the references of this recipe expand to too many values"
            self._problems.append(Problem(message, mark))
        return self._nodes_made <= _MOST_MADE

    def _fits(self, target: Node, depth: int, mark: Mark) -> bool:
        """Whether a node may stand for a reference that is in so many nodes; else a problem."""
        count, own_depth = _extent(target)
        if depth + own_depth > MOST_DEPTH:
            message = f"with its references this is nested deeper than {MOST_DEPTH} levels"
            self._problems.append(Problem(message, mark))
            return False
        return self._has_room(count, mark)

    def _fill_text(self, node: Scalar, text: str, depth: int) -> Node:
        whole = _REFERENCE.fullmatch(text)
        if whole is not None and whole.group(1) is not None:
            target = self._target(whole.group(1), _place_in(node, text), text)
            if target is None or not self._fits(target, depth, node.mark):
                return Scalar(node.mark, None, "", is_broken=True)
            return replace(target, mark=node.mark)
        if self._characters_made > MOST_TEXT:
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
        if self._characters_made > MOST_TEXT:
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
            if "}" in match.string[match.end() :]:
                hint = "no reference stands inside another; `$${` gives the characters themselves"
            self._problems.append(Problem("`${` without its `}`", mark, hint=hint))
            return None
        if self._environment.reads(match.group(1)):
            return self._environment.text(match.group(1), mark, match.group(), self._problems)
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
        if self._environment.reads(reference):
            text = self._environment.text(reference, mark, shown, self._problems)
            return None if text is None else value_of(text, mark, shown)
        try:
            path = parse_path(reference.strip())
        except ValueError as error:
            expected, hint = "a name from `vars`: `${name}`", self._environment.hint(reference)
            self._problems.append(Problem(f"{error}", mark, f"`{shown}`", expected, hint))
            return None
        if path.root not in self._raw:
            near = did_you_mean(path.root, self._raw)
            self._problems.append(
                Problem(
                    f"`{shown}` refers to a variable that `vars` does not have",
                    mark,
                    found=f"`{path.root}`",
                    expected=f"one of: {listed(self._raw)}"
                    if self._raw
                    else "a name from `vars`, which this recipe does not have",
                    hint=near or self._environment.hint(reference),
                )
            )
            return None
        if path.root in self._resolving:
            self._problems.append(self._circle(path.root, mark))
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
        """A variable, resolved after those that it refers to.

        Without recursion from one to the next: a chain of references may have thousands.
        """
        waiting = [name]
        while waiting:
            current = waiting[-1]
            if current not in self._resolved and current not in self._resolving:
                self._resolving[current] = None
                waiting += reversed(list(self._unresolved(self._raw[current].value)))
            elif waiting.pop() not in self._resolved:
                self._resolved[current] = self.fill(self._raw[current].value)
                del self._resolving[current]
        return self._resolved[name]

    def _unresolved(self, node: Node) -> Iterator[str]:
        """Yield the variables that a node refers to, except those that are being resolved."""
        for text in _texts(node):
            for found in _REFERENCE.finditer(text):
                name = _root(found.group(1) or "")
                is_left = name not in self._resolved and name not in self._resolving
                if is_left and name in self._raw:
                    yield name

    def _circle(self, name: str, mark: Mark) -> Problem:
        """The problem of a variable that is being resolved, and is referred to again."""
        names = [*self._resolving, name]
        if len(names) > _MOST_IN_A_CIRCLE:
            names[_MOST_IN_A_CIRCLE // 2 : -_MOST_IN_A_CIRCLE // 2] = ["..."]
        chain = " -> ".join(names)
        return Problem(f"`vars` refer to each other in a circle: {chain}", mark)


def _texts(node: Node) -> Iterator[str]:
    """Yield the texts in a node that may have references."""
    if isinstance(node, Scalar):
        if isinstance(node.value, str) and "${" in node.value:
            yield node.value
        return
    inner = node.items if isinstance(node, Sequence) else [entry.value for _, entry in node]
    for one in inner:
        yield from _texts(one)


def _root(reference: str) -> str:
    """The variable that the text of a reference names; empty if it is none."""
    try:
        return parse_path(reference.strip()).root
    except ValueError:
        return ""


def _place_in(node: Scalar, piece: str) -> Mark:
    """Where `piece` stands in the source text of a scalar that begins at the node's mark."""
    line = node.mark.source.line(node.mark.line)
    column = line.find(piece, node.mark.column)
    return Mark(node.mark.source, node.mark.line, column) if column >= 0 else node.mark


def _extent(node: Node) -> tuple[int, int]:
    """How many nodes there are in a tree that has been made, so they are not too many; its depth.

    The depth of a scalar is 1.
    """
    count, deepest, open_nodes = 0, 0, [(node, 1)]
    while open_nodes:
        current, depth = open_nodes.pop()
        count, deepest = count + 1, max(deepest, depth)
        if isinstance(current, Sequence):
            open_nodes.extend((item, depth + 1) for item in current.items)
        elif isinstance(current, Mapping):
            open_nodes.extend((entry.value, depth + 1) for _, entry in current)
    return count, deepest
