"""Records of runs, and values, that a test writes by hand, with the seal of the session's key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flowrun.store.seals import Seals, sealed_document, without_seal


def write_record(folder: Path, record: dict[str, Any]) -> bytes:
    """Write `run.json` into a run's folder, as if flowrun had; gives its bytes."""
    content = sealed_document(Seals(), folder.name, json.dumps(record, indent=1).encode())
    (folder / "run.json").write_bytes(content)
    return content


def reseal(path: Path, content: bytes) -> None:
    """Write the structure of a kept value, as if flowrun had."""
    path.write_bytes(sealed_document(Seals(), path.stem, content))


def read_record(folder: Path) -> dict[str, Any]:
    """The record in a run's folder, without its seal."""
    record: dict[str, Any] = json.loads(without_seal((folder / "run.json").read_bytes()))
    return record
