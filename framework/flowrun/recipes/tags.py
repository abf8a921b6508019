"""`tags:` of a recipe: words by which tests are chosen, each a marker of pytest."""

from __future__ import annotations

import re

from flowrun.errors import Problem, listed
from flowrun.recipes.nodes import Node, Scalar, Sequence, described

PATTERN = r"^[A-Za-z][A-Za-z0-9_]*$"
# What these say to pytest is not what a tag says; the first three join markers in `-m`.
TAKEN = (
    "and",
    "or",
    "not",
    "True",
    "False",
    "None",
    "skip",
    "skipif",
    "xfail",
    "parametrize",
    "usefixtures",
    "filterwarnings",
    "xdist_group",
)


def read_tags(node: Node, problems: list[Problem]) -> tuple[str, ...]:
    """The tags of a recipe, one or a list of them, each once."""
    items = node.items if isinstance(node, Sequence) else (node,)
    tags: dict[str, None] = {}
    for item in items:
        text = item.value if isinstance(item, Scalar) else None
        if not isinstance(text, str) or not re.fullmatch(PATTERN, text):
            expected = "words of letters, digits and `_`: `[slow, cuda]`"
            problems.append(Problem("a tag is one word", item.mark, described(item), expected))
        elif text in TAKEN:
            message = f"`{text}` is no tag: it has a meaning of its own in pytest"
            hint = f"choose another word than: {listed(TAKEN, limit=len(TAKEN))}"
            problems.append(Problem(message, item.mark, hint=hint))
        else:
            tags[text] = None
    return tuple(tags)
