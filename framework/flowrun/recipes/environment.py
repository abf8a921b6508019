"""`${env:NAME}` and `${env:NAME:-default}`: variables of the environment as values of a recipe."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping as AnyMapping

from flowrun.errors import Lines, Mark, Problem, Source, did_you_mean
from flowrun.recipes.reading import Node, Scalar, parse, resolve
from flowrun.values.stamps import variable_digest
from flowrun.values.surroundings import KEY

_START = "env:"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# How other tools, and a slip, write a variable of the environment.
_MEANT = re.compile(
    r"(?:(?:oc\.)?env[:.]|ENV[:.])?\s*([A-Za-z_]\w*)\s*(?:(?::-|,|:-?)\s*(.*))?", re.DOTALL
)


class Environment:
    """The environment as a recipe reads it.

    used: the digest of each variable that it read, None if that is not set: the recipe depends on
    these.
    """

    def __init__(self, variables: AnyMapping[str, str] = os.environ) -> None:
        self._variables = variables
        self.used: dict[str, str | None] = {}

    def reads(self, reference: str) -> bool:
        """Whether the text between `${` and `}` names a variable of the environment."""
        return reference.lstrip().startswith(_START)

    def text(self, reference: str, mark: Mark, shown: str, problems: list[Problem]) -> str | None:
        """The text that a reference stands for; None (and a problem) if there is none.

        As in a shell, the default after `:-` is for a variable that is not set, or empty.
        """
        name, sign, default = reference.strip().removeprefix(_START).partition(":-")
        name = name.strip()
        if not _NAME.fullmatch(name):
            expected = "`${env:NAME}`, or `${env:NAME:-default}`"
            message = f"`{shown}` names no variable of the environment"
            problems.append(Problem(message, mark, f"`{name}`", expected))
            return None
        if name == KEY:
            message = f"`{shown}` is the key of the store, which no recipe may read"
            problems.append(Problem(message, mark))
            return None
        found = self._variables.get(name)
        self.used[name] = variable_digest(name, self._variables)
        if found or (found is not None and not sign):
            return found
        if sign:
            return default
        hint = f"set it (`{name}=... flowrun ...`), or give a default: `${{env:{name}:-value}}`"
        if near := did_you_mean(name, self._variables):
            hint = Lines(f"{near}\n{hint}")
        problems.append(Problem(f"the environment variable `{name}` is not set", mark, hint=hint))
        return None

    def hint(self, reference: str) -> str | None:
        """How to write a variable that is meant by a reference to something unknown."""
        meant = _MEANT.fullmatch(reference.strip())
        if meant is None:
            return None
        name, default = meant[1], meant[2]
        is_prefixed = reference.strip()[: meant.start(1)].strip() != ""
        if not is_prefixed and name not in self._variables:
            return None
        written = f"${{env:{name}}}" if default is None else f"${{env:{name}:-{default}}}"
        return f"for a variable of the environment write `{written}`"


def value_of(text: str, mark: Mark, shown: str) -> Node:
    """The value of a text that comes from outside, as if it stood in the recipe.

    It is converted as a scalar without quotes: a number, true, false, null, or else the text
    itself, whatever characters it has. A list, a mapping or a text in quotes is one as well.

    shown: the reference, of which messages speak.
    """
    if text[:1] in ("[", "{", "'", '"'):
        problems: list[Problem] = []
        node = parse(Source(f"{mark.source.name}, in {shown}", text), problems)
        if node is not None and not problems:
            return node
    try:
        return Scalar(mark, resolve(text), text)
    except ValueError:  # a number of absurd length
        return Scalar(mark, text, text)
