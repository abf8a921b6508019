"""Files of folders from elsewhere: plain names, regular files, links that stay in a folder."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

import flowrun
from flowrun.values import files
from flowrun.values.files import UnsafeFileError, opened, plain_name, read_bytes, remove_file

PLAIN = ("values.json", "tensors-0.safetensors", "a b.csv", "Größe.npy", "x" * 255, "...x",
         "lr:1.safetensors", "a\\b", "a\u3000b", "a\u202eb")  # fmt: skip
OTHER = ("", ".", "..", "../x", "/x", "a/b", "a\0", "a\n", "a\x1b[2J", "a\x9b",
         "x" * 256, ".hidden", 7, None, ["x"])  # fmt: skip


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)


SPECIAL = {"a named pipe": _pipe, "a device": _device, "a socket": _socket}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_name_is_one_of_a_file_in_a_folder(name: str) -> None:
    assert plain_name(name, may_be_hidden=True) == name


@pytest.mark.parametrize("name", OTHER, ids=ascii)
def test_any_other_name_is_refused_and_shown(name: object) -> None:
    with pytest.raises(UnsafeFileError, match=r"is no plain name|is longer|is no text") as caught:
        plain_name(name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("what", SPECIAL)
def test_a_special_file_is_neither_read_nor_replaced(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("x")
    SPECIAL[what](path)
    for read in (opened, read_bytes, flowrun.require_file):
        with pytest.raises(UnsafeFileError, match=f"it is {what}"):
            read(path)
    with pytest.raises(UnsafeFileError, match=rf"it is {what}|leads out of"):
        flowrun.replacing(path).__enter__()
    assert not path.is_file()


@pytest.mark.parametrize("has_flag", [True, False], ids=["", "on a system without O_NOFOLLOW"])
def test_a_file_below_a_folder_is_no_link(
    has_flag: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "NO_LINK", files.NO_LINK if has_flag else 0)
    (tmp_path / "a").write_text("a")
    (tmp_path / "link").symlink_to("a")
    assert flowrun.file_below(tmp_path, "a") == tmp_path / "a"
    assert read_bytes(tmp_path / "link") == b"a"
    for read in (
        lambda: flowrun.file_below(tmp_path, "link"),
        lambda: read_bytes(tmp_path / "link", follow=False),
    ):
        with pytest.raises(UnsafeFileError, match="it is a link"):
            read()
    with pytest.raises(FileNotFoundError):
        flowrun.file_below(tmp_path, "none")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnsafeFileError, match="it is a folder"):
        flowrun.file_below(tmp_path, "folder")


def test_a_link_that_has_come_after_the_look_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "link").symlink_to("a")
    monkeypatch.setattr(files, "require_file", lambda path, follow: None)
    with pytest.raises(OSError, match="symbolic links"):
        read_bytes(tmp_path / "link", follow=False)


def test_a_pipe_that_has_come_after_the_look_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(files, "require_file", lambda path, follow: None)
    with pytest.raises(UnsafeFileError, match="it is a named pipe"):
        read_bytes(tmp_path / "pipe")


def _written(path: Path, within: Path | None = None) -> None:
    with flowrun.replacing(path, within) as temporary:
        temporary.write_text("new")


@pytest.mark.parametrize("is_there", [True, False])
def test_nothing_is_written_through_a_link_that_leads_out_of_the_folder(
    is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, outside = tmp_path / "here", tmp_path / "outside"
    here.mkdir()
    if is_there:
        (outside / "x").mkdir(parents=True)
        (outside / "file").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(here)
    Path("folder").symlink_to("../outside/x")
    Path("file").symlink_to(outside / "file")
    for path in (Path("folder/a"), Path("folder/b/c"), Path("file"), here / "file"):
        with pytest.raises(UnsafeFileError, match=r"a link leads out of .*here, to .*outside"):
            _written(path)
    assert sorted({*tmp_path.rglob("*")} - {here / "folder", here / "file"}) == before
    assert not is_there or (outside / "file").read_text() == "mine"


def test_a_link_that_stays_in_the_folder_is_followed_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("inner").mkdir()
    Path("inner/a").write_text("old")
    Path("folder").symlink_to("inner")
    Path("link").symlink_to("folder/a")
    _written(Path("folder/b"))
    _written(Path("link"))
    assert {path.name: path.read_text() for path in Path("inner").iterdir()} == {
        "a": "new",
        "b": "new",
    }
    assert (Path("folder").is_symlink(), Path("link").is_symlink()) == (True, True)


def test_a_link_may_not_leave_its_folder_from_wherever_a_command_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "received/inner").mkdir(parents=True)
    (tmp_path / "received/inner/link").symlink_to("../other")
    (tmp_path / "received/folder").symlink_to("../outside")
    for started in ("", "received", "here"):
        monkeypatch.chdir(tmp_path / started)
        for name in ("inner/link", "folder/a"):
            with pytest.raises(UnsafeFileError, match=r"leads out of .*received"):
                _written(tmp_path / "received" / name, tmp_path / "received")
    assert not (tmp_path / "received/other").exists()
    assert not (tmp_path / "outside").exists()


def test_a_link_of_another_folder_may_not_leave_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "there").mkdir()
    (tmp_path / "there/link").symlink_to("../other")
    for path in (tmp_path / "there/link", Path("../there/link")):
        with pytest.raises(UnsafeFileError, match="leads out of"):
            _written(path)
    _written(tmp_path / "there/file")
    assert (tmp_path / "there/file").read_text() == "new"
    assert not (tmp_path / "other").exists()


def test_only_a_regular_file_is_removed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "folder").mkdir()
    for name in ("link", "folder", "none"):
        remove_file(tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "link", "folder"}
    remove_file(tmp_path / "a")
    assert {path.name for path in tmp_path.iterdir()} == {"link", "folder"}


def test_what_is_written_behind_a_link_and_back_is_at_the_path_that_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "outside/inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    Path("link").symlink_to("../outside/inner")
    _written(Path("link/../x"))
    assert Path("x").read_text() == "new"
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["inner"]
