"""A checkpoint counts only where what its step looked at is as it was when it was saved."""

from __future__ import annotations

from pathlib import Path

from tests.campaigns.faults.worlds import World, ended

STEPS = '''
import time
from flowrun import step

@step(outputs="total")
def add_up(*, path: str, ctx):
    """Add up the lines of a file, slowly."""
    lines = ctx.reads(ctx.path(path)).read_text().split()
    done, total = ctx.restored or (0, 0)
    for line in lines[done:]:
        total += int(line)
        done += 1
        ctx.checkpoint(lambda: (done, total))
        time.sleep(0.2)
    return total

@step(outputs="drawn")
def collect(*, ctx):
    """Collect the seed, slowly."""
    found = ctx.restored or []
    while len(found) < 4:
        found = [*found, ctx.seed % 1000]
        ctx.checkpoint(lambda: found)
        time.sleep(0.2)
    return found
'''
RECIPE = """
recipe: slow
plugins: [./steps.py]
steps:
  - add_up: {path: numbers.txt}
"""
SEEDED = RECIPE.replace("add_up: {path: numbers.txt}", "collect")
ALWAYS = {"FLOWRUN_CHECKPOINT_SECONDS": "0"}


def test_a_step_whose_file_has_changed_begins_anew(tmp_path: Path) -> None:
    files = {"steps.py": STEPS, "recipe.yaml": RECIPE, "numbers.txt": "1 2 3 4 5 6"}
    world = World(tmp_path / "world", files, ALWAYS)
    _kill_in_the_midst(world, "add_up")
    (world.folder / "numbers.txt").write_text("10 20 30 40 50 60")
    assert "total 210" in world.run().out


def test_a_step_that_looked_at_its_seed_begins_anew_with_another(tmp_path: Path) -> None:
    files = {"steps.py": STEPS, "recipe.yaml": SEEDED}
    world = World(tmp_path / "world", files, ALWAYS)
    _kill_in_the_midst(world, "collect")
    world.run("--seed", "7")
    digests = world.records()[-1]["steps"][0]["digests"]
    undisturbed = World(tmp_path / "undisturbed", files, ALWAYS)
    undisturbed.run("--seed", "7")
    assert digests == undisturbed.records()[-1]["steps"][0]["digests"]


def _kill_in_the_midst(world: World, step: str) -> None:
    process = world.start()
    world.wait_for("step_started", step, process)
    while not list((world.store / "checkpoints").glob("*.json")):
        assert process.poll() is None
    process.kill()
    assert ended(process).was_killed
