"""The note by which an unchanged command is answered, damaged: the command runs as ever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaigns.faults.altering import WAYS, flip
from tests.campaigns.faults.scale import IS_WHOLE
from tests.campaigns.faults.undisturbed import Undisturbed
from tests.campaigns.faults.worlds import World


@pytest.mark.parametrize("way", [way for way in WAYS if way.__name__ != "turn"])
def test_a_note_that_is_cut_or_gone_answers_nothing(
    tmp_path: Path, plain: Undisturbed, way: Callable[[Path], None]
) -> None:
    world = plain.world(tmp_path / "world")
    way(_note_of(world))
    _answers_rightly(world, plain)


def test_a_note_with_another_name_in_it_answers_nothing(tmp_path: Path, plain: Undisturbed) -> None:
    world = plain.world(tmp_path / "world")
    note = _note_of(world)
    flip(note, note.read_bytes().index(b'"identity"') + 1, 0)
    _answers_rightly(world, plain)


def test_a_note_with_another_figure_in_it_answers_nothing(
    tmp_path: Path, plain: Undisturbed
) -> None:
    world = plain.world(tmp_path / "world")
    note = _note_of(world)
    flip(note, note.read_bytes().index(b"metrics {mean 0.") + len("metrics {mean 0."), 0)
    _answers_rightly(world, plain)


@pytest.mark.skipif(not IS_WHOLE, reason="a part of `make campaigns` alone")
def test_no_turned_bit_of_a_note_changes_the_answer(tmp_path: Path, plain: Undisturbed) -> None:
    world = plain.world(tmp_path / "world")
    note = _note_of(world)
    content = note.read_bytes()
    for place in range(200):
        note.write_bytes(content)
        flip(note, place * len(content) // 200, place % 8)
        _answers_rightly(world, plain)


def _note_of(world: World) -> Path:
    """Run a recipe, and give the note that it has left."""
    assert world.run().code == 0
    (note,) = (world.store / "replays").iterdir()
    return note


def _answers_rightly(world: World, plain: Undisturbed) -> None:
    done = world.run()
    assert (done.code, done.err) == (0, "")
    assert world.shown(done) == plain.shown
    assert world.outcome() == plain.outcome
