"""The user's machine, small: a home, a file or two that matter, and a folder from elsewhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests import processes

MARKER = "PWNED"  # what a stranger's code would write: a file whose name begins so
_TREASURES = {
    "thesis.txt": "ten years of work\n",
    "package.json": "{}\n",
    "package-lock.json": "{}\n",
    "poetry.lock": "locked\n",
    "notes/keys.txt": "secret\n",
}

_IN_SHELL = "import os, sys; os.execvp('bash', ['bash', '-c', *sys.argv[1:]])"


@dataclass(frozen=True)
class World:
    """Folders of one attempt: `user` is a home with its own files, `project` is received.

    The project lies in the user's folder of work, beside files that are the user's.
    """

    root: Path
    servers: ExitStack = field(default_factory=ExitStack)  # that run until the attempt is over

    @property
    def user(self) -> Path:
        """The user's home, which flowrun may write its own state and caches to."""
        return self.root / "user"

    @property
    def outside(self) -> Path:
        """The folder in which the project lies, with files of the user's."""
        return self.user / "work"

    @property
    def project(self) -> Path:
        """The folder from elsewhere; commands run in it."""
        return self.outside / "project"

    def make(self) -> None:
        """Make the folders and the user's files."""
        self.project.mkdir(parents=True)
        for name, text in _TREASURES.items():
            path = self.outside / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the project."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def link(self, name: str, target: str) -> Path:
        """Make a symbolic link in the project."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
        return path

    def fifo(self, name: str) -> Path:
        """Make a named pipe in the project, to which nobody ever writes."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)
        return path

    def environment(self, variables: dict[str, str]) -> dict[str, str]:
        """The variables of the user's commands."""
        usual = {name: value for name, value in os.environ.items() if name[:8] != "FLOWRUN_"}
        own = {"HOME": str(self.user), "FLOWRUN_OFFLINE": "1", "COLUMNS": "100"}
        state = {f"XDG_{kind}_HOME": str(self.user / f".{kind.lower()}")
                 for kind in ("STATE", "CACHE", "CONFIG", "DATA")}  # fmt: skip
        return {**usual, **own, **state, **variables}

    def flowrun(
        self,
        *arguments: str,
        variables: dict[str, str] | None = None,
        seconds: float = 60.0,
        start: str = "",
    ) -> processes.Completed:
        """Run flowrun in the project, as the user does.

        start: how a shell starts it, if not plainly: `"$@"` stands for the command.
        """
        command = ["-m", "flowrun", *arguments]
        if start:
            command = ["-c", _IN_SHELL, start, "-", sys.executable, *command]
        return processes.run(
            command, cwd=self.project, timeout=seconds, fresh=bool(start), errors="replace",
            env=self.environment(variables or {}), stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def files_below(self, names: tuple[str, ...]) -> list[str]:
        """The files in folders of the project."""
        return [str(path) for name in names for path in (self.project / name).rglob("*")]

    def everything_outside(self) -> dict[str, str]:
        """Every file outside the project but flowrun's own state and caches, and its content."""
        return {
            str(path.relative_to(self.root)): _content(path)
            for path in sorted(self.root.rglob("*"))
            if not path.is_relative_to(self.project) and not self._is_own(path)
        }

    def contents(self, names: tuple[str, ...]) -> dict[str, str]:
        """The contents of files of the project."""
        return {name: _content(self.project / name) for name in names}

    def markers(self) -> list[str]:
        """The files that executed code of the stranger's has left."""
        return [str(path) for path in self.root.rglob(f"{MARKER}*")]

    def _is_own(self, path: Path) -> bool:
        below = path.relative_to(self.root).parts
        return len(below) > 1 and below[:1] == ("user",) and below[1].startswith(".")


def _content(path: Path) -> str:
    """What a path is, and its digest if it is a file."""
    if path.is_symlink():
        return f"link to {path.readlink()}"
    if path.is_file():
        mode = path.stat().st_mode
        return f"{mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return "folder" if path.is_dir() else "special" if path.exists() else "nothing"
