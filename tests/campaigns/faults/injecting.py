"""Faults brought into a process by the library that `faults.c` makes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.campaigns.faults.worlds import Environment

SOURCE = Path(__file__).with_name("faults.c")
DISK_FULL = "write,sync,rename,open,mkdir,link"  # a full disk lets files be removed and cut


@dataclass(frozen=True)
class Call:
    """One call that writes: its number from 1, what it does, and the file or folder it reaches."""

    number: int
    kind: str
    path: str

    @property
    def place(self) -> tuple[str, str]:
        """What it does, and to what sort of file: calls in a row at one place are much alike."""
        parts = self.path.split("/")
        return self.kind, "/".join(part for part in parts if not any(map(str.isdigit, part)))


@dataclass(frozen=True)
class Faults:
    """The library, compiled."""

    library: Path

    def at(
        self, number: int, how: str, under: Path, *, on: bool = False, kinds: str | None = None
    ) -> Environment:
        """Have the call of this number below a folder fail; `on`: and all later ones."""
        told = {"FAULTS_AT": str(number), "FAULTS_HOW": how}
        told |= {"FAULTS_ON": "1"} if on else {}
        return {**self._told(under, kinds), **told}

    def counted(self, log: Path, under: Path, *, kinds: str | None = None) -> Environment:
        """Have every call below a folder told in a log."""
        return {**self._told(under, kinds), "FAULTS_LOG": str(log)}

    def _told(self, under: Path, kinds: str | None) -> Environment:
        told = {"LD_PRELOAD": str(self.library), "FAULTS_UNDER": str(under)}
        return told if kinds is None else {**told, "FAULTS_KINDS": kinds}


def calls_in(log: Path, folder: Path) -> list[Call]:
    """The calls told in a log, their paths from a folder on."""
    lines = [line.split(" ", 2) for line in log.read_text().splitlines()]
    return [
        Call(int(number), kind, path.removeprefix(f"{folder}/")) for number, kind, path in lines
    ]


def compiled(folder: Path) -> Faults:
    """Compile the library; raises RuntimeError with the reason where that cannot be."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        raise RuntimeError("faults are brought in by LD_PRELOAD, which takes Linux and a compiler")
    library = folder / "faults.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"faults.c does not compile here: {done.stderr[:200]}")
    faults, log = Faults(library), folder / "log"
    code = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch()"
    command = [sys.executable, "-c", code, str(folder / "touched")]
    subprocess.run(command, env=faults.counted(log, folder.resolve()), check=True)
    if not log.is_file():
        raise RuntimeError("LD_PRELOAD does not reach this Python's calls")
    return faults
