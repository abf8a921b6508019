"""A file of the store has its name only once its bytes are on disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.campaigns.faults.injecting import Call
from tests.campaigns.faults.undisturbed import Undisturbed

NAMED = re.compile(r"\.flowrun/(store/(objects|checkpoints|replays)/|runs/.*/run\.json$)")
TEMPORARY = re.compile(r"\..+\.tmp")


@pytest.mark.usefixtures("faults")
def test_a_file_is_written_under_a_temporary_name_synced_and_renamed(plain: Undisturbed) -> None:
    renamed = [call for call in plain.calls if call.kind == "rename" and NAMED.match(call.path)]
    assert {Path(call.path).parts[-2] for call in renamed} >= {"objects", "checkpoints", "replays"}
    assert {Path(call.path).name for call in renamed} >= {"run.json"}
    for call in renamed:
        before = [one for one in plain.calls[: call.number - 1] if _is_beside(one, call)]
        assert before[-1].kind == "sync", f"{call} comes before its bytes are on disk"
        after = plain.calls[call.number]
        assert (after.kind, after.path) == ("sync", str(Path(call.path).parent))
    written = {call.path for call in plain.calls if call.kind == "write" and NAMED.match(call.path)}
    assert {path for path in written if not TEMPORARY.fullmatch(Path(path).name)} == set()


def _is_beside(one: Call, call: Call) -> bool:
    """Whether a call reaches the temporary file that a renaming puts in place."""
    name = Path(call.path).name
    return Path(one.path).name.startswith(f".{name}.") and TEMPORARY.fullmatch(
        Path(one.path).name
    ) is not None  # fmt: skip
