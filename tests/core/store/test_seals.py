"""The user's key, and stores that it has sealed, or has not: those are set aside, or adopted."""

from __future__ import annotations

import json
import os
import pwd
import sqlite3
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from flowrun.store import database, seals, tables
from flowrun.store.seals import Seals, users_key
from flowrun.store.store import Store
from tests.conftest import Flowrun
from tests.core.store.conftest import World

TABLES = Path(".flowrun/store/records.sqlite")
ASIDE = Path(".flowrun/store-aside-1")
OTHER = {"FLOWRUN_STORE_KEY": "another's"}


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a key that is not there yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state/flowrun/key"


def harmed(key: Path, way: str) -> None:
    content = key.read_bytes()
    if way == "chmod":
        key.chmod(0o640)
    elif way == "folder":
        key.parent.chmod(0o777)
    else:
        key.unlink()
    if way == "link":
        key.with_name("other").write_bytes(content)
        key.with_name("other").chmod(0o600)
        key.symlink_to("other")
    elif way == "pipe":
        os.mkfifo(key, 0o600)
    elif way == "short":
        key.write_bytes(content[:7])
        key.chmod(0o600)


def test_the_key_is_made_once_and_only_the_user_may_read_it(key: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: users_key(), range(32)))
    assert found == {key.read_bytes()}
    assert len(key.read_bytes()) == 32
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert [path.name for path in key.parent.iterdir()] == ["key"]


def test_a_key_is_made_on_a_file_system_without_hard_links(
    key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(source: str, target: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    assert users_key() == users_key() == key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert [path.name for path in key.parent.iterdir()] == ["key"]


@pytest.mark.parametrize("way", ["chmod", "folder", "link", "pipe", "short"])
def test_a_key_that_others_could_have_made_is_refused(
    key: Path, world: World, flowrun: Flowrun, way: str
) -> None:
    users_key()
    harmed(key, way)
    world.recipe("[one]")
    done = flowrun("r.yaml")
    assert done.returncode == 0
    assert done.stderr.count("warning: there is no key for the store") == 1
    assert str(key.parent) in done.stderr


def test_without_a_key_results_are_computed_and_one_line_says_so(
    world: World, flowrun: Flowrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    world.recipe("[one, add]")
    for _ in range(2):
        done = flowrun("r.yaml")
        assert "add           x 2  0.0" in done.stdout
        (line,) = done.stderr.splitlines()
        assert "XDG_STATE_HOME" in line
        assert "FLOWRUN_STORE_KEY" in line
    assert not TABLES.exists()


def test_without_the_variable_home_the_database_of_users_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    for home in (None, "", "relative"):
        monkeypatch.delenv("HOME", raising=False)
        if home is not None:
            monkeypatch.setenv("HOME", home)
        expected = Path(pwd.getpwuid(os.getuid()).pw_dir, ".local/state/flowrun/key")
        assert Path(seals._path()) == expected


def test_seals_differ_by_kind_name_content_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Seals()
    found = {own.seal("a", "b", "c"), own.seal("a", "bc", ""), own.seal("a", "b", b"c"),
             own.seal("ab", "", "c"), own.seal("a", "b")}  # fmt: skip
    monkeypatch.setenv("FLOWRUN_STORE_KEY", "another's")
    other = Seals()
    found.add(other.seal("a", "b", "c"))
    assert len(found) == 6
    assert own.holds(own.seal("a", "b"), "a", "b")
    assert not own.holds(other.seal("a", "b"), "a", "b")
    assert not own.holds("", "a", "b")


def test_a_store_of_another_key_is_set_aside_and_everything_is_computed(
    world: World, flowrun: Flowrun
) -> None:
    world.recipe("[one, add]")
    assert flowrun("r.yaml", **OTHER).returncode == 0
    done = flowrun("r.yaml")
    assert done.stderr.count("was not made with your key") == 1
    assert "kept" not in done.stdout
    assert (ASIDE / "records.sqlite").is_file()
    again = flowrun("r.yaml")
    assert again.stderr == ""
    assert again.stdout.count("kept") == 2


def test_a_store_of_the_same_variable_is_kept_on_another_machine(
    world: World, flowrun: Flowrun, tmp_path: Path
) -> None:
    world.recipe("[one, add]")
    for machine in ("first", "second"):
        done = flowrun("r.yaml", XDG_STATE_HOME=str(tmp_path / machine), **OTHER)
        assert done.stderr == ""
    assert done.stdout.count("kept") == 2


def test_the_key_stands_in_no_file_of_the_store_or_the_run(
    world: World, flowrun: Flowrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world.folder / "all.py").write_text(
        "import os\nfrom flowrun import step\n\n"
        "@step(outputs='n')\ndef count():\n    return len(dict(os.environ))\n"
    )
    world.path.write_text("recipe: r\nplugins: [./all.py]\nsteps: [count]\n")
    for _ in range(2):
        assert flowrun("r.yaml", FLOWRUN_STORE_KEY="sesame").returncode == 0
    files = [path for path in Path(".flowrun").rglob("*") if path.is_file()]
    assert not [path for path in files if b"sesame" in path.read_bytes()]
    record = json.loads(next(Path(".flowrun/runs").glob("*/run.json")).read_text())
    assert "env:FLOWRUN_STORE_KEY" not in record["steps"][0]["looked_at"]


def adopted(flowrun: Flowrun, *arguments: str) -> str:
    done = flowrun("store", "adopt", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_adopted_store_is_believed(world: World, flowrun: Flowrun) -> None:
    world.recipe("[one, add]")
    flowrun("r.yaml", **OTHER)
    found = adopted(flowrun)
    assert found == (
        "adopted 2 records of steps, 0 values and 1 runs of .flowrun/store-aside-1; "
        "records refused as malformed: 0\n"
    )
    done = flowrun("r.yaml")
    assert (done.stdout.count("kept"), done.stderr) == (2, "")
    assert "elsewhere" not in flowrun("runs").stdout
    assert ASIDE.is_dir(), "it stays as it is"


def test_a_store_is_adopted_from_any_folder_with_its_values(world: World, flowrun: Flowrun) -> None:
    (world.folder / "steps.py").write_text(
        "from flowrun import step\n\n"
        "@step(outputs='xs')\ndef many():\n    return list(range(1000))\n\n"
        "@step(outputs='n')\ndef total(xs, *, times: int = 1):\n    return sum(xs) * times\n"
    )
    world.recipe("[{many: {}, cache: true}, total]")
    flowrun("r.yaml", FLOWRUN_HOME="theirs", **OTHER)
    assert "adopted 2 records of steps, 1 values" in adopted(flowrun, "theirs")
    done = flowrun("r.yaml", "--set", "total.times=2")
    assert done.stderr == ""
    assert "recomputed" not in done.stdout
    assert "999000" in done.stdout


def test_a_store_is_adopted_from_the_folder_of_a_project(world: World, flowrun: Flowrun) -> None:
    world.recipe("[one]")
    flowrun("r.yaml", FLOWRUN_HOME="theirs/.flowrun", **OTHER)
    assert "adopted 1 records of steps" in adopted(flowrun, "theirs")


@pytest.mark.parametrize("folder", [(), (".flowrun",)])
def test_a_received_run_is_adopted_without_a_store(
    world: World, flowrun: Flowrun, folder: tuple[str, ...]
) -> None:
    world.recipe("[one]")
    flowrun("r.yaml", FLOWRUN_HOME="theirs", **OTHER)
    Path(".flowrun").mkdir(exist_ok=True)
    Path("theirs/runs").rename(".flowrun/runs")
    assert "0 values and 1 runs" in adopted(flowrun, *folder)
    assert "elsewhere" not in flowrun("runs").stdout
    again = flowrun("store", "adopt")
    assert again.returncode == 2
    assert "no run in it is from elsewhere" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [((), "no store was set aside"), (("nowhere",), "there is no store in nowhere")],
)
def test_nothing_to_adopt_is_a_clear_error(
    flowrun: Flowrun, arguments: tuple[str, ...], says: str
) -> None:
    done = flowrun("store", "adopt", *arguments)
    assert done.returncode == 2
    assert says in done.stderr


def of_another_format(connection: sqlite3.Connection) -> None:
    connection.execute("pragma user_version = 3")


def with_a_trigger(connection: sqlite3.Connection) -> None:
    connection.execute("create trigger t after insert on steps begin delete from runs; end")


@pytest.mark.parametrize(
    ("change", "says"),
    [(of_another_format, "its tables have the format 3, not 5"),
     (with_a_trigger, "has other tables than flowrun makes")],
)  # fmt: skip
def test_a_store_with_other_tables_is_set_aside_and_can_be_adopted(
    world: World, flowrun: Flowrun, change: Callable[[sqlite3.Connection], None], says: str
) -> None:
    world.recipe("[one, add]")
    world.called()
    with closing(sqlite3.connect(TABLES)) as connection:
        change(connection)
    done = flowrun("r.yaml")
    assert says in done.stderr
    assert "kept" not in done.stdout
    for path in TABLES.parent.glob("records.sqlite*"):
        path.unlink()
    assert adopted(flowrun).startswith("adopted 2 records of steps")
    assert flowrun("r.yaml").stdout.count("kept") == 2


def test_a_run_from_elsewhere_is_marked_and_is_never_the_last(
    world: World, flowrun: Flowrun
) -> None:
    world.recipe("[one]")
    own = world.run()[0].record["id"]
    record = (Path(".flowrun/runs") / own / "run.json").read_text()
    other = Path(".flowrun/runs/20991231-000000-abcdef")
    other.mkdir()
    (other / "run.json").write_text(record.replace(own, other.name).replace('"r"', '"theirs"'))
    listed = flowrun("runs").stdout
    assert "ok (elsewhere)" in next(line for line in listed.splitlines() if other.name in line)
    assert "elsewhere" not in next(line for line in listed.splitlines() if own in line)
    assert own in flowrun("show", "last").stdout
    shown = flowrun("show", other.name)
    assert shown.returncode == 0
    assert "elsewhere" in shown.stdout
    assert "made elsewhere" in flowrun("diff", own, other.name).stdout


def test_a_lock_that_is_held_is_waited_for_and_announced_and_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.2)
    monkeypatch.setattr(tables, "PATIENCE", 0.2)
    monkeypatch.setattr(database, "_WAIT", 0.6)
    world.recipe("[one]")
    world.called()
    warnings: list[str] = []
    store = Store(Path(".flowrun"), warnings.append)
    with closing(sqlite3.connect(TABLES, isolation_level=None)) as other:
        other.execute("begin immediate")
        start = time.monotonic()
        for _ in range(5):
            store.database.write("delete from runs where id = ?", [("x",)])
        store.close()
        assert 0.5 < time.monotonic() - start < 5.0
    assert [text[:27] for text in warnings] == [
        "waiting for another process",
        "not everything could be kep",
    ]


def test_two_processes_set_a_foreign_store_aside_once(world: World, flowrun: Flowrun) -> None:
    world.recipe("[one]")
    flowrun("r.yaml", **OTHER)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: flowrun("r.yaml"), range(4)))
    assert [one.returncode for one in done] == [0] * 4
    assert sum("was not made with your key" in one.stderr for one in done) == 1
    assert len(list(Path(".flowrun").glob("store-aside-*"))) == 1


def test_a_foreign_store_that_cannot_be_moved_is_not_believed(
    world: World, flowrun: Flowrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.recipe("[one]")
    flowrun("r.yaml", **OTHER)
    warnings: list[str] = []

    def refused(path: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "rename", refused)
    store = Store(Path(".flowrun"), warnings.append)
    assert list(store.records.all()) == []
    assert store.objects.least_used() == []
    store.close()
    (text,) = warnings
    assert "cannot be set aside (Permission denied): nothing of it is used" in text


@pytest.mark.parametrize(
    "command",
    [["runs"], ["store"], ["store", "gc"], ["store", "gc", "--keep-days", "0"], ["store", "verify"],
     ["explain", "r.yaml"], ["diff", "last", "last"]],
    ids=" ".join,
)  # fmt: skip
def test_a_command_that_only_looks_leaves_a_foreign_store_where_it_is(
    world: World, flowrun: Flowrun, command: list[str]
) -> None:
    world.recipe("[one]")
    assert flowrun("r.yaml", **OTHER).returncode == 0
    tables = TABLES.read_bytes()
    done = flowrun(*command)
    assert "Traceback" not in done.stderr
    if command[0] != "diff":  # which finds no run to compare
        assert done.stderr.count("nothing of it is used; a run sets it aside") == 1
    assert TABLES.read_bytes() == tables
    assert not ASIDE.exists()


def test_a_store_that_was_set_aside_is_used_again_with_its_key(
    world: World, flowrun: Flowrun
) -> None:
    world.recipe("[one, add]")
    assert flowrun("r.yaml").returncode == 0
    assert "was not made with your key" in flowrun("r.yaml", **OTHER).stderr
    for environment in ({}, OTHER, {}):
        done = flowrun("r.yaml", **environment)
        assert "was made with your key, and is used again" in done.stderr
        assert done.stdout.count("kept") == 2
    assert len(list(Path(".flowrun").glob("store*"))) == 2


def test_a_store_with_a_link_in_it_is_not_taken_back(
    world: World, flowrun: Flowrun, tmp_path: Path
) -> None:
    world.recipe("[one]")
    assert flowrun("r.yaml").returncode == 0
    assert flowrun("r.yaml", **OTHER).returncode == 0
    outside = tmp_path / "outside"
    outside.mkdir()
    (ASIDE / "aside").symlink_to(outside)
    done = flowrun("r.yaml")
    assert "is used again" not in done.stderr
    assert ASIDE.is_dir()
    assert list(outside.iterdir()) == []


def test_a_store_that_cannot_be_used_is_not_said_to_be_whole(
    world: World, flowrun: Flowrun
) -> None:
    world.recipe("[one]")
    assert flowrun("r.yaml").returncode == 0
    for environment in ({"XDG_STATE_HOME": "/dev/null"}, OTHER):
        done = flowrun("store", "verify", **environment)
        assert done.returncode == 1
        assert done.stdout == "nothing could be verified: the store cannot be used\n"
        assert len(done.stderr.splitlines()) == 1


def test_no_command_removes_a_store_that_was_set_aside(world: World, flowrun: Flowrun) -> None:
    world.recipe("[one]")
    assert flowrun("r.yaml", **OTHER).returncode == 0
    assert flowrun("r.yaml").returncode == 0
    kept = {path: path.read_bytes() for path in ASIDE.rglob("*") if path.is_file()}
    assert flowrun("store", "gc", "--keep-days", "0", "--max-size", "0B").returncode == 0
    assert {path: path.read_bytes() for path in ASIDE.rglob("*") if path.is_file()} == kept
    assert "stores set aside" in flowrun("store").stdout


@pytest.mark.parametrize("mask", [0o002, 0o022, 0o077], ids=oct)
def test_the_files_of_a_store_have_the_modes_that_the_user_wants(world: World, mask: int) -> None:
    world.recipe("[one, add]")
    before = os.umask(mask)
    try:
        world.called()
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in Path(".flowrun").rglob("*.sqlite")}
    assert modes == {0o666 & ~mask}
