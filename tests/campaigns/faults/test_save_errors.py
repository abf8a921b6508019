"""A disk that fails where `save` writes, or a kill: the old files are whole, or the new ones."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from filelock import FileLock

from tests.campaigns.faults.injecting import Faults
from tests.campaigns.faults.scale import IS_WHOLE
from tests.campaigns.faults.worlds import Shared, World

RECIPE = """
recipe: saving
steps:
  - tensor: {a: [1.5, 2.5], b: [[1, 2], [3, 4]]}
  - save: {to: "out/TARGET", values: [a, b]}
"""
OTHER = ("--set", "tensor.a=[3.5, 4.5]")
HOW = ["enospc", "eio", "short", "kill", "tear"] if IS_WHOLE else ["short"]
FILES = ["x.safetensors", "x.pt", "x.npz"]
CALLS = [("folder", number) for number in range(1, 13)]  # the calls that write where it saves
CALLS += [(name, number) for name in FILES for number in range(1, 7)]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("target", "number"), CALLS if IS_WHOLE else [("folder", 9)])
def test_a_failing_disk_fails_the_save_and_leaves_the_old_files_whole(
    tmp_path: Path, shared: Shared, faults: Faults, how: str, target: str, number: int
) -> None:
    before = _saved(shared(f"saved-{target}"), target)
    after = _saved(shared(f"saved-again-{target}"), target, OTHER)
    world = before.copy(tmp_path / "world")
    done = world.run(*OTHER, told=faults.at(number, how, world.out))
    # 0 where the call takes nothing away, or there are not so many
    assert done.code in ((0, -signal.SIGKILL) if how in ("kill", "tear") else (0, 3))
    if done.code == 3:
        assert "Traceback" not in done.err
        assert "save" in done.err
        assert "No space left" in done.err or "Input/output error" in done.err
    old, new, found = (one.saved() for one in (before, after, world))
    assert old.items() <= found.items() or new.items() <= found.items()
    again = world.run(*OTHER)
    assert (again.code, again.err) == (0, "")
    assert world.saved() == new
    assert world.leftovers() == []


def _saved(folder: Path, target: str, *commands: tuple[str, ...]) -> World:
    with FileLock(folder / "lock"):
        files = {"recipe.yaml": RECIPE.replace("TARGET", target)}
        world = World(folder / "world", files)
        if not world.home.exists():
            for arguments in ((), *commands):
                assert world.run(*arguments).code == 0
    return world
