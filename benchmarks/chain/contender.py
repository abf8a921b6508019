"""What a contender is: the files of its chain, and the commands that run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


def no_variables(folder: Path) -> Mapping[str, str]:
    """No environment variables beside those that every contender gets."""
    return {}


@dataclass(frozen=True)
class Contender:
    """A tool, and one way of using it.

    A chain of n steps begins with one step that gives 0; then come n steps that add one each.
    Commands begin with a program of the contender's environment. `{steps}` in them is n.
    """

    name: str
    requirements: tuple[str, ...]  # for pip; none for flowrun, which comes from a checkout
    packages: tuple[str, ...]  # those whose versions are shown
    keeps: str  # what is there after a run, in a few words
    files: Callable[[int], Mapping[str, str]]  # from n: the files to write, path to content
    first: tuple[str, ...]  # the first run
    result: Callable[[Path, str, int], int]  # from folder, output and n: what the chain gave
    start: tuple[str, ...]  # the least that the tool can do: what its start alone costs
    again: tuple[str, ...] | None = None  # the run again; None if it would do everything anew
    prepare: tuple[tuple[str, ...], ...] = ()  # commands before the first run, not timed
    variables: Callable[[Path], Mapping[str, str]] = no_variables

    @property
    def environment(self) -> str:
        """The name of its environment, which ways of using one tool share."""
        return self.name.partition("-")[0]


def number_in(pattern: str) -> Callable[[Path, str, int], int]:
    """A `result` that reads the number from a file; `{steps}` in its name is n."""

    def read(folder: Path, output: str, steps: int) -> int:
        return int((folder / pattern.format(steps=steps)).read_text(encoding="utf-8"))

    return read
