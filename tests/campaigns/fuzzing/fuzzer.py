"""One target under atheris, in a process of its own: `python -m tests.campaigns.fuzzing.fuzzer`.

A finding does not end it: the input is written down, with the error, once for each place that
raised it, and the fuzzer goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

import atheris

INSTRUMENTED = ["flowrun", "flowrun_tensors"]


def main(name: str, findings: Path, arguments: list[str]) -> None:
    """Fuzz a target; arguments are those of libFuzzer."""
    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.campaigns.fuzzing.targets import TARGETS
    target = TARGETS[name]
    shared = Path("/dev/shm")  # in memory, on Linux
    home = tempfile.mkdtemp(dir=shared if shared.is_dir() else None)
    folder = Path(home, "input")

    def try_input(data: bytes) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            with contextlib.chdir(folder):
                target.try_input(data, folder)
        except Exception as error:
            note(error, data, findings)

    sys.setrecursionlimit(1000)  # as users have it
    atheris.Setup([sys.argv[0], *arguments], try_input)
    try:
        for (
            seed
        ) in target.seeds:  # libraries are imported for the first of each kind, which takes long
            try_input(seed)
        atheris.Fuzz()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def note(error: Exception, data: bytes, findings: Path) -> None:
    """Write an input down, and what it raised; the shortest of those that one place raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = "".join(f"{frame.filename}:{frame.name}" for frame in frames[-1:])
    kind = f"{type(error).__name__} {place}"
    path = findings / hashlib.sha256(kind.encode()).hexdigest()[:12]
    if path.is_file() and path.stat().st_size <= len(data):
        return
    findings.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.with_suffix(".txt").write_text("".join(traceback.format_exception(error)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
