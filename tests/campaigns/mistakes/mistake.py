"""A mistake: the files a person has when it is made, the command, and what must be said of it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

from tests import processes

BAD_RECIPE, STEP_FAILED = 2, 3
_LIMIT = 60  # seconds after which a command is given up
_HOME = "~/project"  # what stands for the folder of a case in messages


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One thing a person breaks, and the message that is due.

    title: what was done wrong, as that person would recognise it.
    recipe: the text of `recipe.yaml`.
    files: further files by name.
    arguments: what follows `flowrun` on the command line.
    environment: variables that are set for the command.
    code: the exit code; 2 means that nothing was run.
    says: fragments that the message must hold: the place, what was found, what to do.
    shown: what the page of mistakes shows in place of a file that is too long or not text.
    """

    title: str
    says: tuple[str, ...]
    recipe: str | bytes | None = None
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    arguments: tuple[str, ...] = ("recipe.yaml",)
    environment: Mapping[str, str] = field(default_factory=dict)
    code: int = BAD_RECIPE
    shown: str | None = None

    @property
    def all_files(self) -> dict[str, str | bytes]:
        """The recipe and the further files, their common indentation taken away."""
        recipe = {} if self.recipe is None else {"recipe.yaml": self.recipe}
        return {
            name: dedent(content).lstrip("\n") if isinstance(content, str) else content
            for name, content in {**recipe, **self.files}.items()
        }


@dataclass(frozen=True)
class Observed:
    """What came of a mistake: exit code, both streams, and the files that were not there before."""

    code: int
    shown: str
    message: str
    files_made: tuple[str, ...]

    @property
    def text(self) -> str:
        """Everything that was printed."""
        return self.shown + self.message


def observe(mistake: Mistake, folder: Path) -> Observed:
    """Make the mistake in an empty folder, through the command line, and see what is said."""
    work, cache = folder / "project", folder / "cache"
    work.mkdir()
    for name, content in mistake.all_files.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    environment = {key: value for key, value in os.environ.items() if key[:8] != "FLOWRUN_"}
    environment |= {"FLOWRUN_OFFLINE": "1", "FLOWRUN_CACHE": str(cache), "COLUMNS": "100"}
    environment |= {"PYTHONUTF8": "1", **mistake.environment}
    done = processes.run(
        ["-m", "flowrun", *mistake.arguments], cwd=work, env=environment, timeout=_LIMIT
    )
    left = {str(path.relative_to(work)) for path in work.rglob("*") if path.is_file()}
    made = tuple(
        sorted(name for name in left - mistake.all_files.keys() if "__pycache__" not in name)
    )
    shown, message = (_normalised(text, folder) for text in (done.stdout, done.stderr))
    return Observed(done.returncode, shown, message, made)


def _normalised(text: str, folder: Path) -> str:
    """The text as it would be on any machine, in a project folder of one's own."""
    text = text.replace(str(folder / "project"), _HOME)
    text = text.replace(str(folder / "cache"), "~/.cache/flowrun")
    return re.sub(r"(this machine has: ).*", r"\1cpu (x86_64)", text)
