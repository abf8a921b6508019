"""Where `save` writes: links that leave their folder are refused, paths of the recipe are not."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowrun


def saved(folder: Path, to: str) -> None:
    path = folder / "r.yaml"
    path.write_text(
        f"recipe: r\nsteps:\n  - tensor: {{a: [1.5, 2]}}\n  - save: {{to: {to}, values: [a]}}\n"
    )
    flowrun.run(path, progress=False)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".yaml"}


def test_a_recipe_may_save_outside_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    saved(tmp_path / "inner", "../results/a.npy")
    assert files(tmp_path / "results") == {"a.npy"}


@pytest.mark.parametrize("to", ["out", "out/x.npy", "x.npy", "inner/out", "../received/out"])
def test_a_link_that_leaves_its_folder_is_refused(to: str, tmp_path: Path) -> None:
    received, outside = tmp_path / "received", tmp_path / "outside"
    (received / "inner").mkdir(parents=True)
    outside.mkdir()
    (outside / "x.npy").write_text("mine")
    for name, target in (("out", "../outside"), ("x.npy", "../outside/x.npy"),
                         ("inner/out", "../../outside")):  # fmt: skip
        (received / name).symlink_to(target)
    with pytest.raises(flowrun.StepError, match="is not written: a link leads out of"):
        saved(received, to)
    assert files(outside) == {"x.npy"}
    assert (outside / "x.npy").read_text() == "mine"


def test_the_file_that_another_values_json_names_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "out/values.json").write_text('{"tensors": "../thesis.txt", "values": {}}')
    saved(tmp_path, "out")
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    saved(tmp_path, "out")
    assert len(files(tmp_path / "out")) == 2
