"""Attempts of strangers: nothing executes, nothing outside is touched, nothing hangs or breaks."""

from __future__ import annotations

import importlib
import re
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaigns.hostile.attempt import Attempt
from tests.campaigns.hostile.world import World

GROUPS = (
    "conftests data_bounds expression_bounds links machine names problem_bounds recipe_bounds "
    "record_bounds servers stores tables texts texts_of_files trust"
).split()
ATTEMPTS: list[Attempt] = [
    attempt
    for group in GROUPS
    for attempt in importlib.import_module(f"tests.campaigns.hostile.{group}").ATTEMPTS
]
# Control and direction characters, which a terminal obeys; of them, lines have their ends alone.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


MOST_MEMORY = 2**30  # bytes that a command may have resident at a time, torch included


def kind_of(attempt: Attempt) -> str:
    """The group of an attempt, for a sample with some of each."""
    return attempt.group


@pytest.mark.campaign(every=16, kind=kind_of)
@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
def test_an_attempt_comes_to_nothing(
    attempt: Attempt, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    world = World(tmp_path / "machine")
    world.make()
    with world.servers:
        attempt.prepare(world)
        record_property("memory", come_to_nothing(attempt, world))


def come_to_nothing(attempt: Attempt, world: World) -> int:
    """Run the commands of an attempt in its folder, which is prepared.

    Returns the most resident memory that one of them has had, in bytes.
    """
    before = world.everything_outside(), world.contents(tuple(attempt.files))
    assert not world.markers()
    output, code, memory = "", None, 0
    for command in attempt.commands:
        try:
            done = world.flowrun(
                *command, variables=attempt.variables, seconds=attempt.seconds, start=attempt.start
            )
        except subprocess.TimeoutExpired:
            pytest.fail(f"`flowrun {' '.join(command)}` hangs")
        output += done.stdout + done.stderr
        code = done.returncode
        assert "Traceback (most recent call last)" not in output, output
        assert code >= 0, f"killed by signal {-code}\n{output}"
        memory = max(memory, done.memory)
    # A process begins with the peak of the one that has forked it: this one, after other tests.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert memory < MOST_MEMORY or memory <= own, f"{memory:,} bytes\n{output}"
    assert not world.markers(), output
    assert (world.everything_outside(), world.contents(tuple(attempt.files))) == before, output
    assert not world.files_below(tuple(attempt.empty)), output
    assert not _OBEYED.search(output), ascii(output)
    assert code in attempt.codes, output
    assert not attempt.wrong_output(output), output
    return memory


def test_no_two_attempts_have_one_name() -> None:
    assert len({str(attempt) for attempt in ATTEMPTS}) == len(ATTEMPTS)
