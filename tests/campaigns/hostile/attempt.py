"""An attempt of a stranger: the folder a user receives, what is typed there, what must come."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.campaigns.hostile.world import World

CODES = (0, 1, 2, 3)  # that a command which was not interrupted may end with


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt. Nothing of it may execute, reach outside, hang, or end in a traceback.

    group: the kind, a module of this package. name: what is tried, in a few words.
    prepare: makes the folder. It may run flowrun there first, as the user, for a store to alter.
    commands: the arguments of `flowrun`, of each command that the user then types in the folder.
    codes: with which the last may end.
    says: regular expressions that are found in what the commands print, both streams together.
    never: regular expressions that are not found there.
    files: names of files of the user's own in the folder that must stay as they were prepared.
    empty: names of folders of the project in which no file may lie at the end.
    variables: of the environment.
    seconds: that each command may take, if a bound is documented that is more than the usual one.
    start: how a shell starts each command, for which `"$@"` stands: `"$@" > /dev/full`.
    """

    group: str
    name: str
    prepare: Callable[[World], object]
    commands: Sequence[Sequence[str]]
    codes: Sequence[int] = CODES
    says: Sequence[str] = ()
    never: Sequence[str] = ()
    files: Sequence[str] = ()
    empty: Sequence[str] = ()
    variables: dict[str, str] = field(default_factory=dict)
    seconds: float = 10.0
    start: str = ""

    def __str__(self) -> str:
        return f"{self.group}: {self.name}"

    def wrong_output(self, text: str) -> list[str]:
        """What is wrong with the output of all commands."""
        missing = [f"does not say {one}" for one in self.says if not re.search(one, text)]
        present = [f"says {one}" for one in self.never if re.search(one, text)]
        return missing + present


def typed(
    group: str,
    name: str,
    prepare: Callable[[World], object],
    *commands: str,
    says: Sequence[str] = (),
    never: Sequence[str] = (),
    files: Sequence[str] = (),
    codes: Sequence[int] = (0,),
) -> Attempt:
    """An attempt whose commands are written as one types them, in words without blanks."""
    return Attempt(
        group=group, name=name, prepare=prepare, says=says, never=never, files=files,
        commands=[command.split(" ") for command in commands], codes=codes,
    )  # fmt: skip
