"""Files that are gone, or cannot be read, when a run wants to keep what it knows of them."""

from __future__ import annotations

import os
from pathlib import Path

from tests.campaigns.faults.worlds import World

STEPS = '''
from pathlib import Path
from flowrun import step

@step(outputs="x")
def remove(*, what: str, ctx):
    """Look at a file and remove it."""
    path = ctx.reads(ctx.path(what))
    path.unlink()
    return 1

@step(outputs="y")
def look(x, *, what: str, ctx):
    """Look at a file without reading it."""
    return ctx.reads(ctx.path(what)).exists()
'''
RECIPE = """
recipe: vanishing
plugins: [./steps.py]
steps:
  - remove: {what: WHAT}
  - look: {what: steps.py}
"""

PIPED = RECIPE.replace("WHAT", "data.txt").replace("steps.py}", "pipe}")


def test_a_run_goes_on_where_the_file_of_its_steps_has_gone(tmp_path: Path) -> None:
    files = {"steps.py": STEPS, "recipe.yaml": RECIPE.replace("WHAT", "steps.py")}
    done = World(tmp_path / "world", files).run()
    assert done.code == 0
    assert "y False" in done.out
    assert "Traceback" not in done.err


def test_a_pipe_that_a_step_looks_at_is_not_waited_for(tmp_path: Path) -> None:
    files = {"steps.py": STEPS, "recipe.yaml": PIPED, "data.txt": "1"}
    world = World(tmp_path / "world", files)
    os.mkfifo(world.folder / "pipe")
    assert "y True" in world.run().out


def test_a_step_that_removes_what_it_read_is_not_kept(tmp_path: Path) -> None:
    files = {
        "steps.py": STEPS,
        "recipe.yaml": RECIPE.replace("WHAT", "data.txt"),
        "data.txt": "1",
    }
    done = World(tmp_path / "world", files).run()
    assert done.code == 0
    assert "file data.txt is gone while the step ran; its result is not kept" in done.out
    assert "y True" in done.out
