"""Recipes that are open pipes are read; named pipes and links to themselves are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import flowrun

RECIPE = "recipe: piped\nsteps: [make]\n"


def _open_pipe(text: str, folder: str = "/dev/fd") -> str:
    """The path of an open pipe with a text in it, as a shell gives it for `<(...)`."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    return f"{folder}/{reading}"


@pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd"])
def test_a_recipe_that_the_user_names_may_be_an_open_pipe(folder: str) -> None:
    assert flowrun.load_recipe(Path(_open_pipe(RECIPE, folder))).name == "piped"


def test_one_that_another_recipe_extends_may_not(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"recipe: r\nextends: {_open_pipe(RECIPE)}\n")
    with pytest.raises(flowrun.RecipeError, match="`extends` names a file that is not there"):
        flowrun.load_recipe(recipe)


def test_a_named_pipe_is_no_recipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "r.yaml")
    with pytest.raises(flowrun.RecipeError, match="it is a named pipe, and a file is expected"):
        flowrun.load_recipe(tmp_path / "r.yaml")


@pytest.mark.parametrize(
    ("line", "says"),
    [("extends: loop.yaml", "`extends` names a file that is not there"),
     ("plugins: [./loop.py]", r"the plugin file loop\.py is not there"),
     ("extends: base.yaml", "`extends` names a file that is not there")],
)  # fmt: skip
def test_a_link_to_itself_is_no_file(
    line: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("loop.yaml", "loop.py"):
        Path(name).symlink_to(name)
    Path("r.yaml").write_text(f"recipe: r\n{line}\nsteps: [make]\n")
    with pytest.raises(flowrun.FlowrunError, match=says) as caught:
        flowrun.plan(Path("r.yaml"))
    assert "did you mean" not in str(caught.value)
