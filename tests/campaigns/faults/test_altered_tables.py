"""The store's tables damaged or gone: the result is right, and it is said what was put aside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaigns.faults.altering import WAYS, flip, overwrite
from tests.campaigns.faults.scale import IS_WHOLE, PARTS, part_of
from tests.campaigns.faults.undisturbed import Undisturbed
from tests.campaigns.faults.worlds import World

PAGE = 4096
SETTING = "write.to=out/elsewhere.json"


@pytest.mark.parametrize("way", WAYS)
def test_damaged_tables_are_begun_anew(
    tmp_path: Path, plain: Undisturbed, way: Callable[[Path], None]
) -> None:
    world = plain.ran.copy(tmp_path / "world")
    way(world.store / "records.sqlite")
    assert _wrong_with_rerun(world, plain) == []


@pytest.mark.parametrize("part", PARTS)
def test_tables_with_a_page_of_nonsense_spoil_no_result(
    tmp_path: Path, plain: Undisturbed, part: int
) -> None:
    size = (plain.ran.store / "records.sqlite").stat().st_size
    starts = range(0, size, PAGE if IS_WHOLE else 8 * PAGE)
    wrong = {}
    for start in part_of(starts, part):
        world = plain.ran.copy(tmp_path / str(start))
        overwrite(world.store / "records.sqlite", start, PAGE)
        wrong[start] = _wrong_with_rerun(world, plain)
    assert not any(wrong.values()), {start: found for start, found in wrong.items() if found}


@pytest.mark.parametrize("part", PARTS)
def test_tables_with_a_turned_bit_spoil_no_result(
    tmp_path: Path, plain: Undisturbed, part: int
) -> None:
    size = (plain.ran.store / "records.sqlite").stat().st_size
    wrong = {}
    for place in part_of(range(480) if IS_WHOLE else range(40, 480, 240), part):
        world = plain.ran.copy(tmp_path / str(place))
        flip(world.store / "records.sqlite", place * size // 480, place % 8)
        wrong[place] = _wrong_with_rerun(world, plain)
    assert not any(wrong.values()), {place: found for place, found in wrong.items() if found}


def _wrong_with_rerun(world: World, plain: Undisturbed) -> list[str]:
    """What is wrong with a run that needs what was kept; nothing, if all is well."""
    done = world.run("--set", SETTING)
    wrong = []
    if done.code or "Traceback" in done.err:
        return [f"it ended with {done.code}: {done.err}"]
    if world.shown(done) != plain.shown:
        wrong.append(f"it printed {done.out}")
    if world.saved()["elsewhere.json"] != plain.outcome.saved["numbers.json"]:
        wrong.append("it saved something else")
    if (world.store / "aside").is_dir() != ("damaged" in done.err):
        wrong.append(f"something was put aside, and it said {done.err}")
    again = world.run("--set", SETTING, "--quiet")
    if again.code or again.err:
        wrong.append(f"the next run ended with {again.code}: {again.err}")
    listed = world.command("runs")
    if listed.code or len(listed.out.splitlines()) < 3:
        wrong.append(f"the runs cannot be listed: {listed}")
    if not wrong:
        world.remove()
    return wrong
