"""A command that would keep every step, answered from a note of an earlier run of it.

Reading a recipe, loading plugins and planning take several times as long as the start of Python.
So a command leaves a note of everything it depends on: its arguments, the files it read and wrote,
the code it ran, the environment. If all of that is unchanged, so is the answer: the same lines, the
same metrics, a record of the run. If anything differs, the command runs as usual.

This module is imported before any other, so it imports next to nothing.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from flowrun.store.home import iso_moment, new_run_id
from flowrun.values.stamps import is_settled, stamp_of, variable_digest

FORMAT = 1  # of the notes; one of another format is no note
_VARIABLES = ("PYTHONPATH", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "COLUMNS", "TZ")
SECONDS, RUN = "\0seconds\0", "\0run\0"  # placeholders in a note's text, replaced each time
_ACCELERATORS = ("nvidia", "kfd", "dri", "dxg")  # beginnings of the names of their device files
_START = time.perf_counter()
_PATH = list(sys.path)  # as Python set it up; plugins of a recipe add their folders later

Note = dict[str, Any]


def replay(arguments: list[str]) -> int | None:
    """Answer a command from its note; None if there is none, or if something has changed."""
    path = note_path(arguments)
    note = _read(path)
    if note is None or note["format"] != FORMAT:
        return None
    records = os.path.join(os.path.dirname(path), os.pardir, "records.sqlite")
    if note["identity"] != identity(arguments) or not (os.path.isfile(records) and _holds(note)):
        return None
    return _answer(note, path)


def sealed(note: Note) -> str:
    """A note as it is written: the digest of its text, and the text."""
    text = json.dumps(note)
    return f"{_seal(text.encode())}\n{text}"


def _read(path: str) -> Note | None:
    """A memo; None if there is none, or if it is damaged."""
    try:
        with open(path, "rb") as file:
            seal, _, text = file.read().partition(b"\n")
    except OSError:
        return None
    return json.loads(text) if seal == _seal(text).encode() else None


def _seal(text: bytes) -> str:
    from blake3 import blake3

    return blake3(text).hexdigest()


def note_path(arguments: list[str]) -> str:
    """The file of a command's note."""
    import zlib

    home = os.environ.get("FLOWRUN_HOME") or ".flowrun"
    name = zlib.crc32(json.dumps([arguments, os.getcwd()]).encode())
    return os.path.join(home, "store", "replays", f"{name:08x}.json")


def identity(arguments: list[str]) -> Note:
    """The state that must be equal beside files: arguments, folder, Python, and variables read."""
    variables = [name for name in os.environ if name.startswith("FLOWRUN_") or name in _VARIABLES]
    return {
        "arguments": arguments,
        "folder": os.getcwd(),
        "python": [sys.version, sys.flags.optimize],
        "path": _PATH,
        "variables": {name: os.environ[name] for name in sorted(variables)},
        "devices": _devices(),
    }


def _devices() -> list[str]:
    """The device files that Linux has for GPUs."""
    try:
        return sorted(name for name in os.listdir("/dev") if name.startswith(_ACCELERATORS))
    except OSError:
        return []


def _holds(note: Note) -> bool:
    """Whether every file is unchanged: by its stamp, or by its bytes if it was too new for that."""
    for path, was, digest in note["files"]:
        is_same = _stamp(path) == was if digest is None else content_digest(path) == digest
        if not is_same:
            return False
    if not all(os.path.isdir(path) for path in note["folders"]):
        return False
    return all(variable_digest(name) == digest for name, digest in note["env"].items())


def _settle(note: Note, path: str) -> None:
    """Note the stamps of files that are old enough for them, so that none is read next time."""
    is_changed = False
    for file in note["files"]:
        now = stamp_of(file[0])
        if file[2] is not None and now is not None and is_settled(now):
            file[1:] = [list(now), None]
            is_changed = True
    if is_changed:
        from pathlib import Path

        from flowrun.store.files import write_text

        write_text(Path(path), sealed(note))


def _stamp(path: str) -> list[int] | None:
    found = stamp_of(path)
    return None if found is None else list(found)


def content_digest(path: str) -> str | None:
    """The digest of a file's bytes, or of the names in a folder; None if there is neither."""
    from blake3 import blake3

    try:
        if os.path.isdir(path):
            return blake3(
                "\0".join(sorted(os.listdir(path))).encode("utf-8", "replace")
            ).hexdigest()
        return blake3().update_mmap(path).hexdigest()
    except OSError:
        return None


def _answer(note: Note, path: str) -> int | None:
    """Write a record of the run, and repeat the command's output; None if that fails."""
    moment = time.time()
    run = new_run_id(moment)
    record = {**note["record"], "id": run, "started": iso_moment(moment)}
    record["seconds"] = round(time.perf_counter() - _START, 6)
    try:
        _write_run(run, record, note["events"])
        _settle(note, path)
    except OSError:
        return None
    out = note["out"].replace(SECONDS, f"{record['seconds']:.2f}").replace(RUN, run)
    if not sys.stdout.isatty():
        out = _plain(out)
    sys.stderr.write(note["err"])
    sys.stdout.write(out)
    sys.stdout.flush()
    return int(note["code"])


def _write_run(run: str, record: Note, events: list[Note]) -> None:
    from flowrun.store.files import replacing
    from flowrun.store.home import runs_folder

    folder = runs_folder() / run
    folder.mkdir(parents=True)
    now = record["started"]
    lines = [json.dumps({"time": now, **event}) for event in events]
    (folder / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with replacing(folder / "run.json") as temporary:
        temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")


def _plain(text: str) -> str:
    """The text without colours, for an output that is no terminal."""
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)
