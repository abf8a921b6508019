"""Files of the store: written whole or not at all, their digests, and the ids of runs."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from flowrun.store.file_digests import FileDigests
from flowrun.store.files import digest_of, is_running, remove_abandoned, replacing, write_text
from flowrun.store.home import home_folder, iso_moment, new_run_id, runs_folder
from flowrun.store.run_index import true_status
from flowrun.store.store import Store

MACHINE = f"{zlib.crc32(os.uname().nodename.encode()):08x}"
DAY = 86_400.0


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_file_is_replaced_at_the_end_or_left_as_it_was() -> None:
    path = Path("folder/a.txt")
    write_text(path, "é")
    assert path.read_bytes() == "é".encode()
    with pytest.raises(ValueError, match="no"):
        _fail_to_replace(path)
    assert [one.name for one in path.parent.iterdir()] == ["a.txt"]
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert [one.name for one in path.parent.iterdir()] == ["a.txt"]


def _fail_to_replace(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        assert temporary.parent == path.parent
        assert temporary.name.startswith(f".{path.name}.{MACHINE}-{os.getpid()}-")
        assert path.read_text(encoding="utf-8") == "é"
        raise ValueError("no")


def test_temporary_files_of_those_who_are_no_more_are_removed(gone: int) -> None:
    kept = [
        f".a.{MACHINE}-{os.getpid()}-00000000.tmp",
        f".a.{MACHINE}-1-00000000.tmp",
        f".a.00000000-{gone}-00000000.tmp",  # of another machine, and not old
        f"a.{MACHINE}-{gone}-00000000.tmp",
        f".a.{MACHINE}-{gone}-00000000.tmp2",
        "a.txt",
    ]
    removed = [
        f".a.{MACHINE}-{gone}-00000000.tmp",
        ".a.00000000-1-00000000.tmp",
        f".a.{MACHINE}-{os.getpid()}-00000001.tmp",
    ]
    folder = Path("folder")
    folder.mkdir()
    for name in kept + removed:
        (folder / name).touch()
    for name in removed[1:]:
        os.utime(folder / name, (0, time.time() - DAY - 60))
    os.utime(folder / kept[2], (0, time.time() - DAY + 60))
    remove_abandoned(folder)
    assert {one.name for one in folder.iterdir()} == set(kept)
    remove_abandoned(Path("none"))


def test_a_process_is_known_by_its_number(gone: int) -> None:
    assert is_running(os.getpid())
    assert is_running(1)
    assert not is_running(gone)
    assert true_status("running", os.getpid()) == "running"
    assert true_status("running", gone) == "killed"
    assert true_status("running", None) == "killed"
    assert true_status("ok", None) == "ok"


def test_a_file_has_a_digest_by_its_bytes_and_nothing_else_has_one() -> None:
    Path("a").write_bytes(b"1")
    Path("b").write_bytes(b"1")
    Path("c").write_bytes(b"2")
    assert digest_of(Path("a")) == digest_of(Path("b")) != digest_of(Path("c"))
    assert len(str(digest_of(Path("a")))) == 64
    assert digest_of(Path("none")) is None
    assert digest_of(Path.cwd()) is None


def test_the_home_is_the_folder_of_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert home_folder() == Path(".flowrun")
    assert runs_folder() == Path(".flowrun/runs")
    monkeypatch.setenv("FLOWRUN_HOME", "")
    assert home_folder() == Path(".flowrun")
    monkeypatch.setenv("FLOWRUN_HOME", "elsewhere")
    assert (home_folder(), runs_folder()) == (Path("elsewhere"), Path("elsewhere/runs"))


def test_an_id_of_a_run_sorts_by_time_and_is_one_runs_alone() -> None:
    moment = 1_795_500_000.0
    day, second, end = new_run_id(moment + 0.5).split("-")
    assert (day, second, end[:3]) == ("20261124", "060000", "800")
    assert len(end) == 6
    ids = [new_run_id(moment + n / 0x1000) for n in range(50)]
    assert ids == sorted(ids)
    assert len({new_run_id(moment) for _ in range(20)}) > 10
    assert iso_moment(moment + 0.25) == "2026-11-24T06:00:00.250+00:00"
    assert iso_moment(moment + 0.0625) == "2026-11-24T06:00:00.062+00:00"


def test_the_digest_of_a_file_is_remembered_unless_the_file_is_mapped_for_writing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("a").write_bytes(b"1" * 10)
    store = Store(Path("home"), lambda text: None)
    young = FileDigests(store.database)
    assert young.of(Path("a")) == digest_of(Path("a"))
    young.write()
    assert store.database.rows("select path from files") == [], "its stamp has not settled"
    monkeypatch.setattr("flowrun.values.stamps.SETTLED", 0)
    with open("a", "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:  # noqa: PTH123
        digests = FileDigests(store.database)
        assert digests.of(Path("a")) == digest_of(Path("a"))
        digests.write()
        assert store.database.rows("select path from files") == []
        mapped[0] = 0x32
        assert digests.of(Path("a")) == digest_of(Path("a"))
    digests = FileDigests(store.database)
    assert digests.of(Path("a")) == digest_of(Path("a"))
    digests.write()
    assert store.database.rows("select path from files") == [("a",)]
    assert digests.of(Path("none")) is None
    assert digests.of(Path.cwd()) is None
    store.close()
