"""The folders of flowrun's own: no link stands in them, and only what flowrun made is removed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import flowrun
from flowrun.errors import FlowrunError
from flowrun.store.maintenance import Maintenance
from flowrun.store.store import Store

LONG_AGO = 1.5e9
STEPS = "from flowrun import step\n\n@step(outputs='n')\ndef make():\n    return 1\n"
NAME = "0123456789abcdef" * 2


def opened(folder: str) -> Store:
    return Store(Path(folder), lambda text: None)


def write_recipe(path: Path) -> None:
    path.write_text("recipe: r\nplugins: [./make.py]\nsteps: [make]\n")
    path.with_name("make.py").write_text(STEPS)


@pytest.mark.parametrize(
    "name",
    [
        "runs",
        "store",
        "store/aside",
        "store/checkpoints",
        "store/lock",
        "store/locks",
        "store/objects",
        "store/replays",
        "store/records.sqlite",
        "store/records.sqlite-wal",
    ],
)
def test_a_link_in_the_place_of_a_folder_or_file_is_refused(name: str) -> None:
    Path("other").mkdir()
    link = Path(".flowrun", name)
    link.parent.mkdir(parents=True)
    link.symlink_to(Path("other").resolve())
    with pytest.raises(FlowrunError, match=f"{name} is a link, and flowrun writes through none"):
        opened(".flowrun")
    assert list(Path("other").iterdir()) == []


def test_other_links_in_the_folders_are_not_minded() -> None:
    Path(".flowrun/runs").mkdir(parents=True)
    Path(".flowrun/latest").symlink_to("runs")
    opened(".flowrun").close()


def test_the_folder_itself_may_be_a_link_that_stays_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLOWRUN_HOME", raising=False)
    (tmp_path / "here/inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    Path(".flowrun").symlink_to("inner")
    opened(".flowrun").close()
    for outside in ("..", ".flowrun"):  # the second leads to itself
        Path(".flowrun").unlink()
        Path(".flowrun").symlink_to(outside)
        with pytest.raises(FlowrunError, match=r"\.flowrun is a link.*\n.*\n.*\n.*FLOWRUN_HOME="):
            opened(".flowrun")


def test_a_folder_that_the_user_names_may_be_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("mine").symlink_to("../there")
    monkeypatch.setenv("FLOWRUN_HOME", "mine")
    write_recipe(Path("r.yaml"))
    flowrun.run("r.yaml", progress=False)
    (run,) = (tmp_path / "there/runs").iterdir()
    assert (run / "run.json").is_file()
    assert (tmp_path / "there/store/records.sqlite").is_file()


def test_a_cleaning_leaves_what_the_store_has_not_made() -> None:
    own = [
        f"store/objects/{NAME}.json",
        f"store/aside/{NAME}.json",
        "store/aside/records.sqlite.17",
        f"store/checkpoints/{NAME}.json",
    ]
    others = [
        "runs/20240101-000000-abcdef/run.json",
        "runs/mine/run.json",
        "runs/mine/notes.txt",
        "store/objects/notes.txt",
        "store/objects/notes.json",
        "store/aside/notes.json",
        "store/checkpoints/notes.txt",
        "store/replays/notes.txt",
        "store/locks/notes.lock.txt",
    ]
    for name in (*own, *others):
        path = Path("home", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"status": "ok", "started": "2001-01-01T00:00:00+00:00"}')
        os.utime(path, (LONG_AGO, LONG_AGO))
    link = Path("home/store/aside", f"{NAME}-0000000000000000.safetensors")
    link.symlink_to(Path("home/runs/mine/notes.txt").resolve())
    store = opened("home")
    cleaned = Maintenance(store).clean(keep_days=1, max_size=0)
    store.close()
    assert cleaned.runs == 0, "no run has the seal of the user's key"
    left = {str(path.relative_to("home")) for path in Path("home").rglob("*") if path.is_file()}
    assert {name for name in (*own, *others) if name in left} == {*others}
    assert link.is_symlink()
