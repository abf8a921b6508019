"""Notes of commands: no note that a stranger made answers one, however it is sealed."""

from __future__ import annotations

import json
from pathlib import Path

from blake3 import blake3

from flowrun.store import memo
from tests.campaigns.fuzzing.target import Target

ARGUMENTS = ["r.yaml"]
NOTE = {
    "format": memo.FORMAT,
    "identity": {"arguments": ARGUMENTS, "folder": "/", "python": [], "path": [],
                 "variables": {}, "devices": []},
    "env": {"A": None}, "files": [["r.yaml", [1, 2, 3], None], ["t.csv", None, "0" * 64]],
    "folders": ["."], "code": 0, "out": "expect  b[0] 999: met\n", "err": "",
    "record": {"id": "x", "recipe": "r", "status": "ok"}, "events": [{"event": "run_started"}],
}  # fmt: skip
TEXT = json.dumps(NOTE).encode()
SEEDS = [
    b"0" + b"0" * 64 + b"\n" + TEXT,
    b"1" + TEXT,
    b"1" + TEXT[:-20],
    b"1[]",
    b"1{}",
    b"0",
    b"0\n\n",
]
TOKENS = [f'"{name}"' for name in NOTE] + ["null", "[", "]", "{", "}", "1e999", "\\ud800"]


def check(data: bytes, folder: Path) -> None:
    """A note of these bytes, which begin with whether they lack a seal that anyone can make."""
    note = data[1:]
    if data[:1] == b"1":
        note = blake3(note).hexdigest().encode() + b"\n" + note
    path = Path(memo.note_path(ARGUMENTS))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(note)
    (path.parent.parent / "records.sqlite").touch()
    assert memo.replay(ARGUMENTS) is None


TARGETS = [Target(name="memo", check=check, seeds=SEEDS, tokens=TOKENS, errors=())]
