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

from flowrun.store.home import home_folder, iso_moment, link_in, new_run_id
from flowrun.store.seals import Seals, sealed_document
from flowrun.values.files import read_whole
from flowrun.values.stamps import is_settled, stamp_of, variable_digest
from flowrun.values.surroundings import KEY, surroundings
from flowrun.values.terminal import shown_on

FORMAT = 2  # of the notes; one of another format is no note
_VARIABLES = ("PYTHONPATH", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "COLUMNS")
SECONDS, RUN = "\0seconds\0", "\0run\0"  # placeholders in a note's text, replaced each time
_ACCELERATORS = ("nvidia", "kfd", "dri", "dxg")  # beginnings of the names of their device files
_SEALED = "note"  # the kind of the seals
_MOST_BYTES = 1 << 26  # of a note; a larger one is none
_start = time.perf_counter()  # of the command, once Python has started
_process_start: float | None = None  # of Python itself, as far as it is known
_LONGEST_START = 2.0  # seconds; a process that is older has done something else before
_PATH = list(sys.path)  # as Python set it up; plugins of a recipe add their folders later

Note = dict[str, Any]


def replay(arguments: list[str]) -> int | None:
    """Answer a command from its note; None if there is none, or if something has changed."""
    global _start, _process_start
    _start = time.perf_counter()  # this module may have been imported long before
    _process_start = _start - _seconds_of_python()
    path = note_path(arguments)
    if link_in(home_folder()) is not None:
        return None  # the run refuses it
    seals = Seals()
    note = _read(path, seals)
    if note is None or note["format"] != FORMAT:
        return None
    records = os.path.join(os.path.dirname(path), os.pardir, "records.sqlite")
    if note["identity"] != identity(arguments) or not (os.path.isfile(records) and _holds(note)):
        return None
    return _answer(note, path, seals)


def seconds_passed() -> float:
    """The seconds since the command began to look at files."""
    return time.perf_counter() - _start


def command_start() -> float:
    """The time by `time.perf_counter` at which the command began; now, if that is not known."""
    return time.perf_counter() if _process_start is None else _process_start


def _seconds_of_python() -> float:
    """The seconds that Python has taken to start, as far as Linux says."""
    try:
        with open("/proc/self/stat", "rb") as file:
            started = int(file.read().rpartition(b")")[2].split()[19])
        passed = time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0
    return passed if 0.0 < passed < _LONGEST_START else 0.0


def write_note(note: Note, path: str, seals: Seals) -> None:
    """Write a note: its seal, and its text; none without a key, and none of absurd size."""
    text = json.dumps(note).encode()
    if seals.key is None or len(text) > _MOST_BYTES // 2:
        return
    from pathlib import Path

    from flowrun.store.files import replacing

    seal = seals.seal(_SEALED, os.path.basename(path), text).hex().encode()
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(seal + b"\n" + text)


def _read(path: str, seals: Seals) -> Note | None:
    """A note; None if there is none, if it is damaged, or if another key sealed it."""
    try:
        seal, _, text = read_whole(path, _MOST_BYTES).partition(b"\n")
        found = bytes.fromhex(seal.decode("ascii"))
    except (OSError, ValueError):
        return None
    is_own = seals.holds(found, _SEALED, os.path.basename(path), text)
    return json.loads(text) if is_own else None


def note_path(arguments: list[str]) -> str:
    """The file of a command's note."""
    import zlib

    name = zlib.crc32(json.dumps([arguments, os.getcwd()]).encode())
    return os.path.join(home_folder(), "store", "replays", f"{name:08x}.json")


def identity(arguments: list[str]) -> Note:
    """The state that must be equal beside files: arguments, folder, Python, and variables read."""
    variables = [name for name in os.environ if name.startswith("FLOWRUN_") or name in _VARIABLES]
    if KEY in variables:
        variables.remove(KEY)  # a secret, which the seal depends on
    return {
        "arguments": arguments,
        "folder": os.getcwd(),
        "python": [sys.version, list(sys.flags), sys.warnoptions],
        "path": _PATH,
        "variables": {name: os.environ[name] for name in sorted(variables)} | surroundings(),
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
    if any(os.path.realpath(path) != was for path, was in note["links"]):
        return False
    return all(variable_digest(name) == digest for name, digest in note["env"].items())


def _settle(note: Note, path: str, seals: Seals) -> None:
    """Note the stamps of files that are old enough for them, so that none is read next time."""
    is_changed = False
    for file in note["files"]:
        now = stamp_of(file[0])
        if file[2] is not None and now is not None and is_settled(now):
            file[1:] = [list(now), None]
            is_changed = True
    if is_changed:
        write_note(note, path, seals)


def _stamp(path: str) -> list[int] | None:
    found = stamp_of(path)
    return None if found is None else list(found)


def content_digest(path: str) -> str | None:
    """The digest of a file's bytes, or of the names in a folder; None if there is neither."""
    from blake3 import blake3

    try:
        if os.path.isdir(path):
            return blake3(
                "\0".join(sorted(os.listdir(path))).encode("utf-8", "surrogateescape")
            ).hexdigest()
        return blake3().update_mmap(path).hexdigest() if os.path.isfile(path) else None
    except OSError:
        return None


def _answer(note: Note, path: str, seals: Seals) -> int | None:
    """Write a record of the run, and repeat the command's output; None if that fails."""
    moment = time.time()
    run = new_run_id(moment)
    record = {**note["record"], "id": run, "started": iso_moment(moment)}
    record["seconds"] = round(time.perf_counter() - command_start(), 6)
    try:
        _write_run(run, record, note["events"], seals)
        _settle(note, path, seals)
    except OSError:
        return None
    out = note["out"].replace(SECONDS, f"{record['seconds']:.2f}").replace(RUN, run)
    sys.stderr.write(shown_on(sys.stderr, note["err"], crops=True))
    sys.stdout.write(shown_on(sys.stdout, out))
    sys.stdout.flush()
    return int(note["code"])


def _write_run(run: str, record: Note, events: list[Note], seals: Seals) -> None:
    from flowrun.store.files import replacing
    from flowrun.store.home import runs_folder

    folder = runs_folder() / run
    folder.mkdir(parents=True)
    now = record["started"]
    lines = [json.dumps({"time": now, **event}) for event in events]
    (folder / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with replacing(folder / "run.json") as temporary:
        temporary.write_bytes(sealed_document(seals, run, json.dumps(record, indent=1).encode()))
