"""A home folder that cannot be written, or not even read: the run gives its result all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaigns.faults.undisturbed import Undisturbed
from tests.campaigns.faults.worlds import Ended, World

Command = tuple[str, ...]


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """What begins a command that permissions bind; nothing where they bind this user already."""
    if os.geteuid():
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("permissions do not bind root, and there is no setpriv to give rights up")
    lost = "-dac_override,-dac_read_search,-fowner"
    command = ("setpriv", f"--bounding-set={lost}", f"--inh-caps={lost}")
    folder = tmp_path_factory.mktemp("unwritable")
    folder.chmod(0o555)
    touched = subprocess.run([*command, "touch", str(folder / "file")], check=False)
    if not touched.returncode:
        pytest.skip("permissions do not bind root here, whatever rights it gives up")
    return command


@pytest.fixture
def ran(tmp_path: Path, plain: Undisturbed) -> Iterator[World]:
    """Where the recipe has run before; permissions are given back at the end."""
    world = plain.ran.copy(tmp_path / "world")
    yield world
    for path in (world.home, *world.home.rglob("*")):
        path.chmod(0o755)


def test_what_a_read_only_home_holds_is_used(
    ran: World, plain: Undisturbed, bound: Command
) -> None:
    for path in (*ran.home.rglob("*"), ran.home):
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = ran.run("--set", "write.to=out/elsewhere.json", before=bound)
    _is_all_well(ran, plain, done)
    assert ran.saved()["elsewhere.json"] == plain.outcome.saved["numbers.json"]
    assert ran.calls_of("walk") == 1  # in the run before


def test_a_home_without_any_permission_is_done_without(
    ran: World, plain: Undisturbed, bound: Command
) -> None:
    ran.home.chmod(0)
    done = ran.run(before=bound)
    _is_all_well(ran, plain, done)
    assert ran.calls_of("walk") == 2


def test_a_home_that_cannot_be_made_is_done_without(
    tmp_path: Path, plain: Undisturbed, bound: Command
) -> None:
    world = plain.world(tmp_path / "world")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    done = world.run(before=bound, told={"FLOWRUN_HOME": str(locked / "home")})
    locked.chmod(0o755)
    _is_all_well(world, plain, done)


def test_a_file_in_place_of_the_home_is_done_without(tmp_path: Path, plain: Undisturbed) -> None:
    world = plain.world(tmp_path / "world")
    world.home.write_text("in the way")
    done = world.run()
    _is_all_well(world, plain, done)
    assert world.home.read_text() == "in the way"


@pytest.mark.parametrize("part", ["store", "runs", "store/objects", "store/checkpoints"])
def test_a_file_in_place_of_a_part_of_the_home_is_done_without(
    tmp_path: Path, plain: Undisturbed, part: str
) -> None:
    world = plain.world(tmp_path / "world")
    path = world.home / part
    path.parent.mkdir(parents=True)
    path.write_text("in the way")
    _is_all_well(world, plain, world.run())


def _is_all_well(world: World, plain: Undisturbed, done: Ended) -> None:
    """The result is there, and one warning says what could not be kept."""
    assert done.code == 0
    assert world.shown(done) == plain.shown
    assert done.err.count("warning: not everything could be kept") == done.warnings == 1
    assert "Traceback" not in done.err
